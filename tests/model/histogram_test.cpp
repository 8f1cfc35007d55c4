// Bounds, checks and sums of native histograms. Answers of whole queries: tests/promql.
#include "model/histogram.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "model/histogram_sum.h"
#include "model/sample.h"

namespace narthex::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

FloatHistogram exponential(std::int32_t schema, std::int32_t offset, std::vector<double> buckets) {
  FloatHistogram h{.schema = schema, .sum = 1};
  for (const double count : buckets) h.count += count;
  h.positive_spans = {{offset, static_cast<std::uint32_t>(buckets.size())}};
  h.positive_buckets = std::move(buckets);
  return h;
}

FloatHistogram custom(std::vector<double> bounds, std::vector<double> buckets) {
  FloatHistogram h = exponential(kCustomBucketsSchema, 0, std::move(buckets));
  h.custom_bounds = std::move(bounds);
  return h;
}

std::vector<std::pair<double, double>> uppers(const FloatHistogram& h) {
  std::vector<std::pair<double, double>> out;
  for (const HistogramBucket& bucket : h.buckets()) out.emplace_back(bucket.upper, bucket.count);
  return out;
}
using Uppers = std::vector<std::pair<double, double>>;

// Upstream's table, model/histogram/generic.go at v3.14.
TEST(HistogramBounds, AreUpstreamsToTheBit) {
  EXPECT_EQ(exponential_bound(0, 0), 1);
  EXPECT_EQ(exponential_bound(3, 0), 8);
  EXPECT_EQ(exponential_bound(-2, 0), 0.25);
  EXPECT_EQ(exponential_bound(1, -4), 65536);
  EXPECT_EQ(exponential_bound(1, 3), 2 * 0.5452538663326288);
  EXPECT_EQ(exponential_bound(7, 3), 2 * 0.9170040432046711);
  EXPECT_EQ(exponential_bound(1, 8), 2 * 0.5013556375251013);
  EXPECT_EQ(exponential_bound(127, 7), 2 * 0.9945994234836328);
  EXPECT_EQ(exponential_bound(1024, 0), std::numeric_limits<double>::max());
  EXPECT_EQ(exponential_bound(1025, 0), kInfinity);
  EXPECT_EQ(exponential_bound(64, -4), std::numeric_limits<double>::max());
  EXPECT_EQ(custom_bound(-1, {}), -kInfinity);
  EXPECT_EQ(custom_bound(0, {}), kInfinity);
}

TEST(Histogram, ShowsItsBuckets) {
  FloatHistogram h = exponential(0, 1, {2, 0});
  h.zero_count = 3;
  h.zero_threshold = 0.5;
  h.negative_spans = {{0, 1}, {1, 1}};
  h.negative_buckets = {4, 5};
  const std::vector<HistogramBucket> buckets = h.buckets();
  ASSERT_EQ(buckets.size(), 5U);
  EXPECT_EQ(buckets[0].lower, -4);
  EXPECT_EQ(buckets[0].count, 5);
  EXPECT_TRUE(buckets[0].includes_lower && !buckets[0].includes_upper);
  EXPECT_EQ(buckets[1].upper, -0.5);
  EXPECT_TRUE(buckets[2].includes_lower && buckets[2].includes_upper);
  EXPECT_EQ(buckets[3].upper, 2);
  EXPECT_TRUE(!buckets[3].includes_lower && buckets[3].includes_upper);
  EXPECT_EQ(uppers(custom({1, 5}, {1, 2, 3})), (Uppers{{1, 1}, {5, 2}, {kInfinity, 3}}));
}

TEST(Histogram, RefusesWhatDoesNotFitTogether) {
  EXPECT_TRUE(check_histogram(exponential(8, -70, {1, 2})));
  EXPECT_TRUE(check_histogram(custom({1, 2}, {1, 2, 3})));
  const auto refused = [](auto change) {
    FloatHistogram h = exponential(0, 0, {1, 2});
    change(h);
    const Result<void> checked = check_histogram(h);
    return checked ? std::string() : std::string(checked.error().message());
  };
  EXPECT_EQ(refused([](FloatHistogram& h) { h.schema = 9; }),
            "invalid histogram: unknown schema 9");
  EXPECT_EQ(refused([](FloatHistogram& h) { h.positive_spans[0].length = 3; }),
            "invalid histogram: positive side: spans need 3 buckets, there are 2");
  EXPECT_NE(refused([](FloatHistogram& h) { h.positive_spans.push_back({-1, 0}); }), "");
  EXPECT_NE(refused([](FloatHistogram& h) { h.positive_spans[0].offset = 2147483647; }), "");
  EXPECT_NE(refused([](FloatHistogram& h) { h.positive_buckets[0] = -1; }), "");
  EXPECT_NE(refused([](FloatHistogram& h) { h.count = -1; }), "");
  EXPECT_NE(refused([](FloatHistogram& h) { h.zero_count = -1; }), "");
  EXPECT_NE(refused([](FloatHistogram& h) { h.custom_bounds = {1}; }), "");
  EXPECT_FALSE(check_histogram(custom({2, 1}, {1})));
  EXPECT_FALSE(check_histogram(custom({1, kInfinity}, {1})));
  EXPECT_FALSE(check_histogram(custom({1}, {1, 2, 3})));
}

