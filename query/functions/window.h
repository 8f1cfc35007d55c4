// Functions over ranges of samples. A kernel gets the columns of one series and, for a strip of
// steps, the window of each step as a pair of indexes; both ends only grow, so work on one window
// can carry over to the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "query/tile.h"

namespace narthex::query {

/// Memory that kernels use again from call to call.
struct WindowScratch {
  std::vector<std::uint32_t> indexes;
  std::vector<double> values;
};

/// A strip of steps of one series. All pointers are borrowed for the call.
struct WindowArgs {
  const TimeMs* times = nullptr;  // ascending, stale markers taken out
  const double* values = nullptr;
  const std::uint32_t* lo =
      nullptr;  // per step: the window is [lo, hi), times in (end - range, end]
  const std::uint32_t* hi = nullptr;
  std::size_t steps = 0;
  TimeMs first_end = 0;  // end of the first window; the next ends `end_step` later
  DurationMs end_step = 0;
  TimeMs first_eval = 0;  // when the first step is evaluated
  DurationMs eval_step = 0;
  DurationMs range_ms = 0;
  double range_seconds = 0;
  const double* a = nullptr;  // scalar arguments, one per step
  const double* b = nullptr;
  WindowScratch* scratch = nullptr;
  const StopToken* stop = nullptr;  // once it stops, results of many samples mean nothing

  /// Of step `k`: when its window ends (included), when it is evaluated (they differ by offset and
  /// @), and how many samples it has.
  TimeMs end(std::size_t k) const { return first_end + static_cast<TimeMs>(k) * end_step; }
  TimeMs eval(std::size_t k) const { return first_eval + static_cast<TimeMs>(k) * eval_step; }
  std::uint32_t size(std::size_t k) const { return hi[k] - lo[k]; }
};

/// Writes `out[k]` and sets bit k for every step that has a result. `bits` comes in clear.
using WindowKernel = void (*)(const WindowArgs& args, double* out, std::uint64_t* bits);

/// A function over ranges, as the planner needs to know it.
struct WindowFunction {
  std::string_view name;
  WindowKernel kernel = nullptr;
  bool keeps_name = false;
  bool takes_quantile = false;  // its scalar is noted when out of [0, 1]
  bool wants_counter = false;   // upstream hints at metrics whose name is not a counter's
};

/// Null when `name` takes no range or is not evaluated yet.
const WindowFunction* find_window_function(std::string_view name);

/// Calls `f(k, lo, hi)` for every window with at least `samples_min` samples and stores what it
/// returns.
template <typename F>
void for_each_window(const WindowArgs& args, double* out, std::uint64_t* bits,
                     std::uint32_t samples_min, F&& f) {
  for (std::size_t k = 0; k < args.steps; ++k) {
    if (args.size(k) < samples_min) continue;
    out[k] = f(k, args.lo[k], args.hi[k]);
    set_bit(bits, k);
  }
}

/// Kernels that see no more samples never ask whether the query is stopped.
inline constexpr std::uint32_t kUnaskedSamplesMax = 64 * 1024;  // tuned: well below a millisecond

/// Calls `f(i)` for the samples of [lo, hi) in their order. Returns before its end once the query
/// is stopped.
template <typename F>
void for_each_sample(const WindowArgs& args, std::uint32_t lo, std::uint32_t hi, F&& f) {
  for (;;) {
    const std::uint32_t end = lo + std::min(hi - lo, kUnaskedSamplesMax);
    for (std::uint32_t i = lo; i < end; ++i) f(i);
    if (end == hi || !args.stop->check()) return;
    lo = end;
  }
}

// Kernels, one file per family; contracts are those of the functions in PromQL. They keep nothing
// between calls but scratch.
void rate_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void increase_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void delta_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void irate_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void idelta_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void changes_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void resets_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void deriv_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void predict_linear_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);
void smoothing_kernel(const WindowArgs& args, double* out, std::uint64_t* bits);

/// Linear interpolation at `q` between order statistics; NaN sorts first. `values` is reordered.
/// Upstream's quantile() in promql/quantile.go. `stop` is asked where there are very many: the
/// caller asks it again before it believes the result.
double quantile_of(double q, std::vector<double>& values, const StopToken& stop);

}  // namespace narthex::query
