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

/// How deeply the tree of a pattern may nest, one node high being 1.
inline constexpr std::size_t kRegexHeightMax = 1000;  // fixed by regexp/syntax

/// A pattern as RE2 is to compile it, and what the translation knows of its groups.
struct TranslatedRegex {
  std::string text;  // for RE2; groups have no names there
  std::vector<std::string>
      names;  // by group, from 1 on at index 0; empty: unnamed. Names may repeat
  std::size_t anchored_height = 0;  // of the tree of ^(?:pattern)$
};

/// Time and memory are linear in the pattern, up to 4 MiB of translation. Errors: kInvalid "error
/// parsing regexp: <what>: `<where>`", `where` being the part of the pattern that Go shows. Pure.
Result<TranslatedRegex> translate_regex(std::string_view pattern, UnicodeNames names);

/// "error parsing regexp: <what>: `<where>`".
Error regex_error(std::string_view what, std::string_view where);

}  // namespace narthex
