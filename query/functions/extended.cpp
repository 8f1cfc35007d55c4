// Ranges under `anchored` and `smoothed`: windows reach beyond the range by the lookback, and the
// edges take the value of the sample before them or an interpolated one, so nothing is
// extrapolated.
//
// rate() and its kin guess what happened between the ends of the range and the samples next to
// them. These modifiers answer without a guess: `anchored` takes the last sample before the range
// for its value at the start, `smoothed` draws a line between the samples on both sides of each
// end, for which it must look behind the range too. So a window has samples that are not in the
// range, and the first task everywhere is to find which samples are the edges (find_edges()).
//
// Upstream's rules for the edges differ subtly between the functions (a sample exactly at the start
// counts as before it, one at the end as the end), and they are followed one by one: extendedRate,
// and the two helpers that interpolate. A counter that fell between the two samples around an edge
// is taken to have started again from 0 in between.
#include "query/functions/extended.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace narthex::query {
namespace {

struct Edges {
  std::size_t first = 0;  // sample at or before the start of the range, if there is one
  std::size_t last = 0;
};

// Go's sort.Search over the samples before `last`.
template <typename Reaches>
std::size_t search(const TimeMs* times, std::size_t count, Reaches reaches) {
  const TimeMs* at =
      std::partition_point(times, times + count, [&](TimeMs t) { return !reaches(t); });
  return static_cast<std::size_t>(at - times);
}

Edges find_edges(const ExtendedWindow& w) {
  Edges edges{.first = 0, .last = w.count - 1};
  const std::size_t after = search(w.times, edges.last, [&](TimeMs t) { return t > w.start; });
  edges.first = after == 0 ? 0 : after - 1;
  if (w.smoothed) {
    edges.last = search(w.times, edges.last, [&](TimeMs t) { return t >= w.end; });
  }
  return edges;
}

// On the line from sample i to the next; a counter that fell is taken to start again from 0.
double between(const ExtendedWindow& w, std::size_t i, TimeMs time, bool counter) {
  double low = w.values[i];
  const double high = w.values[i + 1];
  if (counter && high < low) low = 0;
  return low + (high - low) * static_cast<double>(time - w.times[i]) /
                   static_cast<double>(w.times[i + 1] - w.times[i]);
}

double left_value(const ExtendedWindow& w, std::size_t first, bool counter) {
  const bool before = w.smoothed && w.times[first] < w.start;
  return before ? between(w, first, w.start, counter) : w.values[first];
}

double right_value(const ExtendedWindow& w, std::size_t last, bool counter) {
  const bool after = w.smoothed && last > 0 && w.times[last] > w.end;
  return after ? between(w, last - 1, w.end, counter) : w.values[last];
}

bool is_outside(const ExtendedWindow& w, const Edges& edges) {
  return w.times[edges.last] <= w.start || (w.smoothed && w.times[edges.first] > w.end);
}

ExtendedWindow window_of(const WindowArgs& args, std::size_t k, bool smoothed) {
  return {.times = args.times + args.lo[k],
          .values = args.values + args.lo[k],
          .count = args.size(k),
          .start = args.end(k) - args.range_ms,
          .end = args.end(k),
          .smoothed = smoothed};
}

template <typename F>
void each(const WindowArgs& args, double* out, std::uint64_t* bits, bool smoothed, F&& f) {
  for (std::size_t k = 0; k < args.steps; ++k) {
    if (args.size(k) == 0) continue;
    const std::optional<double> result = f(window_of(args, k, smoothed));
    if (!result) continue;
    out[k] = *result;
    set_bit(bits, k);
  }
}

std::optional<double> increase_of(const ExtendedWindow& w, bool counter) {
  Edges edges = find_edges(w);
  if (is_outside(w, edges)) return std::nullopt;
  const double left = left_value(w, edges.first, counter);
  const double right = right_value(w, edges.last, counter);
  double result = right - left;
  if (!counter) return result;
  // The samples strictly between the edges: those that stand at an edge are in `left` and `right`.
  const std::size_t begin = edges.first + (w.times[edges.first] <= w.start ? 1 : 0);
  const std::size_t end = edges.last + (w.times[edges.last] >= w.end ? 0 : 1);
  double correction = 0;
  double before = left;
  for (std::size_t i = begin; i < end; ++i) {
    if (w.values[i] < before) correction += before;
    before = w.values[i];
  }
  if (right < before) correction += before;
  return result + correction;
}

// Pairs of neighbours from the anchor on for which `differs`.
template <typename Differs>
std::optional<double> count_pairs(const ExtendedWindow& w, Differs differs) {
  const std::size_t after = search(w.times, w.count, [&](TimeMs t) { return t > w.start; });
  if (after >= w.count) return std::nullopt;
  std::size_t pairs = 0;
  for (std::size_t i = after == 0 ? 1 : after; i < w.count; ++i) {
    if (differs(w.values[i - 1], w.values[i])) ++pairs;
  }
  return static_cast<double>(pairs);
}

template <bool kSmoothed>
void rate(const WindowArgs& args, double* out, std::uint64_t* bits) {
  each(args, out, bits, kSmoothed, [&](const ExtendedWindow& w) {
    const std::optional<double> result = increase_of(w, true);
    return result ? std::optional(*result / args.range_seconds) : result;
  });
}

template <bool kSmoothed>
void increase(const WindowArgs& args, double* out, std::uint64_t* bits) {
  each(args, out, bits, kSmoothed, [](const ExtendedWindow& w) { return increase_of(w, true); });
}

template <bool kSmoothed>
void delta(const WindowArgs& args, double* out, std::uint64_t* bits) {
  each(args, out, bits, kSmoothed, [](const ExtendedWindow& w) { return increase_of(w, false); });
}

void changes(const WindowArgs& args, double* out, std::uint64_t* bits) {
  each(args, out, bits, false, [](const ExtendedWindow& w) {
    return count_pairs(
        w, [](double a, double b) { return a != b && !(std::isnan(a) && std::isnan(b)); });
  });
}

void resets(const WindowArgs& args, double* out, std::uint64_t* bits) {
  each(args, out, bits, false, [](const ExtendedWindow& w) {
    return count_pairs(w, [](double a, double b) { return b < a; });
  });
}

constexpr auto kAnchored = std::to_array<WindowFunction>({
    {.name = "changes", .kernel = changes},
    {.name = "delta", .kernel = delta<false>},
    {.name = "increase", .kernel = increase<false>, .wants_counter = true},
    {.name = "rate", .kernel = rate<false>, .wants_counter = true},
    {.name = "resets", .kernel = resets},
});
constexpr auto kSmoothed = std::to_array<WindowFunction>({
    {.name = "delta", .kernel = delta<true>},
    {.name = "increase", .kernel = increase<true>, .wants_counter = true},
    {.name = "rate", .kernel = rate<true>, .wants_counter = true},
});

const WindowFunction* find(std::span<const WindowFunction> table, std::string_view name) {
  const auto at = std::ranges::find(table, name, &WindowFunction::name);
  return at == table.end() ? nullptr : &*at;
}

}  // namespace

const WindowFunction* find_anchored_function(std::string_view name) {
  return find(kAnchored, name);
}

const WindowFunction* find_smoothed_function(std::string_view name) {
  return find(kSmoothed, name);
}

model::SampleColumns extend_samples(const ExtendedWindow& w) {
  model::SampleColumns out;
  if (w.count == 0) return out;
  const Edges edges = find_edges(w);
  if (w.times[edges.last] <= w.start) return out;
  out.push(w.start, left_value(w, edges.first, false));
  const std::size_t begin = edges.first + (w.times[edges.first] <= w.start ? 1 : 0);
  const std::size_t end = edges.last + (w.times[edges.last] >= w.end ? 0 : 1);
  for (std::size_t i = begin; i < end; ++i) out.push(w.times[i], w.values[i]);
  out.push(w.end, right_value(w, edges.last, false));
  return out;
}

std::optional<double> smooth_at(const ExtendedWindow& w, TimeMs time) {
  const std::size_t i = search(w.times, w.count, [&](TimeMs t) { return t >= time; });
  if (i < w.count && w.times[i] == time) return w.values[i];
  if (i == 0) return std::nullopt;
  return i < w.count ? between(w, i - 1, time, false) : w.values[i - 1];
}

}  // namespace narthex::query
