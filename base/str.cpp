// Text helpers, among them numbers as Go's strconv prints and reads them.
//
// std::to_chars gives the same shortest digits as Go, and two-digit exponents too, so what is left
// is the choice of notation and one difference: for integers beyond 2^53 in fixed notation the
// standard library writes the exact value, Go the shortest digits and zeros behind them. Reading is
// fast_float's, with Go's words for infinities and its refusal of what is out of range.
#include "base/str.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <clocale>
#include <cmath>
#include <cwctype>
#include <limits>

#include <fast_float/fast_float.h>

#include "base/utf8.h"

namespace narthex {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// std::to_chars writes e+05 as e+05 already; Go also pads to two digits, so the texts agree.
void append_chars(std::string& out, double value, std::chars_format format) {
  char buffer[400];  // 'f' of the largest double takes 309 digits
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  out.append(buffer, end.ptr);
}

// Go fills the places behind the shortest digits with zeros; std::to_chars would write the exact
// integer.
void append_large_integer(std::string& out, double value) {
  std::string digits;
  append_chars(digits, value, std::chars_format::scientific);
  const std::size_t mark = digits.find('e');
  int places = 0;
  std::from_chars(digits.data() + mark + 2, digits.data() + digits.size(), places);
  digits.resize(mark);
  const std::size_t point = digits.find('.');
  if (point != std::string::npos) {
    places -= static_cast<int>(digits.size() - point) - 1;
    digits.erase(point, 1);
  }
  out.append(digits).append(static_cast<std::size_t>(places), '0');
}

bool append_special(std::string& out, double value) {
  if (std::isnan(value)) return out.append("NaN"), true;
  if (std::isinf(value)) return out.append(value > 0 ? "+Inf" : "-Inf"), true;
  return false;
}

// The value of an inf or nan word after its sign, or false.
bool parse_word(std::string_view word, double& value) {
  if (equals_ignore_case(word, "inf") || equals_ignore_case(word, "infinity")) {
    value = std::numeric_limits<double>::infinity();
    return true;
  }
  if (equals_ignore_case(word, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  return false;
}

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\a':
      out += "\\a";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
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
    case '\v':
      out += "\\v";
      return;
    default:
      break;
  }
  if (c < 0x20 || c == 0x7F) {
    out += fmt::format("\\x{:02x}", c);
  } else {
    out += static_cast<char>(c);
  }
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != separator) continue;
    pieces.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return pieces;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const char* blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string to_lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

void append_float(std::string& out, double value, FloatStyle style) {
  if (append_special(out, value)) return;
  const double size = std::fabs(value);
  bool exponent = style == FloatStyle::kExponent;
  if (style == FloatStyle::kGeneral) exponent = size != 0 && (size < 1e-4 || size >= 1e6);
  if (style == FloatStyle::kJson) exponent = size != 0 && (size < 1e-6 || size >= 1e21);
  constexpr double kExactIntegers = 9007199254740992;  // 2^53
  if (!exponent && size >= kExactIntegers) return append_large_integer(out, value);
  append_chars(out, value, exponent ? std::chars_format::scientific : std::chars_format::fixed);
}

std::string format_float(double value, FloatStyle style) {
  std::string out;
  append_float(out, value, style);
  return out;
}

bool parse_float(std::string_view text, double& value) {
  if (text.empty()) return false;
  std::string_view digits = text;
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.remove_prefix(1);
  if (digits.empty()) return false;
  if ((digits.front() < '0' || digits.front() > '9') && digits.front() != '.') {
    if (!parse_word(digits, value)) return false;
    if (negative) value = -value;
    return true;
  }
  const auto end = fast_float::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return false;
  if (std::isinf(value)) return false;  // out of range, as upstream
  if (negative) value = -value;
  return true;
}

namespace {

// What Go's strconv.IsPrint refuses among characters that exist beyond ASCII: controls, formats,
// odd spaces, private use.
bool is_unprintable(std::uint32_t point) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr auto kRanges = std::to_array<Range>({{0x80, 0xA0},
                                                 {0xAD, 0xAD},
                                                 {0x600, 0x605},
                                                 {0x61C, 0x61C},
                                                 {0x6DD, 0x6DD},
                                                 {0x70F, 0x70F},
                                                 {0x1680, 0x1680},
                                                 {0x180E, 0x180E},
                                                 {0x2000, 0x200F},
                                                 {0x2028, 0x202F},
                                                 {0x205F, 0x206F},
                                                 {0x3000, 0x3000},
                                                 {0xE000, 0xF8FF},
                                                 {0xFEFF, 0xFEFF},
                                                 {0xFFF0, 0xFFFB},
                                                 {0xFFFE, 0xFFFF},
                                                 {0xE0000, 0xE00FF},
                                                 {0xE01F0, 0x10FFFF}});
  return std::ranges::any_of(kRanges, [&](Range r) { return point >= r.first && point <= r.last; });
}

void append_character(std::string& out, std::string_view bytes) {
  const std::uint32_t point = decode_utf8(bytes);
  if (!is_unprintable(point)) {
    out.append(bytes);
  } else if (point < 0x10000) {
    out += fmt::format("\\u{:04x}", point);
  } else {
    out += fmt::format("\\U{:08x}", point);
  }
}

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 1) append_escaped(out, static_cast<unsigned char>(text[i]));
    if (length > 1) append_character(out, text.substr(i, length));
    if (length == 0) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    i += length == 0 ? 1 : length;
  }
  return out + '"';
}

namespace {

// glibc's tables of Unicode, which need no installed locale. Null would leave letters as they are.
locale_t unicode_locale() {
  static const locale_t instance = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return instance;
}

template <typename Map>
std::string map_letters(std::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      out += text[i++];
      continue;
    }
    append_utf8(out, map(decode_utf8(text.substr(i, length))));
    i += length;
  }
  return out;
}

}  // namespace

std::string to_lower(std::string_view text) {
  const locale_t unicode = unicode_locale();
  return map_letters(text, [unicode](char32_t c) -> char32_t {
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
    return unicode == nullptr ? c : static_cast<char32_t>(::towlower_l(c, unicode));
  });
}

std::string to_upper(std::string_view text) {
  const locale_t unicode = unicode_locale();
  return map_letters(text, [unicode](char32_t c) -> char32_t {
    if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
    return unicode == nullptr ? c : static_cast<char32_t>(::towupper_l(c, unicode));
  });
}

}  // namespace narthex
