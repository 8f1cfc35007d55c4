// UTF-8 against the code points at both ends of each length.
#include "base/utf8.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

TEST(Utf8, WritesAndReadsTheEndsOfEachLength) {
  const std::pair<std::uint32_t, std::string_view> cases[] = {{0x00, {"\0", 1}},
                                                              {0x7F, "\x7f"},
                                                              {0x80, "\xc2\x80"},
                                                              {0x7FF, "\xdf\xbf"},
                                                              {0x800, "\xe0\xa0\x80"},
                                                              {0xFFFF, "\xef\xbf\xbf"},
                                                              {0x10000, "\xf0\x90\x80\x80"},
                                                              {0x10FFFF, "\xf4\x8f\xbf\xbf"}};
  for (const auto& [rune, bytes] : cases) {
    SCOPED_TRACE(rune);
    std::string out;
    append_utf8(out, rune);
    EXPECT_EQ(out, bytes);
    EXPECT_EQ(utf8_length(bytes, 0), bytes.size());
    EXPECT_EQ(decode_utf8(bytes), rune);
    EXPECT_TRUE(is_valid_utf8(bytes));
  }
}

// Upstream takes such escapes in label names, and shows them so.
TEST(Utf8, WritesSurrogatesAsTheyStand) {
  std::string out;
  append_utf8(out, 0xD800);

  EXPECT_EQ(out, "\xed\xa0\x80");
  EXPECT_EQ(utf8_length(out, 0), 0U);
}

TEST(Utf8, RefusesWhatIsMalformed) {
  for (const std::string_view bytes :
       {"\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xe2\x82", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(utf8_length(bytes, 0), 0U);
    EXPECT_FALSE(is_valid_utf8(std::string("eight bytes and then ").append(bytes)));
  }
}

}  // namespace
}  // namespace narthex
