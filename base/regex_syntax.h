// The front of base/regex: reads patterns as Go's regexp/syntax does (flags Perl), refuses what it
// refuses in its words, and writes the rest as RE2 takes it. No recursion: a pattern may nest as
// deeply as it likes. Internal to base/regex.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/regex_unicode.h"
#include "base/result.h"

namespace narthex {

inline constexpr std::size_t kRegexHeightMax = 1000;  // fixed by regexp/syntax

struct TranslatedRegex {
  std::string text;  // for RE2; groups have no names there
  std::vector<std::string>
      names;  // by group, from 1 on at index 0; empty: unnamed. Names may repeat
  std::size_t anchored_height = 0;  // of the tree of ^(?:pattern)$
};

/// Errors: kInvalid "error parsing regexp: <what>: `<where>`".
Result<TranslatedRegex> translate_regex(std::string_view pattern, UnicodeNames names);

/// "error parsing regexp: <what>: `<where>`".
Error regex_error(std::string_view what, std::string_view where);

}  // namespace narthex
