// File name patterns, compared with what Go's filepath.Match says.
#include "base/glob.h"

#include <gtest/gtest.h>

#include "base/str.h"

namespace narthex {
namespace {

TEST(Glob, MatchesAsGo) {
  struct Row {
    std::string_view pattern;
    std::string_view name;
    bool matches;
  };
  const Row rows[] = {{"abc", "abc", true},
                      {"*", "abc", true},
                      {"*c", "abc", true},
                      {"a*", "ab/c", false},
                      {"a*b*c", "a1b2c", true},
                      {"a*b*c", "a1b2", false},
                      {"a*/b", "a/c/b", false},
                      {"a?b",
                       "a\xe2\x98\xba"
                       "b",
                       true},
                      {"a?b", "a/b", false},
                      {"ab[c]", "abc", true},
                      {"ab[b-d]", "abc", true},
                      {"ab[^c]", "abc", false},
                      {"ab[!c]", "abc", true},  // '!' is a plain character
                      {"ab[!c]", "abd", false},
                      {"[\\]a]", "]", true},
                      {"[\\-x]", "-", true},
                      {"a\\*b", "a*b", true},
                      {"a\\*b", "ab", false},
                      {"*x", "xxx", true},
                      {"", "", true},
                      {"", "x", false},
                      {"**", "a", true}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.pattern);
    const auto matched = glob_match(row.pattern, row.name);
    ASSERT_TRUE(matched);
    EXPECT_EQ(*matched, row.matches) << row.name;
  }
}

TEST(Glob, RefusesMalformedPatterns) {
  for (const char* pattern : {"[", "[^", "[^bc", "a[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]",
                              "a\\", "[\\", "x*[", "nothing-like-it[a-]"}) {
    SCOPED_TRACE(pattern);
    EXPECT_FALSE(glob_match(pattern, "a"));
    EXPECT_FALSE(glob(real_file_system(), pattern));
  }
}

TEST(Glob, FindsFilesAndDirectories) {
  FileSystem& fs = real_file_system();
  const std::string dir = concat(testing::TempDir(), "narthex_glob_test");
  ASSERT_TRUE(fs.remove_all(dir));
  for (const char* name : {"r1", "r2", "other"}) {
    ASSERT_TRUE(fs.make_directories(dir + "/" + name));
    ASSERT_TRUE(fs.create(dir + "/" + name + "/a.yml"));
  }

  EXPECT_EQ(*glob(fs, dir + "/r?/*.yml"),
            (std::vector<std::string>{dir + "/r1/a.yml", dir + "/r2/a.yml"}));
  EXPECT_EQ(*glob(fs, dir + "/r*"), (std::vector<std::string>{dir + "/r1", dir + "/r2"}));
  EXPECT_EQ(glob(fs, dir + "/r1/a.yml")->size(), 1U);
  EXPECT_TRUE(glob(fs, dir + "/none")->empty());
  EXPECT_TRUE(glob(fs, dir + "/none/*")->empty());
  EXPECT_TRUE(fs.remove_all(dir));
}

}  // namespace
}  // namespace narthex
