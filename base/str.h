// Small text helpers: joining, splitting, and numbers as Go's strconv prints them, because the
// API's and the template language's numbers must read as upstream's do. All functions are pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace narthex {

/// Everything that fmt can print, glued together without separators.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  fmt::memory_buffer out;
  (fmt::format_to(fmt::appender(out), "{}", parts), ...);
  return fmt::to_string(out);
}

/// Pieces between separators; n separators give n + 1 pieces. Views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// `separator` between parts, none at the ends; "" for no parts.
std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Without leading and trailing space, tab, CR, LF. A view into `text`.
std::string_view trim(std::string_view text);

/// ASCII letters only: header names, units, keywords.
std::string to_lower_ascii(std::string_view text);

/// Every letter of UTF-8 text, mapped to one letter as Go's strings.ToLower and ToUpper do. What is
/// not UTF-8 stays.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

/// Equal up to the case of ASCII letters.
bool equals_ignore_case(std::string_view a, std::string_view b);

/// How Go's strconv.FormatFloat(value, style, -1, 64) prints: shortest digits that read back the
/// same. kFixed is 'f' (never an exponent), kExponent is 'e', kGeneral is 'g' with exponent outside
/// [1e-4, 1e6), kJson is upstream's API form ('f', but 'e' for |v| < 1e-6 or >= 1e21).
/// NaN, +Inf, -Inf in every style.
enum class FloatStyle : unsigned char { kFixed, kExponent, kGeneral, kJson };
/// `value` in this style, as a text of its own or behind what is in `out`.
std::string format_float(double value, FloatStyle style);
void append_float(std::string& out, double value, FloatStyle style);

/// Go's strconv.ParseFloat without hex floats and underscores: decimal, exponent, inf, infinity,
/// nan in any case with sign. False when the text is not wholly a number or is out of range.
bool parse_float(std::string_view text, double& value);

/// Go's %q: a double-quoted string with Go's escapes.
std::string quote(std::string_view text);

}  // namespace narthex
