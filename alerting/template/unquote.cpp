// Go's string and character literals, decoded: strconv.Unquote for what the lexer has found the
// ends of. Escapes of bytes may make text that is not UTF-8; those of characters may not be
// surrogates.
#include <optional>
#include <string>

#include "alerting/template/ast.h"
#include "base/utf8.h"

namespace narthex::alerting::tmpl {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// `count` digits of `base` at `text[at]`, or -1.
std::int64_t read_digits(std::string_view text, std::size_t at, std::size_t count, int base) {
  if (at + count > text.size()) return -1;
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    const int digit = digit_of(text[i]);
    if (digit >= base) return -1;
    value = value * base + digit;
  }
  return value;
}

// The escape whose letter is `text[at]`; moves `at` behind it.
bool read_escape(std::string_view text, std::size_t& at, std::string& out) {
  constexpr std::string_view kLetters = "abfnrtv\\'\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  const char letter = text[at++];
  if (const std::size_t known = kLetters.find(letter); known != std::string_view::npos) {
    out += kMeanings[known];
    return true;
  }
  const bool octal = letter >= '0' && letter <= '7';
  const std::size_t digits = letter == 'x'   ? 2
                             : letter == 'u' ? 4
                             : letter == 'U' ? 8
                             : octal         ? 3
                                             : 0;
  if (digits == 0) return false;
  if (octal) --at;
  const std::int64_t value = read_digits(text, at, digits, octal ? 8 : 16);
  at += digits;
  const bool is_rune = letter == 'u' || letter == 'U';
  if (value < 0 || (octal && value > 255) || value > 0x10FFFF) return false;
  if (is_rune && value >= 0xD800 && value < 0xE000) return false;
  if (is_rune) {
    append_utf8(out, static_cast<std::uint32_t>(value));
  } else {
    out += static_cast<char>(value);
  }
  return true;
}

}  // namespace

std::optional<std::string> unquote(std::string_view literal) {
  if (literal.size() < 2) return std::nullopt;
  const char mark = literal.front();
  const std::string_view text = literal.substr(1, literal.size() - 2);
  if (mark == '`') return std::string(text);
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    ++at;
    if (at >= text.size() || !read_escape(text, at, out)) return std::nullopt;
  }
  return out;
}

}  // namespace narthex::alerting::tmpl
