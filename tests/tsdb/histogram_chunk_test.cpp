// Histogram chunks against bytes that Prometheus 3.14.0's tsdb/chunkenc made, and against damage.
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "model/histogram.h"
#include "model/sample.h"
#include "tsdb/chunk/chunk.h"
#include "tsdb/chunk/histogram.h"

namespace narthex::tsdb {
namespace {

using model::ChunkEncoding;
using model::CounterResetHint;
using model::FloatHistogram;
using model::SampleColumns;
using model::TimeMs;

constexpr model::TimeRange kAll{std::numeric_limits<TimeMs>::min(),
                                std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kTimes[] = {1'700'000'000'000, 1'700'000'015'000, 1'700'000'030'001,
                             1'700'000'045'003, 1'700'000'060'000};

// Samples 0 to 3 of the floats below; 4 is stale.
FloatHistogram float_sample(int i) {
  const double f = i;
  if (i == 4) return {.sum = model::stale_nan()};
  return {.schema = 2,
          .zero_threshold = 0.001,
          .zero_count = 1 + f,
          .count = 20 + 7 * f,
          .sum = 12.5 + f / 3,
          .positive_spans = {{-3, 2}, {1, 3}},
          .negative_spans = {{0, 1}},
          .positive_buckets = {1 + f, 2, 3 + 2 * f, 4, 5 + f * f},
          .negative_buckets = {4 + 2.5 * f}};
}
FloatHistogram custom_sample(int i) {
  const double f = i;
  return {.hint = CounterResetHint::kGauge,
          .schema = model::kCustomBucketsSchema,
          .count = 6 + f,
          .sum = 1e9 * f,
          .positive_spans = {{0, 3}},
          .positive_buckets = {1, 2 + f, 3},
          .custom_bounds = {0.005, 1.0 / 3, 40000}};
}
FloatHistogram int_sample(int i) {
  const double f = i;
  if (i == 4) return {.sum = model::stale_nan()};
  return {.schema = 1,
          .zero_threshold = 0.5,
          .zero_count = 2 + f,
          .count = 20 + 300 * f,
          .sum = 18.4 + f,
          .positive_spans = {{0, 2}, {1, 2}},
          .negative_spans = {{5, 2}},
          .positive_buckets = {1 + f, 2 + f, 1 + f, 1 + f + 100 * f},
          .negative_buckets = {2, 3 + f}};
}

constexpr std::string_view kFloatChunk =
    "000500ff3f50624dd2f1a9fc94a559c6317f0000c5e7f2b400201a0000000000001ff8000000000000201480"
    "00000000001ff8000000000000200000000000000020040000000000002008000000000000200a0000000000"
    "0020080000000000007c1d4c6c13f097fff86155555555555784bffed61f6c0bd81d8e91bdd80f763fffffff"
    "fffffd80d26a17ba83f1da25eb0bdf8d555555555557585b50bf47da1ddde142022709700717bfed80000000"
    "0001";
constexpr std::string_view kCustomChunk =
    "0003c000ee5c664ec3fd55555555555552071c400000000007f0000c5e7f2b400200c0000000000000000000"
    "00000000000000000000000001ff8000000000000200000000000000020040000000000007c1d4c6d06c2fc1"
    "cdcd656c068ea13d001000006b0b00";
constexpr std::string_view kIntChunk =
    "000500f38ca494632c2ff0000c5e7f2b40065248064cccccccccccd18dd28fc1d4c784b23bc1c4e322313687"
    "c0891037662f3fc5666666666664";

std::vector<std::byte> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<std::byte>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

Result<void> decode(ChunkEncoding encoding, std::vector<std::byte> bytes, SampleColumns& out,
                    model::TimeRange range = kAll, std::size_t limit = 1000) {
  const std::size_t size = bytes.size();
  bytes.resize(size + kChunkPaddingBytes);
  return decode_chunk(encoding, std::span(bytes).first(size), limit, range, out);
}

template <typename Sample>
void expect_samples(const SampleColumns& samples, int count, Sample sample) {
  ASSERT_EQ(samples.size(), static_cast<std::size_t>(count));
  ASSERT_EQ(samples.histograms.rows.size(), samples.size());
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE(i);
    const auto at = static_cast<std::size_t>(i);
    const FloatHistogram want = sample(i);
    const FloatHistogram& got = *samples.histograms.values[at];
    EXPECT_EQ(samples.times[at], kTimes[at]);
    EXPECT_EQ(got.is_stale(), want.is_stale());
    if (want.is_stale()) continue;
    EXPECT_EQ(got.schema, want.schema);
    EXPECT_EQ(got.zero_threshold, want.zero_threshold);
    EXPECT_EQ(got.zero_count, want.zero_count);
    EXPECT_EQ(got.count, want.count);
    EXPECT_EQ(got.sum, want.sum);
    EXPECT_EQ(got.positive_spans, want.positive_spans);
    EXPECT_EQ(got.negative_spans, want.negative_spans);
    EXPECT_EQ(got.positive_buckets, want.positive_buckets);
    EXPECT_EQ(got.negative_buckets, want.negative_buckets);
    EXPECT_EQ(got.custom_bounds, want.custom_bounds);
    const bool is_gauge = want.hint == CounterResetHint::kGauge;
    const CounterResetHint goes_on =
        i == 0 ? CounterResetHint::kUnknown : CounterResetHint::kNotReset;
    EXPECT_EQ(got.hint, is_gauge ? CounterResetHint::kGauge : goes_on);
  }
}

TEST(HistogramChunk, ReadsWhatPrometheusWrote) {
  SampleColumns floats;
  ASSERT_TRUE(decode(ChunkEncoding::kFloatHistogram, from_hex(kFloatChunk), floats));
  expect_samples(floats, 5, float_sample);
  SampleColumns custom;
  ASSERT_TRUE(decode(ChunkEncoding::kFloatHistogram, from_hex(kCustomChunk), custom));
  expect_samples(custom, 3, custom_sample);
  SampleColumns integers;
  ASSERT_TRUE(decode(ChunkEncoding::kHistogram, from_hex(kIntChunk), integers));
  expect_samples(integers, 5, int_sample);

  SampleColumns some;
  ASSERT_TRUE(decode(ChunkEncoding::kHistogram, from_hex(kIntChunk), some,
                     {.min = kTimes[1], .max = kTimes[3]}, 3));
  EXPECT_EQ(some.times, (std::vector<TimeMs>{kTimes[1], kTimes[2]}));
}

TEST(HistogramChunk, WritesWhatPrometheusWrites) {
  SampleColumns samples;
  for (int i = 0; i < 5; ++i) {
    samples.push(kTimes[i], std::make_shared<FloatHistogram>(float_sample(i)));
  }
  ChunkAppender floats;
  for (std::size_t i = 0; i < samples.size(); ++i) EXPECT_TRUE(floats.append(samples, i));
  EXPECT_EQ(floats.encoding(), ChunkEncoding::kFloatHistogram);
  EXPECT_EQ(floats.bytes(), from_hex(kFloatChunk));

  FloatHistogramAppender custom(custom_sample(0));
  for (int i = 0; i < 3; ++i) custom.append(kTimes[i], custom_sample(i));
  EXPECT_EQ(custom.bytes(), from_hex(kCustomChunk));
}

TEST(ChunkAppender, EndsAChunkWhereTheKindOrTheLayoutChanges) {
  FloatHistogram reset = float_sample(1);
  reset.hint = CounterResetHint::kReset;
  FloatHistogram wider = float_sample(1);
  wider.zero_threshold = 1;
  SampleColumns samples;
  samples.push(1, 1.0);
  samples.push(2, std::make_shared<FloatHistogram>(float_sample(0)));
  samples.push(3, std::make_shared<FloatHistogram>(reset));
  samples.push(4, std::make_shared<FloatHistogram>(wider));
  samples.push(5, std::make_shared<FloatHistogram>(custom_sample(0)));
  samples.push(6, std::make_shared<FloatHistogram>(float_sample(4)));
  SampleColumns back;
  ChunkAppender chunk;
  std::size_t chunks = 0;
  const auto close = [&] {
    ++chunks;
    EXPECT_TRUE(decode(chunk.encoding(), chunk.bytes(), back));
    chunk = ChunkAppender();
  };
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!chunk.append(samples, i)) {
      close();
      EXPECT_TRUE(chunk.append(samples, i));
    }
  }
  close();
  EXPECT_EQ(chunks, 5U);  // the stale marker goes with the one before
  EXPECT_EQ(back.times, samples.times);
  EXPECT_EQ(back.histograms.rows, samples.histograms.rows);
}

