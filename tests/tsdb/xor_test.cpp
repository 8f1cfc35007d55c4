// Chunks must decode to the very bits that went in, and be the bytes Prometheus writes.
#include "tsdb/chunk/xor.h"

#include <limits>
#include <memory>
#include <random>

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

using model::SampleColumns;
using model::TimeMs;

constexpr TimeMs kForever = std::numeric_limits<TimeMs>::max();

std::vector<std::byte> padded(std::vector<std::byte> chunk) {
  chunk.resize(chunk.size() + kXorPaddingBytes);
  return chunk;
}

SampleColumns decode(const std::vector<std::byte>& chunk, std::size_t limit = 1000, TimeMs min = 0,
                     TimeMs max = kForever) {
  const auto bytes = padded(chunk);
  SampleColumns out;
  EXPECT_TRUE(xor_decode(std::span(bytes).first(chunk.size()), limit, min, max, out));
  return out;
}

void expect_same_bits(const SampleColumns& got, const SampleColumns& want) {
  ASSERT_EQ(got.times, want.times);
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got.values[i]),
              std::bit_cast<std::uint64_t>(want.values[i]))
        << i;
  }
}

TEST(Xor, RoundTripsRandomSeries) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    XorAppender appender;
    SampleColumns want;
    TimeMs t = 1'700'000'000'000 + static_cast<TimeMs>(random() % 100'000);
    double v = 1;
    for (int i = 0; i < 120; ++i) {
      const auto jitter =
          static_cast<TimeMs>(random() % (round % 3 == 0 ? 1 : 1ULL << (random() % 22)));
      t += 1 + (round % 2 == 0 ? 15'000 : 1) + jitter;
      if (round % 4 == 1) v += static_cast<double>(random() % 3);
      if (round % 4 == 2) v = std::bit_cast<double>(random());
      if (round % 4 == 3) v = i % 7 == 0 ? model::stale_nan() : static_cast<double>(i) / 3;
      appender.append(t, v);
      want.push(t, v);
    }

    expect_same_bits(decode(appender.bytes()), want);
  }
}

TEST(Xor, CutsByLimitAndRange) {
  XorAppender appender;
  for (int i = 0; i < 10; ++i) appender.append(1000 + i * 10, i);

  EXPECT_EQ(decode(appender.bytes(), 3).times, (std::vector<TimeMs>{1000, 1010, 1020}));
  EXPECT_EQ(decode(appender.bytes(), 100, 1085).times, (std::vector<TimeMs>{1090}));
  EXPECT_EQ(decode(appender.bytes(), 100, 0, 1005).times, (std::vector<TimeMs>{1000}));
}

// The bytes of three samples worked out by hand from docs/formats/chunk_xor.md: header 0003, time 1
// as varint 02, value 1.0 whole, delta 1 as uvarint, 0 for the same value, 0 for the same delta, 0
// for the same value.
TEST(Xor, WritesTheDocumentedBytes) {
  XorAppender appender;
  for (const TimeMs t : {1, 2, 3}) appender.append(t, 1.0);

  const std::vector<unsigned> want = {0x00, 0x03, 0x02, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0x01, 0x00};
  std::vector<unsigned> got;
  for (const std::byte b : appender.bytes()) got.push_back(std::to_integer<unsigned>(b));
  EXPECT_EQ(got, want);
}

TEST(Xor, ReportsTruncation) {
  XorAppender appender;
  for (int i = 0; i < 50; ++i) appender.append(1000 + i * i * 10, i * 1.7);
  const std::vector<std::byte> whole = appender.bytes();

  for (std::size_t keep = 0; keep + 1 < whole.size(); ++keep) {
    auto cut = padded({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(keep)});
    SampleColumns out;
    EXPECT_FALSE(xor_decode(std::span(cut).first(keep), 1000, 0, kForever, out)) << keep;
  }
}

// The decoder loads whole words, but none of them ends more than the padding behind the chunk.
// Bits of ones take the longest fields, and ask for more where the chunk ends.
TEST(Xor, ReadsNoFurtherThanThePadding) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    const std::size_t size = kXorHeaderBytes + random() % 64;
    const auto bytes = std::make_unique<std::byte[]>(size + kXorPaddingBytes);
    const std::size_t ones = round % 3 == 0 ? 0 : random() % (size + 1);
    for (std::size_t i = 0; i < size + kXorPaddingBytes; ++i) {
      bytes[i] = i >= ones ? std::byte{0xFF} : static_cast<std::byte>(random() & 0xFF);
    }
    SampleColumns out;
    (void)xor_decode(std::span(bytes.get(), size), 1000, std::numeric_limits<TimeMs>::min(),
                     kForever, out);
    EXPECT_LE(out.size(), 8 * size);
  }
}

}  // namespace
}  // namespace narthex::tsdb
