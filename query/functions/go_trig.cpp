// Trigonometric functions as Go computes them: Cephes' polynomials, and Payne and Hanek's reduction
// of large arguments.
//
// An angle is reduced to an octant of the circle and a rest. Up to 2^29 that is done by subtracting
// multiples of pi/4 in three parts; beyond it the digits of the quotient that matter are so far
// behind the point that 4/pi is needed to 1,200 bits, of which three words are multiplied
// (reduce_large()).
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "model/sample.h"
#include "query/functions/go_math.h"

namespace narthex::query::go {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr int kShift = 52;
constexpr int kBias = 1023;

// The binary digits of 4/pi, the first word before the point.
constexpr std::array<std::uint64_t, 20> kFourOverPi{
    0x0000000000000001, 0x45f306dc9c882a53, 0xf84eafa3ea69bb81, 0xb6c52b3278872083,
    0xfca2c757bd778ac3, 0x6e48dc74849ba5c0, 0x0c925dd413a32439, 0xfc3bd63962534e7d,
    0xd1046bea5d768909, 0xd338e04d68befc82, 0x7323ac7306a673e9, 0x3908bf177bf25076,
    0x3ff12fffbc0b301f, 0xde5e2316b414da3e, 0xda6cfd9e4f96136e, 0x9e8c7ecd3cbfd45a,
    0xea4f758fd7cbe2f6, 0x7a0e73ef14a525d4, 0xd7f6bf623f1aba10, 0xac06608df8f6d757};

// An angle as octants of the circle and a remainder.
struct Reduced {
  std::uint64_t octant = 0;
  double rest = 0;
};

std::uint64_t shifted(std::size_t digit, unsigned bits) {
  // Go shifts by 64 to 0; C++ leaves that undefined.
  const std::uint64_t low = bits == 0 ? 0 : kFourOverPi[digit + 1] >> (64 - bits);
  return (kFourOverPi[digit] << bits) | low;
}

// Payne and Hanek: the bits of 4/pi that decide the angle within a circle are three words from
// where the exponent says; their product with the mantissa has the octant in its top three bits and
// the remainder, as a fraction of an octant, behind them. Odd octants are taken from their other
// end.
Reduced reduce_large(double x) {
  __extension__ using Wide = unsigned __int128;
  auto ix = std::bit_cast<std::uint64_t>(x);
  const int exponent = static_cast<int>((ix >> kShift) & 0x7FF) - kBias - kShift;
  ix = (ix & 0x000FFFFFFFFFFFFF) | (std::uint64_t{1} << kShift);
  const auto digit = static_cast<std::size_t>(exponent + 61) / 64;
  const auto bits = static_cast<unsigned>(exponent + 61) % 64;
  const Wide z2 = Wide{shifted(digit + 2, bits)} * ix;
  const Wide z1 = Wide{shifted(digit + 1, bits)} * ix;
  const std::uint64_t z0 = shifted(digit, bits) * ix;
  const Wide low_sum = Wide{static_cast<std::uint64_t>(z1)} + static_cast<std::uint64_t>(z2 >> 64);
  const auto lo = static_cast<std::uint64_t>(low_sum);
  std::uint64_t hi =
      z0 + static_cast<std::uint64_t>(z1 >> 64) + static_cast<std::uint64_t>(low_sum >> 64);
  Reduced out{.octant = hi >> 61};
  hi = (hi << 3) | (lo >> 61);
  const auto zeros = static_cast<unsigned>(std::countl_zero(hi)) + 1;
  const std::uint64_t e = static_cast<std::uint64_t>(kBias) - zeros;
  hi = (zeros >= 64 ? 0 : hi << zeros) | (zeros >= 64 ? lo : lo >> (64 - zeros));
  hi = (hi >> (64 - kShift)) | (e << kShift);
  out.rest = std::bit_cast<double>(hi);
  if ((out.octant & 1) == 1) {
    out.octant = (out.octant + 1) & 7;
    out.rest -= 1;
  }
  out.rest *= kPi / 4;
  return out;
}

// `x` is not negative.
Reduced reduce(double x) {
  constexpr double kLarge = 1 << 29;
  if (x >= kLarge) return reduce_large(x);
  auto octant = static_cast<std::uint64_t>(x * (4 / kPi));
  auto y = static_cast<double>(octant);
  if ((octant & 1) == 1) {
    ++octant;
    y += 1;
  }
  constexpr double kPi4A = 7.85398125648498535156e-1;
  constexpr double kPi4B = 3.77489470793079817668e-8;
  constexpr double kPi4C = 2.69515142907905952645e-15;
  return {.octant = octant & 7, .rest = ((x - y * kPi4A) - y * kPi4B) - y * kPi4C};
}

double sine_polynomial(double z) {
  const double zz = z * z;
  double p = 1.58962301576546568060e-10;
  for (const double c :
       {-2.50507477628578072866e-8, 2.75573136213857245213e-6, -1.98412698295895385996e-4,
        8.33333333332211858878e-3, -1.66666666666666307295e-1}) {
    p = p * zz + c;
  }
  return z + z * zz * p;
}

double cosine_polynomial(double z) {
  const double zz = z * z;
  double p = -1.13585365213876817300e-11;
  for (const double c :
       {2.08757008419747316778e-9, -2.75573141792967388112e-7, 2.48015872888517045348e-5,
        -1.38888888888730564116e-3, 4.16666666666665929218e-2}) {
    p = p * zz + c;
  }
  return 1.0 - 0.5 * zz + zz * zz * p;
}

double atan_small(double x) {
  const double z = x * x;
  double above = -8.750608600031904122785e-01;
  for (const double c : {-1.615753718733365076637e+01, -7.500855792314704667340e+01,
                         -1.228866684490136173410e+02, -6.485021904942025371773e+01}) {
    above = above * z + c;
  }
  double below = z + 2.485846490142306297962e+01;
  for (const double c : {1.650270098316988542046e+02, 4.328810604912902668951e+02,
                         4.853903996359136964868e+02, 1.945506571482613964425e+02}) {
    below = below * z + c;
  }
  return x * (z * above / below) + x;
}

// For positive arguments.
double atan_positive(double x) {
  constexpr double kMoreBits = 6.123233995736765886130e-17;
  constexpr double kTan3Pi8 = 2.41421356237309504880;
  if (x <= 0.66) return atan_small(x);
  if (x > kTan3Pi8) return kPi / 2 - atan_small(1 / x) + kMoreBits;
  return kPi / 4 + atan_small((x - 1) / (x + 1)) + 0.5 * kMoreBits;
}

}  // namespace

