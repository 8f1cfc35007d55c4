// One table of flags, in the order of --help: name, kind, default, what becomes of the value, help.
#pragma once

#include <span>
#include <string_view>

namespace narthex::server {

/// What a flag's text is, which decides how it is checked and shown.
enum class Kind : unsigned char { kText, kBool, kList, kDuration, kCount, kInteger, kBytes };
/// What the server does with the value.
enum class Use : unsigned char {
  kHonoured,
  kNoEffect,        // tunes Go's runtime or something Narthex has no need of
  kNotImplemented,  // refused unless it has its default
  kAgent,           // refused outside agent mode
};

/// One flag.
struct Option {
  std::string_view name;  // without dashes
  Kind kind;
  std::string_view fallback;  // the default, as it is shown
  Use use;
  std::string_view help;
};

/// Every flag but --help and --version. Immutable.
std::span<const Option> options();

}  // namespace narthex::server
