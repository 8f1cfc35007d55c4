// Patterns that Go's regexp takes and RE2 does not, and the other way round. Verdicts and texts are
// those of Go 1.26.
#include <gtest/gtest.h>

#include "base/regex.h"
#include "base/str.h"

namespace narthex {
namespace {

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(RegexSyntax, TakesWhatGoTakes) {
  struct Row {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  };
  const Row rows[] = {{"(?<n>x)y", "xy", true},
                      {"(?P<n>x)(?P<n>y)", "xy", true},
                      {R"(\_[\_])", "__", true},
                      {R"(\Qa.b\E+)", "a.bb", true},
                      {R"(\Qa(b\E)", "a(b", true},
                      {R"(\Q\E)", "", true},
                      {R"(\p{greek}+)", "\xce\xb1\xce\xb2", true},
                      {R"(\p{^ gre-ek }+)", "ab", true},
                      {R"(\P{^L}\pN)", "a1", true},
                      {R"(\p{Uppercase_Letter}\p{lower case letter})", "Aa", true},
                      {R"([\p{letter}\P{l}]*)", "a1-", true},
                      {R"(\p{ascii}\P{ASCII})", "a\xce\xb1", true},
                      {R"([\p{ascii}][^\p{ascii}])", "a\xce\xb1", true},
                      {R"(\p{LC}\P{lc})", "A1", true},
                      {R"(\p{any}\pn)", "x5", true},
                      {"a\\z", "a", true},
                      {"(|)*", "", true},
                      {"x{,5}", "x{,5}", true},
                      {R"(\x{10FFFF}|\07)", "\a", true},
                      {"(?i)k", "\xe2\x84\xaa", true},
                      {"(?i:AB)c", "abc", true},
                      {"[]a]+[^]]", "]ab", true},
                      {"[[:word:]-]+", "a-_", true},
                      {".", "\n", true}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.pattern);
    const auto regex = Regex::matcher(row.pattern);
    ASSERT_TRUE(regex) << regex.error().message();
    EXPECT_EQ(regex->matches(row.text), row.matches);
  }
}

TEST(RegexSyntax, RefusesWhatGoRefusesInItsWords) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {R"(\C)", R"(invalid escape sequence: `\C`)"},
      {R"([\C])", R"(invalid escape sequence: `\C`)"},
      {R"(\Z)", R"(invalid escape sequence: `\Z`)"},
      {R"(\8)", R"(invalid escape sequence: `\8`)"},
      {R"([\Qa\E])", R"(invalid escape sequence: `\Q`)"},
      {R"(\p{Old_Persian})", R"(invalid character class range: `\p{Old_Persian}`)"},
      {R"(\p{})", R"(invalid character class range: `\p{}`)"},
      {R"(\p{Greek)", R"(invalid character class range: `\p{Greek`)"},
      {"(?<\xc3\xa9>x)", "invalid named capture: `(?<\xc3\xa9>`"},
      {"(?P<\xc3\xa9>x)", "invalid named capture: `(?P<\xc3\xa9>`"},
      {"(?<>x)", "invalid named capture: `(?<>`"},
      {"(?<=a)", "invalid named capture: `(?<=a)`"},
      {"(?P=n)", "invalid or unsupported Perl syntax: `(?P`"},
      {"a**", "invalid nested repetition operator: `**`"},
      {"a{1001}", "invalid repeat count: `{1001}`"},
      {"a{2,1}", "invalid repeat count: `{2,1}`"},
      {"*a", "missing argument to repetition operator: `*`"},
      {"[z-a]", "invalid character class range: `z-a`"},
      {"[[:foo:]]", "invalid character class range: `[:foo:]`"},
      {"(", "missing closing ): `(`"},
      {")", "unexpected ): `)`"},
      {"a)(b", "unexpected ): `a)(b`"},
      {"[a", "missing closing ]: `[a`"},
      {R"(\Qa)", R"(missing closing ): `^(?s:\Qa)$`)"}};
  for (const auto& [pattern, text] : rows) {
    SCOPED_TRACE(pattern);
    const auto regex = Regex::matcher(pattern);
    ASSERT_FALSE(regex);
    EXPECT_EQ(regex.error().message(), concat("error parsing regexp: ", text));
  }
  EXPECT_FALSE(Regex::matcher("\xff"));
  EXPECT_TRUE(Regex::anchored("a)(b"));  // relabelling never looks at the pattern by itself
}

TEST(RegexSyntax, CountsTheHeightOfTheTreeAsGo) {
  const auto nested = [](std::string_view open, std::string_view close, int times) {
    return repeat(open, times) + "a" + repeat(close, times);
  };
  EXPECT_TRUE(Regex::matcher(nested("(", ")", 998)));
  EXPECT_FALSE(Regex::matcher(nested("(", ")", 999)));
  EXPECT_TRUE(Regex::unanchored(nested("(", ")", 999)));
  EXPECT_TRUE(Regex::matcher(nested("(?:", ")", 2000)));
  EXPECT_FALSE(Regex::matcher(repeat("(?:a|b", 1000) + repeat(")", 1000)));
  EXPECT_FALSE(Regex::matcher(repeat("(?:a", 1200) + repeat(")*", 1200)));
  for (const std::string_view piece : {"(", "(?:", "[", "(?i:(", "\\Q", "(?<n>", "x|("}) {
    (void)Regex::matcher(repeat(piece, 10'000).substr(0, 60'000));
  }
}

// Of groups with one name, the first that took part; numbers have no leading zero.
TEST(RegexSyntax, ExpandsNamesAsGo) {
  const Regex regex = *Regex::anchored("(?:(?<n>a)|(?<n>b))(?P<m>c)");
  std::string out;
  ASSERT_TRUE(regex.expand("bc", "$n-${m}-$3-$03-$x-${n}$$", out));
  EXPECT_EQ(out, "b-c-c---b$");
}

}  // namespace
}  // namespace narthex
