// Limits, and which names of Unicode sets which use knows; verdicts and texts are those of Go 1.26
// and upstream's matchers. The many single facts are in regex_facts.txt.
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

// Matchers are read by an older copy of Go's parser, which knows names as Unicode spells them.
TEST(RegexSyntax, KnowsNamesOfSetsByUse) {
  for (const std::string_view name :
       {"greek", "GREEK", "lu", "Letter", "Uppercase_Letter", "ASCII", "Assigned", "any"}) {
    SCOPED_TRACE(name);
    const std::string pattern = concat("[a\\p{", name, "}]");
    const auto matcher = Regex::matcher(pattern);
    ASSERT_FALSE(matcher);
    EXPECT_EQ(matcher.error().message(),
              concat("error parsing regexp: invalid character class range: `\\p{", name, "}`"));
    EXPECT_TRUE(Regex::anchored(pattern));
    EXPECT_TRUE(Regex::unanchored(pattern));
  }
  EXPECT_TRUE(Regex::matcher("\\p{Old_Persian}"));
  EXPECT_FALSE(Regex::anchored("\\p{Old_Persian}"));
}

// U+0378 is not assigned; U+00E9 is a letter, U+001B a control.
TEST(RegexSyntax, KnowsWhatUnicodeDoesNotAssign) {
  const std::string_view unassigned = "\xcd\xb8";
  for (const std::string_view item : {"\\p{Cn}", "\\P{Assigned}", "\\p{C}", "\\P{LC}", "\\P{L}"}) {
    SCOPED_TRACE(item);
    EXPECT_TRUE(Regex::anchored(item)->matches(unassigned));
    EXPECT_FALSE(Regex::anchored(item)->matches("\xc3\xa9"));
    EXPECT_TRUE(Regex::anchored(concat("[a", item, "]"))->matches(unassigned));
    EXPECT_TRUE(Regex::anchored(concat("[^a", item, "]"))->matches("\xc3\xa9"));
    EXPECT_FALSE(Regex::anchored(concat("[^a", item, "]"))->matches(unassigned));
  }
  EXPECT_FALSE(Regex::anchored("\\P{C}")->matches(unassigned));
  EXPECT_FALSE(Regex::anchored("\\p{Cn}")->matches("\x1b"));
  EXPECT_TRUE(Regex::matcher("\\p{Cn}")->matches("\xf4\x8f\xbf\xbf"));
}

TEST(RegexSyntax, TakesRepetitionsOfLargeSets) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "\xc3\xa9";
  const auto regex = Regex::matcher("\\pL{1000}");
  ASSERT_TRUE(regex) << regex.error().message();
  EXPECT_TRUE(regex->matches(text));
  EXPECT_FALSE(Regex::matcher("\\pL{1000}\\pL{1000}\\pL{1000}\\pL{1000}"));  // 64 MiB
  EXPECT_FALSE(Regex::matcher(repeat("\\pC", 10'000)));
}

// Every bad byte reads as U+FFFD, also where groups are cut.
TEST(RegexSyntax, ReadsTextsThatAreNotUtf8AsGo) {
  std::string out;
  ASSERT_TRUE(*Regex::anchored("(.)(\xc3\xa9*)(.*)")
                   ->expand("\xff\xc3\xa9\xc3", "$3-$2-$1", std::string::npos, out));
  EXPECT_EQ(out, "\xc3-\xc3\xa9-\xff");
  EXPECT_EQ(Regex::unanchored("x*")->replace_all("\xc3\xa9\xff", "-", 99), "-\xc3\xa9-\xff-");
  EXPECT_TRUE(Regex::matcher("a|\xff")->matches("\xff"));
  EXPECT_FALSE(Regex::matcher("a|\xff")->matches("\xc3"));
  EXPECT_FALSE(Regex::matcher("a|\xff+"));
}

// A pattern that closes what it has not opened is one for relabelling only, which wraps it first.
TEST(RegexSyntax, ReadsMatchersByThemselves) {
  EXPECT_FALSE(Regex::matcher("a)(b"));
  EXPECT_TRUE(Regex::anchored("a)(b"));
  EXPECT_TRUE(Regex::matcher("\\Qa")->matches("a"));
  EXPECT_FALSE(Regex::anchored("\\Qa"));
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
  ASSERT_TRUE(*regex.expand("bc", "$n-${m}-$3-$03-$x-${n}$$", std::string::npos, out));
  EXPECT_EQ(out, "b-c-c---b$");
}

}  // namespace
}  // namespace narthex
