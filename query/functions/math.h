// Functions of single values: math, trigonometry, rounding, calendar. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "query/promql/token.h"

namespace narthex::query {

/// A function of one value; NaN and infinities are arguments like others.
using UnaryMath = double (*)(double);

/// abs, ceil, sqrt, sin, ... and minute, hour, year, ... (of seconds since 1970 UTC). Null for
/// other names.
UnaryMath find_unary_math(std::string_view name);

/// True for minute, hour and the like, which may be called without an argument.
bool is_calendar_function(std::string_view name);

/// Arithmetic operators as upstream defines them; comparisons are 0 or 1.
double binary_math(Token op, double left, double right);
/// Whether a filtering comparison keeps the pair.
bool compare(Token op, double left, double right);

/// Go's math.Max and math.Min: NaN wins, except against the infinity that would win anyway.
double go_max(double a, double b);
double go_min(double a, double b);

}  // namespace narthex::query
