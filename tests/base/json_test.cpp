// JSON text is upstream's, byte for byte.
#include "base/json.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "base/compress.h"
#include "base/str.h"

namespace narthex {
namespace {

std::string float_text(double value) {
  char scratch[kFloatTextBytesMax];
  return {scratch, write_float_text(scratch, value)};
}

TEST(JsonWriter, PlacesCommas) {
  std::string out;
  JsonWriter json(out);

  json.begin_object().member("a", "x").key("b").begin_array().integer(-1).boolean(true).null();
  json.begin_object().end_object().end_array().key("c").number(1.5).end_object();

  EXPECT_EQ(out, R"({"a":"x","b":[-1,true,null,{}],"c":1.5})");
}

TEST(JsonWriter, EscapesHtmlOnlyInHtmlStrings) {
  std::string html;
  std::string plain;
  const std::string_view text = "<a href=\"x\">&\\\n\r\t\x01\x7f é \xe2\x80\xa8";

  append_json_html_string(html, text);
  append_json_string(plain, text);

  EXPECT_EQ(html, "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\\\\\n\\r\\t\\u0001\x7f é \\u2028\"");
  EXPECT_EQ(plain, "\"<a href=\\\"x\\\">&\\\\\\n\\r\\t\\u0001\x7f é \xe2\x80\xa8\"");
}

TEST(JsonWriter, ReplacesMalformedUtf8) {
  std::string out;
  append_json_html_string(out, "a\xff\xe2\x80z");
  EXPECT_EQ(out, "\"a\\ufffd\\ufffd\\ufffdz\"");
}

TEST(JsonWriter, WritesSecondsWithThreeDecimals) {
  const auto text = [](std::int64_t ms) {
    std::string out;
    append_json_seconds(out, ms);
    return out;
  };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(1500), "1.500");
  EXPECT_EQ(text(1'700'000'000'007), "1700000000.007");
  EXPECT_EQ(text(-1001), "-1.001");
  EXPECT_EQ(text(-2000), "-2");
}

TEST(JsonFloat, WritesUpstreamsForms) {
  struct Row {
    double value;
    const char* text;
  };
  const Row rows[] = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {-17, "-17"},
      {0.1, "0.1"},
      {2.5, "2.5"},
      {-0.025, "-0.025"},
      {1e-6, "0.000001"},
      {1e-7, "1e-07"},
      {123456789012345680, "123456789012345680"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {0.30000000000000004, "0.30000000000000004"},
      {std::nan(""), "NaN"},
      {INFINITY, "+Inf"},
      {-INFINITY, "-Inf"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {999999999999999.9, "999999999999999.9"},
  };
  for (const Row& row : rows) EXPECT_EQ(float_text(row.value), row.text);
}

// The fast paths must name the same digits as the plain routine, for whatever a server may store.
TEST(JsonFloat, AgreesWithThePlainRoutine) {
  std::mt19937_64 random(20260102);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t bits = random();
    const double any = std::bit_cast<double>(bits);
    const double decimal = static_cast<double>(bits % 10'000'000) / std::pow(10, bits % 7);
    const double whole = static_cast<double>(bits >> (bits % 60));
    for (const double value : {any, decimal, -decimal, whole, whole / 8}) {
      if (std::isnan(value)) continue;
      ASSERT_EQ(float_text(value), format_float(value, FloatStyle::kJson));
    }
  }
}

TEST(Compress, WritesBothWrappings) {
  const std::string text(100'000, 'a');

  const std::string gzip = deflate(text, DeflateFormat::kGzip);
  const std::string zlib = deflate(text, DeflateFormat::kZlib);

  EXPECT_EQ(gzip.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(zlib[0], '\x78');
  EXPECT_LT(gzip.size(), 2000U);
  EXPECT_FALSE(deflate("", DeflateFormat::kGzip).empty());
}

}  // namespace
}  // namespace narthex
