// rate, increase, delta and their instant forms. The corrections for counter resets are added in
// upstream's order: result = last - first, then the value before each reset, oldest first, because
// sums of doubles depend on it.
//
// Resets are listed once for a series; the windows, whose ends only grow, walk along that list. So
// a range query costs a pass over its samples plus what its windows hold of resets, not windows
// times samples.
#include "query/functions/window.h"

namespace narthex::query {
namespace {

struct RateKind {
  bool counter = false;
  bool per_second = false;
};

// Indexes i with values[i] < values[i - 1], both in some window.
void list_resets(const WindowArgs& args, std::vector<std::uint32_t>& out) {
  out.clear();
  const std::uint32_t end = args.hi[args.steps - 1];
  const std::uint32_t begin = std::min(args.lo[0] + 1, end);
  for_each_sample(args, begin, end, [&](std::uint32_t i) {
    if (args.values[i] < args.values[i - 1]) out.push_back(i);
  });
}

// How much longer than the samples' own interval the result reaches, as a factor. Upstream
// extrapolatedRate.
double extrapolation_factor(const WindowArgs& args, std::size_t k, double result, RateKind kind) {
  constexpr double kMsPerSecond = 1000;
  constexpr double kThreshold = 1.1;  // fixed by upstream
  const std::uint32_t lo = args.lo[k];
  const std::uint32_t last = args.hi[k] - 1;
  const TimeMs window_end = args.end(k);
  const auto seconds = [](TimeMs from, TimeMs to) {
    return static_cast<double>(to - from) / kMsPerSecond;
  };
  double to_start = seconds(window_end - args.range_ms, args.times[lo]);
  double to_end = seconds(args.times[last], window_end);
  const double sampled = seconds(args.times[lo], args.times[last]);
  const double average = sampled / static_cast<double>(last - lo);
  const double threshold = average * kThreshold;
  if (to_start >= threshold) to_start = average / 2;
  if (kind.counter && result > 0 && args.values[lo] >= 0) {
    const double to_zero = sampled * (args.values[lo] / result);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = average / 2;
  double factor = 1.0;
  if (sampled != 0) factor = (sampled + to_start + to_end) / sampled;
  if (kind.per_second) factor /= args.range_seconds;
  return factor;
}

void extrapolated(const WindowArgs& args, double* out, std::uint64_t* bits, RateKind kind) {
  std::vector<std::uint32_t>& resets = args.scratch->indexes;
  resets.clear();
  if (kind.counter && args.steps > 0) list_resets(args, resets);
  std::size_t passed = 0;
  for_each_window(args, out, bits, 2, [&](std::size_t k, std::uint32_t lo, std::uint32_t hi) {
    double result = args.values[hi - 1] - args.values[lo];
    while (passed < resets.size() && resets[passed] <= lo) ++passed;
    for (std::size_t r = passed; r < resets.size() && resets[r] < hi; ++r) {
      result += args.values[resets[r] - 1];
    }
    return result * extrapolation_factor(args, k, result, kind);
  });
}

void instant(const WindowArgs& args, double* out, std::uint64_t* bits, bool per_second) {
  for_each_window(args, out, bits, 2, [&](std::size_t, std::uint32_t, std::uint32_t hi) {
    const double last = args.values[hi - 1];
    const double before = args.values[hi - 2];
    const double result = per_second && last < before ? last : last - before;
    if (!per_second) return result;
    return result / (static_cast<double>(args.times[hi - 1] - args.times[hi - 2]) / 1000);
  });
}

}  // namespace

void rate_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  extrapolated(args, out, bits, {.counter = true, .per_second = true});
}
void increase_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  extrapolated(args, out, bits, {.counter = true, .per_second = false});
}
void delta_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  extrapolated(args, out, bits, {.counter = false, .per_second = false});
}
void irate_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  instant(args, out, bits, true);
}
void idelta_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  instant(args, out, bits, false);
}

}  // namespace narthex::query
