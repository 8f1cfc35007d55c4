// Numbers must read as Go prints them; a dashboard compares texts.
#include "base/str.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace narthex {
namespace {

struct FloatCase {
  double value;
  FloatStyle style;
  std::string text;
};

TEST(FormatFloat, PrintsAsGo) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<FloatCase> cases = {
      {1, FloatStyle::kJson, "1"},
      {1e21, FloatStyle::kJson, "1e+21"},
      {1e20, FloatStyle::kJson, "100000000000000000000"},
      {542284412447080384, FloatStyle::kFixed, "542284412447080400"},
      {1e-7, FloatStyle::kJson, "1e-07"},
      {1e-6, FloatStyle::kJson, "0.000001"},
      {0.1, FloatStyle::kJson, "0.1"},
      {-0.0, FloatStyle::kJson, "-0"},
      {1, FloatStyle::kExponent, "1e+00"},
      {inf, FloatStyle::kFixed, "+Inf"},
      {-inf, FloatStyle::kJson, "-Inf"},
      {std::nan(""), FloatStyle::kFixed, "NaN"},
      {0.0001, FloatStyle::kGeneral, "0.0001"},
      {0.00001, FloatStyle::kGeneral, "1e-05"},
      {123456, FloatStyle::kGeneral, "123456"},
      {1234567, FloatStyle::kGeneral, "1.234567e+06"},
  };

  for (const FloatCase& c : cases) {
    SCOPED_TRACE(c.text);
    EXPECT_EQ(format_float(c.value, c.style), c.text);
  }
}

TEST(ParseFloat, TakesGoWordsAndRefusesTheRest) {
  double value = 0;

  EXPECT_TRUE(parse_float("+Inf", value));
  EXPECT_TRUE(parse_float("-infinity", value));
  EXPECT_EQ(value, -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(parse_float("nAn", value));
  EXPECT_TRUE(parse_float(".5", value));
  EXPECT_EQ(value, 0.5);
  EXPECT_FALSE(parse_float("0x1p-2", value));
  EXPECT_FALSE(parse_float("1_0", value));
  EXPECT_FALSE(parse_float("1e999", value));
  EXPECT_FALSE(parse_float("", value));
  EXPECT_FALSE(parse_float("+-1", value));
}

TEST(Quote, EscapesAsGo) {
  EXPECT_EQ(quote("a\"b\\\n\x01"), R"("a\"b\\\n\x01")");
  EXPECT_EQ(quote("h\xc3\xa9"), "\"h\xc3\xa9\"");
  EXPECT_EQ(quote("\xff"), R"("\xff")");
  EXPECT_EQ(quote("\xe2\x80\xa8\xc2\xa0\xf3\xa0\x80\x81"), R"("\u2028\u00a0\U000e0001")");
  EXPECT_EQ(quote("\xe6\x97\xa5\xf0\x9f\x98\x80"), "\"\xe6\x97\xa5\xf0\x9f\x98\x80\"");
}

TEST(LetterCase, MapsAllLettersOneToOne) {
  EXPECT_EQ(to_lower("AbC-1 ÀÉ Жя ŸΣ"), "abc-1 àé жя ÿσ");
  EXPECT_EQ(to_upper("AbC-1 àé Жя ÿσ ß"), "ABC-1 ÀÉ ЖЯ ŸΣ ß");
  EXPECT_EQ(to_lower("\U00010400"), "\U00010428");  // four bytes each
  EXPECT_EQ(to_upper("a\xff\xc3"), "A\xff\xc3");
}

TEST(Utf8, RefusesMalformedSequences) {
  EXPECT_TRUE(is_valid_utf8("plain text, long enough for the fast path"));
  EXPECT_TRUE(is_valid_utf8("\xf0\x9f\x94\xa5"));
  EXPECT_FALSE(is_valid_utf8("\xc0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_valid_utf8("12345678\xff"));
}

}  // namespace
}  // namespace narthex
