// Go's math package, digit for digit, where C's differs from it in the last bits: results of PromQL
// must be those of upstream. Algorithms and coefficients: Cephes (trigonometry), FreeBSD's msun
// (logarithms), SLEEF (exp), in the order of operations that Go 1.25 has on amd64 with fused
// multiply-add. Pure.
#pragma once

#include <string_view>

namespace narthex::query::go {

/// strconv.ParseFloat: also hexadecimal ("0x1p-2") and with underscores between digits ("1_000").
/// False, with `value` in doubt, for what is no number as a whole or is out of range.
bool parse_float(std::string_view text, double& value);

/// Go's functions of these names. NaN gives NaN, also for arguments outside the domain (log(-1)),
/// where upstream shows NaN and no error; poles give infinities. All NaNs that are made here are
/// the normal one.
double exp(double x);
double log(double x);
double log2(double x);
double log10(double x);
double log1p(double x);
double pow(double x, double y);

/// Radians. sin, cos and tan of infinities are NaN, as are asin and acos outside [-1, 1].
double sin(double x);
double cos(double x);
double tan(double x);
double asin(double x);
double acos(double x);
double atan(double x);
double atan2(double y, double x);

/// acosh below 1 and atanh outside [-1, 1] are NaN; atanh(1) and atanh(-1) are infinities.
double sinh(double x);
double cosh(double x);
double tanh(double x);
double asinh(double x);
double acosh(double x);
double atanh(double x);

}  // namespace narthex::query::go
