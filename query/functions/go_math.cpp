// Exponentials, logarithms, powers and hyperbolic functions as Go computes them. Trigonometry:
// go_trig.cpp.
//
// Users compare results with upstream's, and tests to the last digit. The C library rounds better
// than Go in many places, and differs therefore; so the same polynomials are evaluated here in the
// same order. Nothing may be "simplified": (a * b) * c and a * (b * c) differ in the last bit.
// Where Go's amd64 assembly fuses a multiplication and an addition, std::fma() stands here.
#include "query/functions/go_math.h"

#include <bit>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "base/str.h"
#include "model/sample.h"

namespace narthex::query::go {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLn2Hi = 6.93147180369123816490e-01;
constexpr double kLn2Lo = 1.90821492927058770002e-10;
constexpr double kLn2 = 6.93147180559945286227e-01;
constexpr double kLarge = 1 << 28;
constexpr double kNearZero = 1.0 / (1 << 28);
constexpr std::uint64_t kMantissa = 0x000FFFFFFFFFFFFF;

double nan() {
  return model::normal_nan();
}

// `value` times two to the power of `exponent`, in two steps when the result is subnormal, as Go's
// assembly has it.
double scale(double value, std::int64_t exponent) {
  constexpr std::int64_t kBias = 1023;
  std::int64_t biased = exponent + kBias;
  if (biased >= 2 * kBias + 1) return kInfinity;
  if (biased > 0) return value * std::bit_cast<double>(static_cast<std::uint64_t>(biased) << 52);
  if (biased < -52) return 0;
  biased += kBias - 1;
  value *= std::bit_cast<double>(static_cast<std::uint64_t>(biased) << 52);
  return value * std::bit_cast<double>(std::uint64_t{1} << 52);
}

bool is_odd_integer(double x) {
  if (std::fabs(x) >= 9007199254740992.0) return false;  // 2^53: all larger numbers are even
  double whole = 0;
  const double fraction = std::modf(x, &whole);
  return fraction == 0 && (static_cast<std::int64_t>(whole) & 1) == 1;
}

// pow where an argument is 0, infinite or NaN, or the result needs no work. False: none of these.
bool special_power(double x, double y, double& out) {
  if (y == 0 || x == 1) return out = 1, true;
  if (y == 1) return out = x, true;
  if (std::isnan(x) || std::isnan(y)) return out = nan(), true;
  if (x == 0) {
    const bool odd = std::signbit(x) && (is_odd_integer(y) || is_odd_integer(-y));
    if (y < 0) return out = odd ? -kInfinity : kInfinity, true;
    return out = odd ? x : 0, true;
  }
  if (std::isinf(y)) {
    if (x == -1) return out = 1, true;
    return out = (std::fabs(x) < 1) == (y > 0) ? 0 : kInfinity, true;
  }
  if (std::isinf(x)) {
    if (x < 0) return out = pow(1 / x, -y), true;
    return out = y < 0 ? 0 : kInfinity, true;
  }
  if (y == 0.5) return out = std::sqrt(x), true;
  if (y == -0.5) return out = 1 / std::sqrt(x), true;
  return false;
}

// A number as 2^k * (1 + f), with what log1p adds up to correct the rounding of 1 + x.
struct Split {
  double f = 0;
  double correction = 0;
  int k = 1;
  std::uint64_t bits = 1;  // 0: f is tiny
};

Split split_one_plus(double x) {
  constexpr double kTwo53 = 9007199254740992.0;
  Split out;
  double u = x;
  if (std::fabs(x) < kTwo53) {
    u = 1.0 + x;
    out.bits = std::bit_cast<std::uint64_t>(u);
    out.k = static_cast<int>(out.bits >> 52) - 1023;
    out.correction = out.k > 0 ? 1.0 - (u - x) : x - (u - 1.0);
    out.correction /= u;
  } else {
    out.bits = std::bit_cast<std::uint64_t>(u);
    out.k = static_cast<int>(out.bits >> 52) - 1023;
  }
  out.bits &= kMantissa;
  if (out.bits < 0x0006a09e667f3bcd) {  // the mantissa of sqrt(2)
    u = std::bit_cast<double>(out.bits | 0x3ff0000000000000);
  } else {
    ++out.k;
    u = std::bit_cast<double>(out.bits | 0x3fe0000000000000);
    out.bits = (0x0010000000000000 - out.bits) >> 2;
  }
  out.f = u - 1.0;
  return out;
}

double with_sign(bool negative, double value) {
  return negative ? -value : value;
}

// Every underscore stands between digits, or behind the base prefix.
bool underscores_fit(std::string_view digits, bool hex) {
  bool after_digit = false;
  bool after_underscore = false;
  for (std::size_t i = hex ? 2 : 0; i < digits.size(); ++i) {
    const char c = digits[i];
    const char lower = static_cast<char>(c | 0x20);
    const bool digit = (c >= '0' && c <= '9') || (hex && lower >= 'a' && lower <= 'f');
    if (c == '_' ? !(after_digit || (hex && i == 2)) : after_underscore && !digit) return false;
    after_underscore = c == '_';
    after_digit = digit;
  }
  return !after_underscore;
}

}  // namespace

