// What \p{} means in a pattern: names as Go knows them, sets as RE2 writes them. Internal to
// base/regex. Unicode 15.0, as Go 1.26's package unicode and RE2 2022-06 as packaged.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narthex {

/// Which spellings of a name count.
enum class UnicodeNames : unsigned char {
  kLoose,  // Go 1.26: case, blanks, dashes and underscores do not count; long names of categories
  kExact,  // as Unicode spells them: the older copy of regexp/syntax that reads label matchers
};

/// What stands for \p{name} between the brackets of an RE2 class, \P{name} when `negated`; nothing
/// for a name that is not known.
std::optional<std::string> unicode_class(std::string_view name, bool negated, UnicodeNames names);

}  // namespace narthex
