// JSON text, as Go's jsoniter writes it for upstream's API.
//
// Most of a large answer is numbers, so those have four paths, cheapest first. Integers: two digits
// at a time from a table. Short decimals, which gauges nearly always are: one multiplication, one
// exact division to prove it. The rest in fixed notation: fmt's Dragonbox digits, placed by hand.
// Very small and very large ones: std::to_chars, whose exponents look like Go's.
//
// Strings copy runs of plain bytes at once and stop only at what must be escaped.
#include "base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool is_plain(unsigned char c) {
  return c >= 0x20 && c != '"' && c != '\\';
}
bool is_html(unsigned char c) {
  return c == '<' || c == '>' || c == '&';
}

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 0xF];
}

// A multi-byte character at the front of `text`; returns its length.
std::size_t append_html_rune(std::string& out, std::string_view text) {
  const std::size_t length = utf8_length(text, 0);
  if (length == 0) {
    out += "\\ufffd";
    return 1;
  }
  const std::string_view rune = text.substr(0, length);
  if (rune == "\xe2\x80\xa8") {
    out += "\\u2028";
  } else if (rune == "\xe2\x80\xa9") {
    out += "\\u2029";
  } else {
    out += rune;
  }
  return length;
}

// Two digits at a time: "00" .. "99".
constexpr std::array<char, 200> kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

// Decimal digits of `value` to `at`.
char* write_digits(char* at, std::uint64_t value) {
  char scratch[20];
  char* start = scratch + sizeof scratch;
  while (value >= 100) {
    start -= 2;
    std::memcpy(start, kPairs.data() + 2 * (value % 100), 2);
    value /= 100;
  }
  if (value >= 10) {
    start -= 2;
    std::memcpy(start, kPairs.data() + 2 * value, 2);
  } else {
    *--start = static_cast<char>('0' + value);
  }
  const auto length = static_cast<std::size_t>(scratch + sizeof scratch - start);
  std::memcpy(at, start, length);
  return at + length;
}

// `digits` with the point `decimals` places from their end.
char* write_decimal(char* at, std::uint64_t digits, int decimals) {
  char scratch[20];
  const auto count = static_cast<int>(write_digits(scratch, digits) - scratch);
  if (count <= decimals) {
    *at++ = '0';
    *at++ = '.';
    for (int i = count; i < decimals; ++i) *at++ = '0';
    std::memcpy(at, scratch, static_cast<std::size_t>(count));
    return at + count;
  }
  const int whole = count - decimals;
  std::memcpy(at, scratch, static_cast<std::size_t>(whole));
  at += whole;
  *at++ = '.';
  std::memcpy(at, scratch + whole, static_cast<std::size_t>(decimals));
  return at + decimals;
}

constexpr double kExactMax = 1e15;  // below it, 15 digits name every double they came from
constexpr double kShortDecimalMin = 1e-3;

// A decimal of at most 15 digits is the shortest name of the double nearest to it, and i / 10^k is
// that double because both operands are exact: so the first k that divides back is the answer.
char* write_short_decimal(char* at, double value) {
  constexpr std::array<double, 4> kPowers = {1e1, 1e2, 1e3, 1e4};
  for (std::size_t k = 0; k < kPowers.size(); ++k) {
    const double scaled = value * kPowers[k];
    if (scaled >= kExactMax) return nullptr;
    const auto digits = static_cast<std::uint64_t>(scaled + 0.5);
    if (static_cast<double>(digits) / kPowers[k] == value) {
      return write_decimal(at, digits, static_cast<int>(k) + 1);
    }
  }
  return nullptr;
}

// `value` is finite, not zero and has a fixed form in the API.
char* write_shortest(char* at, double value) {
  const auto decimal = fmt::detail::dragonbox::to_decimal(value);
  if (decimal.exponent < 0) return write_decimal(at, decimal.significand, -decimal.exponent);
  at = write_digits(at, decimal.significand);
  std::memset(at, '0', static_cast<std::size_t>(decimal.exponent));
  return at + decimal.exponent;
}

char* write_special(char* at, double value) {
  const std::string_view text = std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (is_plain(c)) continue;
    out.append(text, start, i - start);
    append_escape(out, c);
    start = i + 1;
  }
  out.append(text, start);
  out += '"';
}

void append_json_html_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80 && is_plain(c) && !is_html(c)) {
      ++i;
      continue;
    }
    out.append(text, start, i - start);
    if (c < 0x80) append_escape(out, c);
    i += c < 0x80 ? 1 : append_html_rune(out, text.substr(i));
    start = i;
  }
  out.append(text, start);
  out += '"';
}

void append_json_seconds(std::string& out, std::int64_t time_ms) {
  char scratch[32];
  char* at = scratch;
  auto size = static_cast<std::uint64_t>(time_ms);
  if (time_ms < 0) {
    *at++ = '-';
    size = 0 - size;
  }
  at = write_digits(at, size / 1000);
  const std::uint64_t fraction = size % 1000;
  if (fraction != 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + fraction / 100);
    std::memcpy(at, kPairs.data() + 2 * (fraction % 100), 2);
    at += 2;
  }
  out.append(scratch, static_cast<std::size_t>(at - scratch));
}

// The sign is written first and every path sees a positive number; -0 keeps its sign, as in Go.
char* write_float_text(char* at, double value) {
  if (!std::isfinite(value)) return write_special(at, value);
  if (std::signbit(value)) {
    *at++ = '-';
    value = -value;
  }
  if (value < kExactMax) {
    const auto whole = static_cast<std::uint64_t>(value);
    if (static_cast<double>(whole) == value) return write_digits(at, whole);
    char* end = value >= kShortDecimalMin ? write_short_decimal(at, value) : nullptr;
    if (end != nullptr) return end;
  }
  if (value >= 1e-6 && value < 1e21) return write_shortest(at, value);
  return std::to_chars(at, at + kFloatTextBytesMax - 1, value, std::chars_format::scientific).ptr;
}

void JsonWriter::separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_html_string(out_, name);
  out_ += ':';
  comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  separate();
  append_json_html_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::plain_string(std::string_view text) {
  separate();
  append_json_string(out_, text);
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(std::uint64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  append_float(out_, value, FloatStyle::kJson);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  return raw(value ? "true" : "false");
}
JsonWriter& JsonWriter::null() {
  return raw("null");
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace narthex