double exp(double x) {
  constexpr double kOverflow = 7.09782712893384e+02;
  constexpr double kUnderflow = -1e4;  // far below: only keeps the exponent in range
  constexpr double kLog2E = 1.4426950408889634073599246810018920;
  constexpr double kLn2U = 0.69314718055966295651160180568695068359375;
  constexpr double kLn2L = 0.28235290563031577122588448175013436025525412068e-12;
  if (std::isnan(x) || x == kInfinity) return x;
  if (x > kOverflow) return kInfinity;
  if (x < kUnderflow) return 0;
  // x is a multiple of ln 2 and a rest r. The series gives e^(r/16) - 1, and p (p + 2), which is (1
  // + p)^2 - 1, squares that four times without losing what is near 0.
  const double rounded = std::nearbyint(x * kLog2E);
  double r = std::fma(-kLn2U, rounded, x);
  r = std::fma(-kLn2L, rounded, r);
  r *= 0.0625;
  double p = 2.4801587301587301587e-5;
  for (const double c :
       {1.9841269841269841270e-4, 1.3888888888888888889e-3, 8.3333333333333333333e-3,
        4.1666666666666666667e-2, 1.6666666666666666667e-1, 0.5, 1.0}) {
    p = std::fma(r, p, c);
  }
  r *= p;
  for (int i = 0; i < 3; ++i) r *= r + 2.0;
  r = std::fma(r + 2.0, r, 1.0);
  return scale(r, static_cast<std::int64_t>(rounded));
}

double log(double x) {
  constexpr double kHalfSqrt2 = 7.07106781186547524401e-01;
  if (x == 0) return -kInfinity;
  if (x < 0) return nan();
  if (std::isnan(x) || std::isinf(x)) return x;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  double fraction = std::bit_cast<double>((bits & kMantissa) | 0x3FE0000000000000);
  auto k = static_cast<double>(static_cast<int>((bits >> 52) & 0x7FF) - 0x3FE);
  // The mantissa is taken from [sqrt(1/2), sqrt(2)), so that f is small on both sides of 1.
  if (!(kHalfSqrt2 < fraction)) {
    k -= 1;
    fraction *= 2;
  }
  const double f = fraction - 1;
  const double s = f / (2.0 + f);
  const double s2 = s * s;
  const double s4 = s2 * s2;
  const double t1 = s2 * (((1.479819860511658591e-01 * s4 + 1.818357216161805012e-01) * s4 +
                           2.857142874366239149e-01) *
                              s4 +
                          6.666666666666735130e-01);
  const double t2 = s4 * ((1.531383769920937332e-01 * s4 + 2.222219843214978396e-01) * s4 +
                          3.999999999940941908e-01);
  const double r = t1 + t2;
  const double half = 0.5 * f * f;
  return k * kLn2Hi - ((half - (s * (half + r) + k * kLn2Lo)) - f);
}

