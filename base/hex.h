// What a hexadecimal digit is worth, for percent-encoding, escapes in templates and numbers in YAML
// alike: each had its own copy with its own idea of case.
#pragma once

namespace narthex {

/// The value of a hexadecimal digit in either case, -1 for anything else.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace narthex
