// The front of base/regex: patterns as Go's regexp/syntax takes them (Go 1.26, flags Perl), written
// as RE2 takes them. What Go refuses and RE2 would not is refused here in Go's words; the rest is
// RE2's to judge. No recursion: a pattern may nest as deeply as it likes. Internal to base/regex.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace narthex {

struct TranslatedRegex {
  std::string text;  // for RE2; groups have no names there
  std::vector<std::string>
      names;  // by group, from 1 on at index 0; empty: unnamed. Names may repeat
  // What stands in `text` for a \p{} that was spelled otherwise.
  std::vector<std::pair<std::string, std::string>> spellings;
  bool balanced = true;  // no parenthesis closes what nothing has opened
};

/// Errors: kInvalid "error parsing regexp: <what>: `<where>`".
Result<TranslatedRegex> translate_regex(std::string_view pattern);

/// "error parsing regexp: <what>: `<where>`".
Error regex_error(std::string_view what, std::string_view where);

}  // namespace narthex
