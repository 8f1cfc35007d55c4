// Decompression ends where its limits say, whatever the input.
#include <gtest/gtest.h>

#include "base/compress.h"

namespace narthex {
namespace {

TEST(Gunzip, ReadsBackWhatWasWritten) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i * 7919);
  std::string out = "old";
  ASSERT_TRUE(gunzip(deflate(text, DeflateFormat::kGzip), text.size(), out));
  EXPECT_EQ(out, text);
  ASSERT_TRUE(gunzip(deflate("", DeflateFormat::kGzip), 10, out));
  EXPECT_EQ(out, "");
}

// The library counts input in 32 bits, so what is longer goes in parts.
TEST(Gunzip, ReadsBackWhatWasWrittenInParts) {
  std::string text(std::size_t{40} << 20, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 28);
  std::string out;

  ASSERT_TRUE(gunzip(deflate(text, DeflateFormat::kGzip), text.size(), out));

  EXPECT_TRUE(out == text);
}

// What comes bit by bit is one member, whatever the bits are.
TEST(Gunzip, ReadsBackWhatCameInPieces) {
  std::string text;
  std::string packed;
  Deflater deflater(DeflateFormat::kGzip);
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string piece(i * i, static_cast<char>('a' + i % 7));
    deflater.add(piece, false, packed);
    text += piece + std::to_string(i);
    deflater.add(std::to_string(i), false, packed);
  }
  deflater.add("", true, packed);
  std::string out;

  ASSERT_TRUE(gunzip(packed, text.size(), out));

  EXPECT_TRUE(out == text);
}

TEST(Gunzip, ReadsMembersInARow) {
  std::string out;
  ASSERT_TRUE(gunzip(deflate("one ", DeflateFormat::kGzip) + deflate("two", DeflateFormat::kGzip),
                     100, out));
  EXPECT_EQ(out, "one two");
}

TEST(Gunzip, RefusesBadAndTruncatedInput) {
  std::string out;
  const std::string good = deflate(std::string(1000, 'x') + "end", DeflateFormat::kGzip);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(gunzip(good.substr(0, size), 10'000, out)) << size;
  }
  EXPECT_FALSE(gunzip("plain text, not gzip at all", 10'000, out));
  std::string flipped = good;
  flipped[flipped.size() - 6] ^= 1;
  EXPECT_FALSE(gunzip(flipped, 10'000, out));
}

TEST(Gunzip, StopsAtItsLimits) {
  std::string out;
  const std::string bomb = deflate(std::string(32U << 20, 'x'), DeflateFormat::kGzip);
  EXPECT_EQ(gunzip(bomb, 1000, out).error().code(), Code::kLimit);
  EXPECT_EQ(gunzip(bomb, 1U << 30, out).error().code(), Code::kLimit);
}

TEST(Gunzip, TakesNoMoreMemoryThanItMayFill) {
  std::string noise;
  std::uint32_t state = 1;
  for (int i = 0; i < 1 << 20; ++i) {
    state = state * 1664525 + 1013904223;
    noise += static_cast<char>(state >> 24);
  }
  std::string out;

  EXPECT_EQ(gunzip(deflate(noise, DeflateFormat::kGzip), 1000, out).error().code(), Code::kLimit);

  EXPECT_LT(out.capacity(), 10'000U);
}

TEST(Gunzip, StopsWhereItsShareDoes) {
  ByteBudget budget(8U << 20);
  BudgetShare share(&budget, 0);
  std::string out;

  EXPECT_TRUE(
      gunzip(deflate(std::string(1U << 20, 'x'), DeflateFormat::kGzip), 1U << 30, out, &share));
  EXPECT_EQ(
      gunzip(deflate(std::string(15U << 20, 'x'), DeflateFormat::kGzip), 1U << 30, out, &share)
          .error()
          .message(),
      "no memory left for bodies");
}

}  // namespace
}  // namespace narthex
