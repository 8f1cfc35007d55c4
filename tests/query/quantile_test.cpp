// Quantiles of very many values are those of the sorted ones, and can be stopped.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "query/functions/window.h"
#include "tests/support/fake_clock.h"

namespace narthex::query {
namespace {

std::vector<double> random_values(std::size_t count, int kinds) {
  std::mt19937_64 rng(7);
  std::vector<double> out(count);
  for (double& v : out) v = static_cast<double>(rng() % static_cast<unsigned>(kinds)) - 3;
  return out;
}

double of_sorted(double q, std::vector<double> values) {
  std::ranges::sort(values);
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(rank));
  const std::size_t high = std::min(low + 1, values.size() - 1);
  const double weight = rank - std::floor(rank);
  return values[low] * (1 - weight) + values[high] * weight;
}

TEST(Quantile, OfVeryManyValuesIsThatOfTheSortedOnes) {
  for (const int kinds : {1, 2, 50, 1'000'000'000}) {
    for (const double q : {0.0, 0.001, 0.5, 0.77, 1.0}) {
      SCOPED_TRACE(testing::Message() << kinds << " kinds, q " << q);
      std::vector<double> values = random_values(300'000, kinds);
      const double wanted = of_sorted(q, values);
      EXPECT_EQ(quantile_of(q, values, {}), wanted);
      std::ranges::sort(values);
      EXPECT_EQ(quantile_of(q, values, {}), wanted) << "sorted before";
    }
  }
}

// Both ways: by choosing, and by sorting where NaN or two zeros make the order matter.
TEST(Quantile, StopsAmongVeryManyValues) {
  const test::FakeClock clock;
  const StopToken stop(clock, std::numeric_limits<std::int64_t>::max());
  std::vector<double> values = random_values(300'000, 1'000'000);
  std::vector<double> with_nan = values;
  with_nan.back() = std::nan("");
  EXPECT_FALSE(std::isnan(quantile_of(0.5, values, stop)));
  EXPECT_FALSE(std::isnan(quantile_of(0.5, with_nan, stop)));

  stop.cancel();

  EXPECT_TRUE(std::isnan(quantile_of(0.5, values, stop)));
  EXPECT_TRUE(std::isnan(quantile_of(0.5, with_nan, stop)));
}

}  // namespace
}  // namespace narthex::query
