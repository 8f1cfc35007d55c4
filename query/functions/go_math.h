// Go's math package, digit for digit, where C's differs from it in the last bits: results of PromQL
// must be those of upstream. Algorithms and coefficients: Cephes (trigonometry), FreeBSD's msun
// (logarithms), SLEEF (exp), in the order of operations that Go 1.25 has on amd64 with fused
// multiply-add. Pure.
#pragma once

#include <string_view>

namespace narthex::query::go {

/// strconv.ParseFloat: also hexadecimal ("0x1p-2") and with underscores between digits ("1_000").
bool parse_float(std::string_view text, double& value);

double exp(double x);
double log(double x);
double log2(double x);
double log10(double x);
double log1p(double x);
double pow(double x, double y);

double sin(double x);
double cos(double x);
double tan(double x);
double asin(double x);
double acos(double x);
double atan(double x);
double atan2(double y, double x);

double sinh(double x);
double cosh(double x);
double tanh(double x);
double asinh(double x);
double acosh(double x);
double atanh(double x);

}  // namespace narthex::query::go
