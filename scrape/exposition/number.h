// Sample values out of text, in place. The fast path takes what exporters write nearly always: up
// to 19 digits with a point and a small exponent, exact because the mantissa fits 53 bits and the
// power of ten is exact too.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace narthex::scrape::exposition {

/// Reads a whole token as Go's ParseFloat does, without hex floats and underscores. Any NaN becomes
/// the normal one. False when it is not a number or out of range.
bool parse_value(std::string_view token, double& value);

namespace internal {

/// 10^22 is the last power of ten that a double holds exactly, 2^53 the last of the whole numbers
/// without a gap.
inline constexpr std::array<double, 23> kPowersOfTen = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
inline constexpr std::uint64_t kExactMantissaMax = 1ULL << 53;

inline bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

/// Are the eight bytes all digits?
inline bool are_digits(std::uint64_t word) {
  return ((word & 0xF0F0F0F0F0F0F0F0ULL) |
          (((word + 0x0606060606060606ULL) & 0xF0F0F0F0F0F0F0F0ULL) >> 4)) == 0x3333333333333333ULL;
}

/// The number that eight digits spell, first digit in the lowest byte.
inline std::uint64_t eight_digits(std::uint64_t word) {
  word -= 0x3030303030303030ULL;
  word = (word * 10) + (word >> 8);
  return (((word & 0x000000FF000000FFULL) * 0x000F424000000064ULL) +
          (((word >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL)) >>
         32;
}

/// Appends digits at `at` to `mantissa`; returns behind them.
inline const char* take_digits(const char* at, std::uint64_t& mantissa) {
  for (;;) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    if (!are_digits(word)) break;
    mantissa = mantissa * 100'000'000 + eight_digits(word);
    at += 8;
  }
  while (is_digit(*at)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*at++ - '0');
  return at;
}

}  // namespace internal

/// The fast path: reads a number at `at` and returns behind it, or null when the token needs
/// parse_value(). At least 16 bytes must be readable behind the token.
inline const char* parse_plain_value(const char* at, double& value) {
  using namespace internal;  // NOLINT(google-build-using-namespace): names of this header only
  const bool negative = *at == '-';
  at += negative;
  const char* const start = at;
  std::uint64_t mantissa = 0;
  at = take_digits(at, mantissa);
  std::ptrdiff_t digits = at - start;
  std::ptrdiff_t exponent = 0;
  if (*at == '.') {
    const char* const fraction = ++at;
    at = take_digits(at, mantissa);
    exponent = fraction - at;
    digits -= exponent;
  }
  if (digits == 0 || digits > 19 || mantissa > kExactMantissaMax) return nullptr;
  if ((*at | 0x20) == 'e') {
    ++at;
    const bool small = *at == '-';
    at += small || *at == '+';
    if (!is_digit(*at)) return nullptr;
    int power = *at++ - '0';
    if (is_digit(*at)) power = power * 10 + (*at++ - '0');
    if (is_digit(*at)) return nullptr;
    exponent += small ? -power : power;
  }
  if (exponent < -22 || exponent > 22) return nullptr;
  const auto whole = static_cast<double>(mantissa);
  const double size = exponent < 0 ? whole / kPowersOfTen[static_cast<std::size_t>(-exponent)]
                                   : whole * kPowersOfTen[static_cast<std::size_t>(exponent)];
  value = negative ? -size : size;
  return at;
}

}  // namespace narthex::scrape::exposition
