// PromQL's anchoring and Go's template expansion.
#include "base/regex.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

TEST(Regex, IsAnchoredAndDotMatchesNewline) {
  const Regex regex = *Regex::anchored("a.c");

  EXPECT_TRUE(regex.matches("a\nc"));
  EXPECT_FALSE(regex.matches("xabc"));
}

TEST(Regex, ExpandsAsGo) {
  const Regex regex = *Regex::anchored("(?P<host>[a-z]+):(\\d+)");
  std::string out;

  ASSERT_TRUE(*regex.expand("db:80", "$host-${2}-$$-$9-$1x", std::string::npos, out));
  EXPECT_EQ(out, "db-80-$--");
  EXPECT_FALSE(*regex.expand("nope", "$1", std::string::npos, out));
}

TEST(Regex, ReplacesAllAsGo) {
  EXPECT_EQ(Regex::unanchored("a+")->replace_all("baaac", "<$0>", 99), "b<aaa>c");
  EXPECT_EQ(Regex::unanchored("x*")->replace_all("abc", "-", 7), "-a-b-c-");
}

TEST(Regex, NamesTheFault) {
  const auto bad = Regex::anchored("a(");

  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), Code::kInvalid);
}

}  // namespace
}  // namespace narthex
