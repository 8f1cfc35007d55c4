// Go's fmt.Sprintf, Sprint and Sprintln over template values, for the functions of these names.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "alerting/template/value.h"

namespace narthex::alerting::tmpl {

/// The longest text that any of these makes; kLimit beyond it.
inline constexpr std::size_t kFormattedBytesMax = std::size_t{1} << 20;  // docs/limits.md

/// Verbs v d s q x X o b c U t T e E f F g G; flags, width and precision, `*` included. What does
/// not fit is written as Go writes it: `%!d(string=hi)`.
Result<std::string> go_sprintf(std::string_view format, std::span<const Value> args);

/// Spaces between operands when neither is a string.
Result<std::string> go_sprint(std::span<const Value> args);

/// Spaces between all operands and a line feed.
Result<std::string> go_sprintln(std::span<const Value> args);

}  // namespace narthex::alerting::tmpl
