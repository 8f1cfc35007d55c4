// The *_over_time family, changes, resets, and the table of all functions over ranges.
//
// Each kernel is a loop over the windows of one series. Sums start anew in every window instead of
// sliding: subtracting what left a window would accumulate rounding that upstream does not have.
// What can slide exactly does: changes and resets are counts of neighbours, so they are prefix sums
// and one subtraction a window.
//
// Quantiles select instead of sorting, unless the order of equal values could show: with NaNs or
// both zeros among the values the result depends on how Go sorts, so then they are sorted as Go
// does (query/go_sort.h).
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/kahan.h"
#include "model/sample.h"
#include "query/functions/window.h"
#include "query/go_sort.h"

namespace narthex::query {
namespace {

using Index = std::uint32_t;
using Out = double*;
using Bits = std::uint64_t*;

double seconds(TimeMs time) {
  return static_cast<double>(time) / 1000;
}

void sum_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    KahanSum sum;
    for_each_sample(args, lo, hi, [&](Index i) { sum.add(args.values[i]); });
    return std::isinf(sum.sum) ? sum.sum : sum.sum + sum.c;
  });
}

void avg_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    KahanMean mean(args.values[lo]);
    for_each_sample(args, lo + 1, hi, [&](Index i) { mean.add(args.values[i]); });
    return mean.result();
  });
}

void count_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [](std::size_t, Index lo, Index hi) { return static_cast<double>(hi - lo); });
}

void present_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [](std::size_t, Index, Index) { return 1.0; });
}

// The index of the sample that `better` prefers; NaN gives way to any number.
template <typename Better>
Index extremum(const WindowArgs& args, Index lo, Index hi, Better better) {
  const double* values = args.values;
  Index at = lo;
  for_each_sample(args, lo, hi, [&](Index i) {
    if (better(values[i], values[at]) || std::isnan(values[at])) at = i;
  });
  return at;
}

void max_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return args.values[extremum(args, lo, hi, std::greater<double>())];
  });
}

void min_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return args.values[extremum(args, lo, hi, std::less<double>())];
  });
}

void ts_of_max_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return seconds(args.times[extremum(args, lo, hi, std::greater_equal<double>())]);
  });
}

void ts_of_min_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return seconds(args.times[extremum(args, lo, hi, std::less_equal<double>())]);
  });
}

void first_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [&](std::size_t, Index lo, Index) { return args.values[lo]; });
}

void last_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [&](std::size_t, Index, Index hi) { return args.values[hi - 1]; });
}

void ts_of_first_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [&](std::size_t, Index lo, Index) { return seconds(args.times[lo]); });
}

void ts_of_last_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [&](std::size_t, Index, Index hi) { return seconds(args.times[hi - 1]); });
}

double variance(const WindowArgs& args, Index lo, Index hi) {
  double count = 0;
  KahanSum mean;
  KahanSum aux;
  for_each_sample(args, lo, hi, [&](Index i) {
    const double value = args.values[i];
    count += 1;
    const double delta = value - (mean.sum + mean.c);
    mean.add(delta / count);
    aux.add(delta * (value - (mean.sum + mean.c)));
  });
  return (aux.sum + aux.c) / count;
}

void stdvar_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1,
                  [&](std::size_t, Index lo, Index hi) { return variance(args, lo, hi); });
}

void stddev_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return std::sqrt(variance(args, lo, hi));
  });
}

// Upstream's order of values.
bool nan_first(double a, double b) {
  return std::isnan(a) || a < b;
}

// False once stopped: then the order means nothing.
bool sort_values(std::vector<double>& values, const StopToken& stop) {
  if (values.size() > kUnaskedSamplesMax)
    return go_sort(values, nan_first, {.token = stop}).has_value();
  go_sort(values, nan_first);
  return true;
}

// std::nth_element, one pass over the values at a time. False once stopped.
bool select_nth(std::vector<double>& values, std::size_t n, const StopToken& stop) {
  constexpr int kPassesMax = 64;  // of unlucky pivots; then nth_element knows better
  auto first = values.begin();
  auto last = values.end();
  const auto at = first + static_cast<std::ptrdiff_t>(n);
  for (int pass = 0; pass < kPassesMax && std::cmp_greater(last - first, kUnaskedSamplesMax);
       ++pass) {
    if (!stop.check()) return false;
    const double a = *first;
    const double b = *(first + (last - first) / 2);
    const double c = *(last - 1);
    const double pivot = std::max(std::min(a, b), std::min(std::max(a, b), c));
    const auto equal = std::partition(first, last, [pivot](double v) { return v < pivot; });
    const auto above = std::partition(equal, last, [pivot](double v) { return v == pivot; });
    if (at >= equal && at < above) return true;
    if (at < equal) {
      last = equal;
    } else {
      first = above;
    }
  }
  std::nth_element(first, at, last);
  return true;
}

// Whether a sorted form of `values` depends on how it is sorted.
bool has_nan_or_both_zeros(const std::vector<double>& values) {
  std::uint64_t nan = 0;
  std::uint64_t zero = 0;
  std::uint64_t minus_zero = 0;
  for (const double v : values) {
    const auto bits = std::bit_cast<std::uint64_t>(v);
    nan |= static_cast<std::uint64_t>(std::isnan(v));
    zero |= static_cast<std::uint64_t>(bits == 0);
    minus_zero |= static_cast<std::uint64_t>(bits == std::uint64_t{1} << 63U);
  }
  return nan != 0 || (zero & minus_zero) != 0;
}