double sin(double x) {
  if (x == 0 || std::isnan(x)) return x;
  if (std::isinf(x)) return model::normal_nan();
  bool negative = x < 0;
  Reduced r = reduce(std::fabs(x));
  if (r.octant > 3) {
    negative = !negative;
    r.octant -= 4;
  }
  const bool swapped = r.octant == 1 || r.octant == 2;
  const double y = swapped ? cosine_polynomial(r.rest) : sine_polynomial(r.rest);
  return negative ? -y : y;
}

double cos(double x) {
  if (!std::isfinite(x)) return model::normal_nan();
  bool negative = false;
  Reduced r = reduce(std::fabs(x));
  if (r.octant > 3) {
    r.octant -= 4;
    negative = !negative;
  }
  if (r.octant > 1) negative = !negative;
  const bool swapped = r.octant == 1 || r.octant == 2;
  const double y = swapped ? sine_polynomial(r.rest) : cosine_polynomial(r.rest);
  return negative ? -y : y;
}

double tan(double x) {
  if (x == 0 || std::isnan(x)) return x;
  if (std::isinf(x)) return model::normal_nan();
  const Reduced r = reduce(std::fabs(x));
  const double z = r.rest;
  const double zz = z * z;
  double y = z;
  if (zz > 1e-14) {
    const double above =
        (-1.30936939181383777646e4 * zz + 1.15351664838587416140e6) * zz - 1.79565251976484877988e7;
    const double below = (((zz + 1.36812963470692954678e4) * zz - 1.32089234440210967447e6) * zz +
                          2.50083801823357915839e7) *
                             zz -
                         5.38695755929454629881e7;
    y = z + z * (zz * above / below);
  }
  if ((r.octant & 2) == 2) y = -1 / y;
  return x < 0 ? -y : y;
}

double atan(double x) {
  if (x == 0) return x;
  return x > 0 ? atan_positive(x) : -atan_positive(-x);
}

double asin(double x) {
  if (x == 0) return x;
  const double size = std::fabs(x);
  if (size > 1) return model::normal_nan();
  const double root = std::sqrt(1 - size * size);
  const double y = size > 0.7 ? kPi / 2 - atan_positive(root / size) : atan_positive(size / root);
  return x < 0 ? -y : y;
}

double acos(double x) {
  return kPi / 2 - asin(x);
}

double atan2(double y, double x) {
  if (std::isnan(y) || std::isnan(x)) return model::normal_nan();
  if (y == 0) return std::copysign(x >= 0 && !std::signbit(x) ? 0 : kPi, y);
  if (x == 0) return std::copysign(kPi / 2, y);
  if (std::isinf(x)) {
    if (x > 0) return std::copysign(std::isinf(y) ? kPi / 4 : 0, y);
    return std::copysign(std::isinf(y) ? 3 * kPi / 4 : kPi, y);
  }
  if (std::isinf(y)) return std::copysign(kPi / 2, y);
  const double q = atan(y / x);
  if (x >= 0) return q;
  return q <= 0 ? q + kPi : q - kPi;
}

}  // namespace narthex::query::go