TEST(HistogramSum, MeetsAtTheLowerResolution) {
  HistogramSum sum(exponential(1, 1, {1, 2, 4, 8}));
  EXPECT_EQ(sum.add(exponential(0, 2, {16})), HistogramSum::Added::kPlainly);
  EXPECT_EQ(sum.add(exponential(1, 3, {32})), HistogramSum::Added::kPlainly);
  const FloatHistogram out = sum.result();
  EXPECT_EQ(out.schema, 0);
  EXPECT_EQ(uppers(out), (Uppers{{2, 3}, {4, 12 + 16 + 32}}));
  EXPECT_EQ(out.count, 63);
  EXPECT_TRUE(check_histogram(out));
}

TEST(HistogramSum, WidensTheZeroBucketToABoundThatBothHave) {
  FloatHistogram narrow = exponential(0, 0, {1, 2, 4});  // up to 1, 2, 4
  narrow.zero_threshold = 0.001;
  narrow.zero_count = 10;
  FloatHistogram wide = exponential(0, 5, {8});
  wide.zero_threshold = 1.5;  // within the bucket that ends at 2
  wide.zero_count = 100;
  for (const bool turned : {false, true}) {
    HistogramSum sum(turned ? wide : narrow);
    sum.add(turned ? narrow : wide);
    const FloatHistogram out = sum.result();
    EXPECT_EQ(out.zero_threshold, 2);
    EXPECT_EQ(out.zero_count, 10 + 100 + 1 + 2);
    EXPECT_EQ(uppers(out), (Uppers{{2, 113}, {4, 4}, {32, 8}}));
  }
}

TEST(HistogramSum, ReconcilesCustomBounds) {
  HistogramSum sum(custom({1, 2, 3}, {1, 2, 4, 8}));
  EXPECT_EQ(sum.add(custom({1, 2, 3}, {1, 0, 0, 0})), HistogramSum::Added::kPlainly);
  EXPECT_EQ(sum.add(custom({1, 3, 4}, {16, 32, 64, 128})), HistogramSum::Added::kReconciled);
  EXPECT_EQ(uppers(sum.result()), (Uppers{{1, 18}, {3, 6 + 32}, {kInfinity, 8 + 64 + 128}}));
  EXPECT_EQ(sum.add(exponential(0, 0, {1})), HistogramSum::Added::kIncompatible);
}

TEST(HistogramSum, LosesNothingToLargeCounts) {
  HistogramSum sum(exponential(0, 0, {1e16}));
  for (int i = 0; i < 10; ++i) sum.add(exponential(0, 0, {1}));
  EXPECT_EQ(sum.result().positive_buckets[0], 1e16 + 10);
}

TEST(SampleColumns, KeepsBothKindsInOrder) {
  const auto histogram = std::make_shared<FloatHistogram>(exponential(0, 0, {1}));
  SampleColumns a;
  a.push(10, 1.0);
  a.push(20, histogram);
  a.push(40, 4.0);
  SampleColumns b;
  b.push(20, 7.0);
  b.push(30, histogram);
  merge_samples(b, 0, a);
  EXPECT_EQ(a.times, (std::vector<TimeMs>{10, 20, 30, 40}));
  EXPECT_EQ(a.histograms.rows, (std::vector<std::uint32_t>{1, 2}));
  a.truncate(2);
  EXPECT_EQ(a.histograms.values.size(), 1U);
  EXPECT_EQ(a.histograms.find(0), nullptr);
  EXPECT_EQ(*a.histograms.find(1), histogram);
}

}  // namespace
}  // namespace narthex::model