// Whatever the bytes are, reading them ends, and gives nothing that does not fit together.
TEST(HistogramChunk, EndsOnAnyBytes) {
  std::mt19937 random(7);
  const auto try_bytes = [](const std::vector<std::byte>& bytes) {
    for (const auto encoding : {ChunkEncoding::kHistogram, ChunkEncoding::kFloatHistogram}) {
      SampleColumns out;
      (void)decode(encoding, bytes, out);
      for (const model::HistogramPtr& h : out.histograms.values) {
        std::size_t buckets = 0;
        for (const model::BucketSpan& span : h->positive_spans) buckets += span.length;
        EXPECT_EQ(h->positive_buckets.size(), buckets);
        EXPECT_LE(buckets, bytes.size() * 8);
      }
    }
  };
  for (const std::string_view hex : {kFloatChunk, kCustomChunk, kIntChunk}) {
    const std::vector<std::byte> good = from_hex(hex);
    for (std::size_t size = 0; size < good.size(); ++size) {
      try_bytes({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
    }
    for (int i = 0; i < 3000; ++i) {
      std::vector<std::byte> bad = good;
      for (int flips = 1 + i % 4; flips > 0; --flips) {
        bad[random() % bad.size()] ^= static_cast<std::byte>(1U << random() % 8);
      }
      try_bytes(bad);
    }
  }
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::byte> noise(random() % 200);
    for (std::byte& b : noise) b = static_cast<std::byte>(random());
    try_bytes(noise);
  }
}

}  // namespace
}  // namespace narthex::tsdb
