// Splits a command line the way Prometheus' flag library does: --name=value, --name value,
// --switch, --no-switch, @file for arguments kept in a file. What the values mean is not known
// here.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs.h"
#include "base/result.h"

namespace narthex::server {

/// What was given, not yet looked at.
struct Arguments {
  /// By flag name without dashes, in the order given. A switch has "true" or "false".
  std::map<std::string, std::vector<std::string>, std::less<>> given;
};

/// `switches` says of each known flag whether it is a switch, which takes no value. Errors:
/// kInvalid with upstream's text for an unknown flag, a missing value, a stray argument, or a file
/// that cannot be read.
Result<Arguments> split_arguments(const std::vector<std::string>& arguments,
                                  const std::map<std::string_view, bool>& switches, FileSystem& fs);

}  // namespace narthex::server
