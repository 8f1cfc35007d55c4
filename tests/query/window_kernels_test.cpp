// Kernels over windows of very many samples ask whether the query is stopped.
#include <array>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "query/functions/window.h"
#include "tests/support/fake_clock.h"

namespace narthex::query {
namespace {

TEST(WindowKernels, AskWithinOneWindow) {
  constexpr std::uint32_t kSamples = 5 * kUnaskedSamplesMax;
  std::vector<TimeMs> times(kSamples);
  std::vector<double> values(kSamples);
  for (std::uint32_t i = 0; i < kSamples; ++i) {
    times[i] = i;
    values[i] = i % 1000;
  }
  const std::uint32_t lo = 0;
  const std::uint32_t hi = kSamples;
  const double half = 0.5;
  WindowScratch scratch;
  for (const std::string_view name :
       {"avg_over_time", "changes", "deriv", "double_exponential_smoothing", "increase",
        "mad_over_time", "max_over_time", "min_over_time", "predict_linear", "quantile_over_time",
        "rate", "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time",
        "ts_of_max_over_time", "ts_of_min_over_time"}) {
    SCOPED_TRACE(name);
    const test::CountingClock clock;
    const StopToken stop(clock, std::numeric_limits<std::int64_t>::max());
    const WindowArgs args{.times = times.data(),
                          .values = values.data(),
                          .lo = &lo,
                          .hi = &hi,
                          .steps = 1,
                          .first_end = kSamples,
                          .range_ms = kSamples,
                          .range_seconds = kSamples / 1e3,
                          .a = &half,
                          .b = &half,
                          .scratch = &scratch,
                          .stop = &stop};
    double out = 0;
    std::uint64_t bits = 0;

    find_window_function(name)->kernel(args, &out, &bits);

    EXPECT_GE(clock.reads, 4);
    EXPECT_EQ(bits, 1U);
  }
}

}  // namespace
}  // namespace narthex::query