double log10(double x) {
  return log(x) * 0.43429448190325182765112891891660508;
}

double log2(double x) {
  if (x == 0 || !std::isfinite(x)) return log(x) * 1.44269504088896340735992468100189214;
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  if (fraction == 0.5) return exponent - 1;
  return log(fraction) * 1.44269504088896340735992468100189214 + exponent;
}

double log1p(double x) {
  constexpr double kSqrt2M1 = 4.142135623730950488017e-01;
  constexpr double kSqrt2HalfM1 = -2.928932188134524755992e-01;
  constexpr double kSmall = 1.0 / (1 << 29);
  constexpr double kTiny = kSmall * kSmall * 16;  // 2^-54
  if (x < -1 || std::isnan(x)) return nan();
  if (x == -1) return -kInfinity;
  if (x == kInfinity) return x;
  const double size = std::fabs(x);
  if (size < kTiny) return x;
  if (size < kSmall) return x - x * x * 0.5;
  Split split{.f = x, .correction = 0, .k = 0, .bits = 1};
  if (!(size < kSqrt2M1 && x > kSqrt2HalfM1)) split = split_one_plus(x);
  const double k = split.k;
  const double f = split.f;
  const double half = 0.5 * f * f;
  // f is below 2^-20: two terms are enough.
  if (split.bits == 0) {
    if (f == 0) return split.k == 0 ? 0 : k * kLn2Hi + (split.correction + k * kLn2Lo);
    const double r = half * (1.0 - 0.66666666666666666 * f);
    if (split.k == 0) return f - r;
    return k * kLn2Hi - ((r - (k * kLn2Lo + split.correction)) - f);
  }
  const double s = f / (2.0 + f);
  const double z = s * s;
  double r = 1.479819860511658591e-01;
  for (const double c :
       {1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
        2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01}) {
    r = c + z * r;
  }
  r *= z;
  if (split.k == 0) return f - (half - s * (half + r));
  return k * kLn2Hi - ((half - (s * (half + r) + (k * kLn2Lo + split.correction))) - f);
}

double pow(double x, double y) {
  double out = 0;
  if (special_power(x, y, out)) return out;
  double whole = 0;
  double fraction = std::modf(std::fabs(y), &whole);
  if (fraction != 0 && x < 0) return nan();
  if (whole >= 9223372036854775808.0) {  // 2^63: even, and far out of range
    if (x == -1) return 1;
    return (std::fabs(x) < 1) == (y > 0) ? 0 : kInfinity;
  }
  // x^y is x^whole by squaring times x^fraction by exp and log. Mantissas and exponents go apart,
  // so that nothing overflows on the way.
  double mantissa = 1;
  std::int64_t exponent = 0;
  if (fraction != 0) {
    if (fraction > 0.5) {
      fraction -= 1;
      whole += 1;
    }
    mantissa = exp(fraction * log(x));
  }
  int x_exponent = 0;
  double x_mantissa = std::frexp(x, &x_exponent);
  std::int64_t square_exponent = x_exponent;
  constexpr std::int64_t kExponentMax = 1 << 12;
  for (auto i = static_cast<std::uint64_t>(whole); i != 0; i >>= 1) {
    if (square_exponent < -kExponentMax || square_exponent > kExponentMax) {
      exponent += square_exponent;
      break;
    }
    if ((i & 1) == 1) {
      mantissa *= x_mantissa;
      exponent += square_exponent;
    }
    x_mantissa *= x_mantissa;
    square_exponent *= 2;
    if (x_mantissa < .5) {
      x_mantissa += x_mantissa;
      --square_exponent;
    }
  }
  if (y < 0) {
    mantissa = 1 / mantissa;
    exponent = -exponent;
  }
  return std::ldexp(mantissa, static_cast<int>(exponent));
}

