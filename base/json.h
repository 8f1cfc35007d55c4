// Streaming JSON writer: bytes go straight into a string, no tree is built. Numbers and escapes are
// those of upstream's encoder (Go, jsoniter), because clients compare texts. Reading JSON is
// Boost.JSON's work.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex {

/// Appends `text` quoted. Control characters, quote and backslash are escaped; bytes above 0x7f are
/// copied.
void append_json_string(std::string& out, std::string_view text);

/// The same, and '<', '>', '&', U+2028 and U+2029 as \u escapes; malformed UTF-8 becomes \ufffd.
void append_json_html_string(std::string& out, std::string_view text);

/// Seconds with three decimals, none when they are zero: 1500 is 1.500, 2000 is 2.
void append_json_seconds(std::string& out, std::int64_t time_ms);

/// The longest text write_float_text() makes: sign, 17 digits, point and zeros down to 1e-6.
inline constexpr std::size_t kFloatTextBytesMax = 32;

/// Writes the API's form of a sample value (FloatStyle::kJson) to `at`, which has
/// kFloatTextBytesMax bytes; returns the end. Small integers and short decimals take a fast path.
char* write_float_text(char* at, double value);

/// Commas and nesting are the writer's; the caller keeps keys and values in pairs. Not thread-safe.
class JsonWriter {
 public:
  /// Appends to `out`, which must outlive the writer.
  explicit JsonWriter(std::string& out) : out_(out) {}

  /// Brackets. Not checked against each other: an object that is not ended is the caller's mistake.
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// A key, escaped as string() does.
  JsonWriter& key(std::string_view name);

  /// HTML-escaped text: names, errors, YAML.
  JsonWriter& string(std::string_view text);
  /// Text as it is: labels.
  JsonWriter& plain_string(std::string_view text);
  /// Whole numbers in full: readers that have only doubles lose digits beyond 2^53.
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  /// A JSON number; NaN and infinities have no such form and become null.
  JsonWriter& number(double value);
  /// The three words of JSON.
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  /// JSON made elsewhere, one whole value; written as it is, unchecked.
  JsonWriter& raw(std::string_view json);

  /// key() and string().
  JsonWriter& member(std::string_view name, std::string_view text) {
    return key(name).string(text);
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string& out_;
  bool comma_ = false;
};

}  // namespace narthex
