// Go's fmt.Sprintf, Sprint and Sprintln over template values.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "alerting/template/value.h"

namespace narthex::alerting::tmpl {

/// Verbs v d s q x X o b c U t T e E f F g G; flags, width and precision, `*` included. What does
/// not fit is written as Go writes it: `%!d(string=hi)`.
std::string go_sprintf(std::string_view format, std::span<const Value> args);

/// Spaces between operands when neither is a string.
std::string go_sprint(std::span<const Value> args);

/// Spaces between all operands and a line feed.
std::string go_sprintln(std::span<const Value> args);

}  // namespace narthex::alerting::tmpl
