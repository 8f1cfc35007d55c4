// One table of flags, in the order of --help: name, kind, default, what becomes of the value, help,
// and the field of Flags it goes to. Parsing, defaults, --help and /api/v1/status/flags read it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "model/time.h"
#include "server/flags.h"

namespace narthex::server {

/// What a flag's text is, which decides how it is checked and shown.
enum class Kind : unsigned char {
  kText,
  kBool,  // a switch: takes no value
  kList,  // may be repeated; joined by commas
  kDuration,
  kCount,    // 0 or more
  kInteger,  // any sign; what is below 0 acts as 0
  kBytes,
  kMemory,  // bytes or "auto"; shown as written
  kChoice,  // one of the words that the type of its field has
};

/// What the server does with the value.
enum class Use : unsigned char {
  kHonoured,
  kNoEffect,        // tunes Go's runtime or something Narthex has no need of
  kUnshown,         // likewise, and 3.14.0 does not have it yet
  kNotImplemented,  // refused unless it has its default
  kAgent,           // refused outside agent mode
};

/// Where a value goes: nowhere, or into a field.
using Field = std::variant<std::monostate, bool Flags::*, std::string Flags::*,
                           std::vector<std::string> Flags::*, model::DurationMs Flags::*,
                           std::size_t Flags::*, std::optional<std::size_t> Flags::*,
                           LogLevel Flags::*, LogFormat Flags::*>;

/// One flag.
struct Option {
  std::string_view name;  // without dashes
  Kind kind;
  std::string_view fallback;  // the default, as it is shown
  Use use;
  std::string_view help;
  Field field = {};  // of what is honoured
};

/// Every flag but --help and --version. Immutable.
std::span<const Option> options();

/// A value as upstream shows it: durations, sizes and numbers in their shortest form. Errors:
/// kInvalid when `text` is none of the kind; words of kMemory and kChoice are not looked at.
Result<std::string> shown_text(Kind kind, std::string_view text);

/// Puts the value of `text`, as shown, into the option's field, if it has one. Errors: kInvalid.
Result<void> store_option(const Option& option, std::string_view text, Flags& flags);

}  // namespace narthex::server