double sinh(double x) {
  const bool negative = x < 0;
  x = negative ? -x : x;
  if (x > 21) return with_sign(negative, exp(x) * 0.5);
  if (x > 0.5) {
    const double e = exp(x);
    return with_sign(negative, (e - 1 / e) * 0.5);
  }
  const double sq = x * x;
  const double above =
      (((-0.2630563213397497062819489e+2 * sq - 0.2894211355989563807284660366e+4) * sq -
        0.8991272022039509355398013511e+5) *
           sq -
       0.6307673640497716991184787251e+6) *
      x;
  const double below =
      ((sq - 0.173678953558233699533450911e+3) * sq + 0.1521517378790019070696485176e+5) * sq -
      0.6307673640497716991212077277e+6;
  return with_sign(negative, above / below);
}

double cosh(double x) {
  x = std::fabs(x);
  if (x > 21) return exp(x) * 0.5;
  const double e = exp(x);
  return (e + 1 / e) * 0.5;
}

double tanh(double x) {
  constexpr double kMaxLog = 8.8029691931113054295988e+01;
  const double size = std::fabs(x);
  if (size > 0.5 * kMaxLog) return x < 0 ? -1 : 1;
  if (size >= 0.625) return with_sign(x < 0, 1 - 2 / (exp(2 * size) + 1));
  if (x == 0) return x;
  const double s = x * x;
  const double above =
      (-9.64399179425052238628e-1 * s - 9.92877231001918586564e1) * s - 1.61468768441708447952e3;
  const double below = ((s + 1.12811678491632931402e2) * s + 2.23548839060100448583e3) * s +
                       4.84406305325125486048e3;
  return x + x * s * above / below;
}

double asinh(double x) {
  if (std::isnan(x) || std::isinf(x)) return x;
  const bool negative = x < 0;
  x = negative ? -x : x;
  if (x > kLarge) return with_sign(negative, log(x) + kLn2);
  if (x > 2) return with_sign(negative, log(2 * x + 1 / (std::sqrt(x * x + 1) + x)));
  if (x < kNearZero) return with_sign(negative, x);
  return with_sign(negative, log1p(x + x * x / (1 + std::sqrt(1 + x * x))));
}

double acosh(double x) {
  if (x < 1 || std::isnan(x)) return nan();
  if (x == 1) return 0;
  if (x >= kLarge) return log(x) + kLn2;
  if (x > 2) return log(2 * x - 1 / (x + std::sqrt(x * x - 1)));
  const double t = x - 1;
  return log1p(t + std::sqrt(2 * t + t * t));
}

double atanh(double x) {
  if (x < -1 || x > 1 || std::isnan(x)) return nan();
  if (x == 1) return kInfinity;
  if (x == -1) return -kInfinity;
  const bool negative = x < 0;
  x = negative ? -x : x;
  if (x < kNearZero) return with_sign(negative, x);
  if (x < 0.5) {
    const double twice = x + x;
    return with_sign(negative, 0.5 * log1p(twice + twice * x / (1 - x)));
  }
  return with_sign(negative, 0.5 * log1p((x + x) / (1 - x)));
}

bool parse_float(std::string_view text, double& value) {
  const bool sign = !text.empty() && (text.front() == '-' || text.front() == '+');
  std::string digits(text.substr(sign ? 1 : 0));
  const bool hex = digits.size() > 2 && digits[0] == '0' && (digits[1] | 0x20) == 'x';
  if (!hex && digits.find('_') == std::string::npos) {
    return narthex::parse_float(text, value) && !(sign && std::isnan(value));  // no +NaN in Go
  }
  if (!underscores_fit(digits, hex)) return false;
  std::erase(digits, '_');
  if (hex) {
    // The exponent is mandatory.
    if (digits.find_first_of("pP") == std::string::npos || digits[2] == '-') return false;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data() + 2, end, value, std::chars_format::hex);
    if (read.ec != std::errc{} || read.ptr != end) return false;
  } else if (digits.empty() || std::isalpha(static_cast<unsigned char>(digits[0])) != 0 ||
             !narthex::parse_float(digits, value)) {
    return false;
  }
  if (text.front() == '-') value = -value;
  return true;
}

}  // namespace narthex::query::go
