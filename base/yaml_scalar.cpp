// Resolving scalars and decoding documents, as yaml.v2's resolve.go and libyaml's reader do. Words
// first, since "y" and "~" are looked up as a whole, then what begins like a number: underscores
// dropped, integers in Go's bases, floats by the pattern of YAML 1.1. Everything else is a text.
#include "base/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex::yaml {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";
constexpr double kTwo63 = 0x1p63;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Scalar> special_word(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return Scalar();
  if (is_one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    return true;
  }
  if (is_one_of(text,
                {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return false;
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return kInfinity;
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -kInfinity;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

// Go's ParseInt and ParseUint with base 0: 0x, 0o, 0b in either case, and a leading 0 for octal.
template <typename Int>
std::optional<Int> integer(std::string_view text) {
  const bool is_signed = std::numeric_limits<Int>::is_signed;
  const bool negative = is_signed && text.starts_with('-');
  if (negative || (is_signed && text.starts_with('+'))) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int base = 10;
  if (text.front() == '0') {
    const char prefix = text.size() >= 3 ? static_cast<char>(text[1] | 0x20) : '\0';
    base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : 8;
    text.remove_prefix(prefix == 'x' || prefix == 'b' || prefix == 'o' ? 2 : 1);
    if (text.empty()) return Int{0};
  }
  std::uint64_t size = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, size, base);
  if (error != std::errc() || at != end) return std::nullopt;
  if constexpr (std::numeric_limits<Int>::is_signed) {
    constexpr std::uint64_t kMin = std::uint64_t{1} << 63;
    if (size > kMin - (negative ? 0 : 1)) return std::nullopt;
    return static_cast<std::int64_t>(negative ? 0 - size : size);
  } else {
    return size;
  }
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t start = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - start;
  };
  const auto accept = [&](std::string_view any) {
    const bool found = at < text.size() && any.find(text[at]) != std::string_view::npos;
    at += found;
    return found;
  };
  accept("+-");
  const std::size_t whole = digits();
  const bool has_point = accept(".");
  const std::size_t fraction = has_point ? digits() : 0;
  if (whole == 0 && fraction == 0) return false;
  if (accept("eE")) {
    accept("+-");
    if (digits() == 0) return false;
  }
  return at == text.size();
}

Scalar number_or_text(std::string_view text) {
  std::string plain(text);
  std::erase(plain, '_');
  if (const auto value = integer<std::int64_t>(plain)) return *value;
  if (const auto value = integer<std::uint64_t>(plain)) return *value;
  double value = 0;
  if (looks_like_float(plain) && parse_float(plain, value)) return value;
  return text;
}

Scalar resolve_plain(std::string_view text) {
  if (auto word = special_word(text)) return *std::move(word);
  const char first = text.front();
  if (is_digit(first) || first == '+' || first == '-') return number_or_text(text);
  double value = 0;
  if (first == '.' && looks_like_float(text) && parse_float(text, value)) return value;
  return text;
}

// libyaml finds the byte order by the mark and pairs surrogates; the messages are its own.
Result<std::string> from_utf16(std::string_view bytes, bool big_endian) {
  const auto bad = [](std::string_view why) { return Error(Code::kInvalid, std::string(why)); };
  const auto unit = [&](std::size_t at) {
    const auto a = static_cast<unsigned char>(bytes[at]);
    const auto b = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(big_endian ? a << 8 | b : b << 8 | a);
  };
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    if (at + 2 > bytes.size()) return bad("incomplete UTF-16 character");
    std::uint32_t rune = unit(at);
    if ((rune & 0xFC00) == 0xDC00) return bad("unexpected low surrogate area");
    if ((rune & 0xFC00) == 0xD800) {
      if (at + 4 > bytes.size()) return bad("incomplete UTF-16 surrogate pair");
      const std::uint32_t low = unit(at + 2);
      if ((low & 0xFC00) != 0xDC00) return bad("expected low surrogate area");
      rune = 0x10000 + ((rune & 0x3FF) << 10) + (low & 0x3FF);
      at += 2;
    }
    append_utf8(out, rune);
  }
  return out;
}

// YAML allows tab, line feed, carriage return, NEL and what prints. `text` is valid UTF-8.
bool has_forbidden_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 ? c != '\t' && c != '\n' && c != '\r' : c == 0x7F) return true;
    if (c < 0x80) continue;
    const std::string_view rest = text.substr(i);
    const bool is_c1 = c == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0 && rest[1] != '\x85';
    if (is_c1 || rest.starts_with("\xEF\xBF\xBE") || rest.starts_with("\xEF\xBF\xBF")) {
      return true;
    }
  }
  return false;
}

}  // namespace

