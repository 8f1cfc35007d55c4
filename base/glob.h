// File name patterns as Go's path/filepath has them: `*`, `?`, `[a-z]`, `[^x]` and backslash, none
// of which crosses a slash. fnmatch() differs in negation, in what is malformed and in escapes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fs.h"
#include "base/result.h"

namespace narthex {

/// Does `name` match all of `pattern`? kInvalid "syntax error in pattern", also where the fault
/// lies behind what already does not match.
Result<bool> glob_match(std::string_view pattern, std::string_view name);

/// Does it hold anything but plain characters?
bool is_glob(std::string_view pattern);

/// The paths that exist and match, sorted within each directory; directories that cannot be read
/// hold none. A pattern without special characters is itself, if it exists. Errors: kInvalid.
Result<std::vector<std::string>> glob(FileSystem& fs, const std::string& pattern);

}  // namespace narthex
