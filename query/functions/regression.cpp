// deriv, predict_linear and double_exponential_smoothing. Arithmetic as upstream
// promql/functions.go, compensated sums included; times are counted from a point near the samples,
// for squares of Unix times would leave no digits for the slope.
#include <cmath>

#include "base/kahan.h"
#include "model/sample.h"
#include "query/functions/window.h"

namespace narthex::query {
namespace {

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares over [lo, hi), the intercept taken at `zero`.
Line regression(const WindowArgs& args, std::uint32_t lo, std::uint32_t hi, TimeMs zero) {
  KahanSum x_sum;
  KahanSum y_sum;
  KahanSum xy_sum;
  KahanSum xx_sum;
  bool constant = true;
  for_each_sample(args, lo, hi, [&](std::uint32_t i) {
    const double x = static_cast<double>(args.times[i] - zero) / 1e3;
    const double y = args.values[i];
    if (i > lo && y != args.values[lo]) constant = false;
    x_sum.add(x);
    y_sum.add(y);
    xy_sum.add(x * y);
    xx_sum.add(x * x);
  });
  if (constant) {
    const double y = args.values[lo];
    if (std::isinf(y)) return {.slope = model::normal_nan(), .intercept = model::normal_nan()};
    return {.slope = 0, .intercept = y};
  }
  const double n = hi - lo;
  const double sx = x_sum.sum + x_sum.c;
  const double sy = y_sum.sum + y_sum.c;
  const double covariance = (xy_sum.sum + xy_sum.c) - sx * sy / n;
  const double variance = (xx_sum.sum + xx_sum.c) - sx * sx / n;
  const double slope = covariance / variance;
  return {.slope = slope, .intercept = sy / n - slope * sx / n};
}

}  // namespace

void deriv_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  for_each_window(args, out, bits, 2, [&](std::size_t, std::uint32_t lo, std::uint32_t hi) {
    return regression(args, lo, hi, args.times[lo]).slope;
  });
}

void predict_linear_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  for_each_window(args, out, bits, 2, [&](std::size_t k, std::uint32_t lo, std::uint32_t hi) {
    const Line line = regression(args, lo, hi, args.eval(k));
    return line.slope * args.a[k] + line.intercept;
  });
}

// a: smoothing factor, b: trend factor, both in (0, 1).
void smoothing_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  for_each_window(args, out, bits, 2, [&](std::size_t k, std::uint32_t lo, std::uint32_t hi) {
    const double smoothing = args.a[k];
    const double trend_factor = args.b[k];
    double before = 0;
    double smoothed = args.values[lo];
    double trend = args.values[lo + 1] - args.values[lo];
    for_each_sample(args, lo + 1, hi, [&](std::uint32_t i) {
      const double x = smoothing * args.values[i];
      if (i > lo + 1) trend = trend_factor * (smoothed - before) + (1 - trend_factor) * trend;
      const double y = (1 - smoothing) * (smoothed + trend);
      before = smoothed;
      smoothed = x + y;
    });
    return smoothed;
  });
}

}  // namespace narthex::query