void quantile_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t k, Index lo, Index hi) {
    args.scratch->values.assign(args.values + lo, args.values + hi);
    return quantile_of(args.a[k], args.scratch->values, *args.stop);
  });
}

void mad_kernel(const WindowArgs& args, Out out, Bits bits) {
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    std::vector<double>& values = args.scratch->values;
    values.assign(args.values + lo, args.values + hi);
    if (std::ranges::any_of(values, [](double v) { return std::isnan(v); })) {
      return model::normal_nan();
    }
    const double median = quantile_of(0.5, values, *args.stop);
    if (std::ranges::any_of(values, [](double v) { return std::isinf(v); })) {
      // Distances from infinity are NaN, and what comes of several depends on their order, which is
      // the one that the first quantile leaves upstream.
      values.assign(args.values + lo, args.values + hi);
      sort_values(values, *args.stop);
    }
    for (double& v : values) v = std::fabs(v - median);
    return quantile_of(0.5, values, *args.stop);
  });
}

// Counts pairs of neighbours for which `differs`, by prefix sums: one subtraction per window.
template <typename Differs>
void count_pairs(const WindowArgs& args, Out out, Bits bits, Differs differs) {
  std::vector<Index>& before = args.scratch->indexes;
  if (args.steps == 0) return;
  const Index begin = args.lo[0];
  const Index end = std::max(args.hi[args.steps - 1], begin);
  before.assign(end - begin + 1U, 0);
  if (begin == end) return;
  for_each_sample(args, begin + 1, end, [&](Index i) {
    before[i - begin] =
        before[i - begin - 1] + (differs(args.values[i - 1], args.values[i]) ? 1 : 0);
  });
  for_each_window(args, out, bits, 1, [&](std::size_t, Index lo, Index hi) {
    return static_cast<double>(before[hi - 1 - begin] - before[lo - begin]);
  });
}

constexpr auto kFunctions = std::to_array<WindowFunction>({
    {.name = "absent_over_time", .kernel = present_kernel, .keeps_name = true},
    {.name = "avg_over_time", .kernel = avg_kernel},
    {.name = "changes", .kernel = changes_kernel},
    {.name = "count_over_time", .kernel = count_kernel},
    {.name = "delta", .kernel = delta_kernel},
    {.name = "deriv", .kernel = deriv_kernel},
    {.name = "double_exponential_smoothing", .kernel = smoothing_kernel},
    {.name = "first_over_time", .kernel = first_kernel, .keeps_name = true},
    {.name = "idelta", .kernel = idelta_kernel},
    {.name = "increase", .kernel = increase_kernel, .wants_counter = true},
    {.name = "irate", .kernel = irate_kernel},
    {.name = "last_over_time", .kernel = last_kernel, .keeps_name = true},
    {.name = "mad_over_time", .kernel = mad_kernel},
    {.name = "max_over_time", .kernel = max_kernel},
    {.name = "min_over_time", .kernel = min_kernel},
    {.name = "predict_linear", .kernel = predict_linear_kernel},
    {.name = "present_over_time", .kernel = present_kernel},
    {.name = "quantile_over_time", .kernel = quantile_kernel, .takes_quantile = true},
    {.name = "rate", .kernel = rate_kernel, .wants_counter = true},
    {.name = "resets", .kernel = resets_kernel},
    {.name = "stddev_over_time", .kernel = stddev_kernel},
    {.name = "stdvar_over_time", .kernel = stdvar_kernel},
    {.name = "sum_over_time", .kernel = sum_kernel},
    {.name = "ts_of_first_over_time", .kernel = ts_of_first_kernel},
    {.name = "ts_of_last_over_time", .kernel = ts_of_last_kernel},
    {.name = "ts_of_max_over_time", .kernel = ts_of_max_kernel},
    {.name = "ts_of_min_over_time", .kernel = ts_of_min_kernel},
});

}  // namespace

void changes_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  count_pairs(args, out, bits,
              [](double a, double b) { return a != b && !(std::isnan(a) && std::isnan(b)); });
}

void resets_kernel(const WindowArgs& args, double* out, std::uint64_t* bits) {
  count_pairs(args, out, bits, [](double a, double b) { return b < a; });
}

const WindowFunction* find_window_function(std::string_view name) {
  const auto at = std::ranges::lower_bound(kFunctions, name, {}, &WindowFunction::name);
  return at != kFunctions.end() && at->name == name ? &*at : nullptr;
}

double quantile_of(double q, std::vector<double>& values, const StopToken& stop) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (values.empty() || std::isnan(q)) return model::normal_nan();
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  const bool order_matters = has_nan_or_both_zeros(values);
  if (order_matters && !sort_values(values, stop)) return model::normal_nan();
  const auto n = static_cast<double>(values.size());
  const double rank = q * (n - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(n - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(lower);
  double low = *at;
  double high = upper > lower ? *(at + 1) : low;
  if (!order_matters) {
    const auto index = static_cast<std::size_t>(lower);
    if (!select_nth(values, index, stop)) return model::normal_nan();
    low = *at;
    high = upper > lower ? *std::min_element(at + 1, values.end()) : low;
  }
  return low * (1 - weight) + high * weight;
}

}  // namespace narthex::query