Tag parse_tag(std::string_view tag) {
  if (tag.empty() || tag == "?") return Tag::kPlain;
  if (!tag.starts_with(kTagPrefix)) return Tag::kString;
  tag.remove_prefix(kTagPrefix.size());
  if (tag == "int") return Tag::kInt;
  if (tag == "float") return Tag::kFloat;
  if (tag == "bool") return Tag::kBool;
  if (tag == "null") return Tag::kNull;
  if (tag == "binary") return Tag::kBinary;
  return Tag::kString;
}

std::string_view scalar_tag(const Scalar& scalar) {
  constexpr std::string_view kNames[] = {"!!null", "!!bool", "!!int", "!!int", "!!float", "!!str"};
  return kNames[scalar.index()];
}

Result<Scalar> resolve_scalar(Tag tag, std::string_view text) {
  if (tag == Tag::kString || tag == Tag::kBinary) return Scalar(text);
  Scalar scalar = resolve_plain(text);
  if (tag == Tag::kPlain) return scalar;
  if (tag == Tag::kFloat) {
    if (const auto* whole = std::get_if<std::int64_t>(&scalar))
      scalar = static_cast<double>(*whole);
  }
  constexpr std::string_view kWanted[] = {"", "", "!!int", "!!float", "!!bool", "!!null"};
  const std::string_view wanted = kWanted[static_cast<std::size_t>(tag)];
  if (scalar_tag(scalar) == wanted) return scalar;
  return Error(Code::kInvalid,
               concat("cannot decode ", scalar_tag(scalar), " `", text, "` as a ", wanted));
}

std::optional<std::int64_t> scalar_int(const Scalar& scalar) {
  if (const auto* value = std::get_if<std::int64_t>(&scalar)) return *value;
  const auto* value = std::get_if<double>(&scalar);
  if (value == nullptr || !(*value <= kTwo63)) return std::nullopt;
  if (*value < -kTwo63 || *value == kTwo63) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(*value);
}

std::optional<std::uint64_t> scalar_uint(const Scalar& scalar) {
  constexpr std::uint64_t kOutOfRange = std::uint64_t{1} << 63;  // what Go's conversion gives
  if (const auto* value = std::get_if<std::int64_t>(&scalar)) {
    if (*value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value);
  }
  if (const auto* value = std::get_if<std::uint64_t>(&scalar)) return *value;
  const auto* value = std::get_if<double>(&scalar);
  if (value == nullptr || !(*value <= 2 * kTwo63)) return std::nullopt;
  if (*value < -kTwo63 || *value == 2 * kTwo63) return kOutOfRange;
  if (*value < 0) return static_cast<std::uint64_t>(static_cast<std::int64_t>(*value));
  return static_cast<std::uint64_t>(*value);
}

std::optional<double> scalar_double(const Scalar& scalar) {
  if (const auto* value = std::get_if<double>(&scalar)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&scalar)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&scalar)) return static_cast<double>(*value);
  return std::nullopt;
}

Result<std::string> decode_document(std::string_view bytes) {
  std::string text;
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    NX_TRY_ASSIGN(text, from_utf16(bytes.substr(2), bytes.starts_with("\xFE\xFF")));
  } else {
    text = bytes.starts_with("\xEF\xBB\xBF") ? bytes.substr(3) : bytes;
    if (!is_valid_utf8(text)) return Error(Code::kInvalid, "invalid UTF-8");
  }
  if (has_forbidden_character(text)) {
    return Error(Code::kInvalid, "control characters are not allowed");
  }
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  std::size_t count = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\r' || c == '\n') continue;
    const std::size_t value = c == '=' ? 0 : kAlphabet.find(c);
    if (value == std::string_view::npos || (c != '=' && padding != 0)) return std::nullopt;
    if (c == '=' && (count % 4 < 2 || ++padding > 2)) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++count % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U}) out += static_cast<char>(bits >> shift);
    bits = 0;
    out.resize(out.size() - padding);
    if (padding != 0) padding = 3;  // nothing may follow
  }
  if (count % 4 != 0) return std::nullopt;
  return out;
}

}  // namespace narthex::yaml
