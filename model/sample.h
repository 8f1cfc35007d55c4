// Samples, their columns, and the two NaNs that mean something.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "model/histogram.h"
#include "model/time.h"

namespace narthex::model {

inline constexpr std::uint64_t kNormalNanBits =
    0x7ff8000000000001ULL;  // fixed by upstream's value.NormalNaN
inline constexpr std::uint64_t kStaleNanBits =
    0x7ff0000000000002ULL;  // fixed by upstream's value.StaleNaN

/// "This series ended here": compare bits, never values.
inline double stale_nan() {
  return std::bit_cast<double>(kStaleNanBits);
}
inline bool is_stale(double value) {
  return std::bit_cast<std::uint64_t>(value) == kStaleNanBits;
}
inline double normal_nan() {
  return std::bit_cast<double>(kNormalNanBits);
}

struct Sample {
  TimeMs time = 0;
  double value = 0;
  HistogramPtr histogram{};  // null: a float

  bool is_stale() const { return histogram ? histogram->is_stale() : model::is_stale(value); }
};

/// Which samples of a series are histograms. Nothing, for nearly every series.
struct HistogramLane {
  std::vector<std::uint32_t> rows;  // of the columns beside it, ascending
  std::vector<HistogramPtr> values;

  bool empty() const { return rows.empty(); }
  /// Null: the sample at `row` is a float.
  const HistogramPtr* find(std::size_t row) const;
};

/// Samples of one series as two columns of equal length, times ascending. Stale markers are
/// included. Where a sample is a histogram, `values` has nothing to say.
struct SampleColumns {
  std::vector<TimeMs> times;
  std::vector<double> values;
  HistogramLane histograms;

  std::size_t size() const { return times.size(); }
  void clear() { truncate(0); }
  void push(TimeMs time, double value) {
    times.push_back(time);
    values.push_back(value);
  }
  void push(TimeMs time, HistogramPtr histogram);
  /// Sample `i` of `from`, whichever it is.
  void push(const SampleColumns& from, std::size_t i) {
    const HistogramPtr* histogram = from.histograms.find(i);
    if (histogram == nullptr) return push(from.times[i], from.values[i]);
    push(from.times[i], *histogram);
  }
  /// Keeps the first `size` samples.
  void truncate(std::size_t size);
};

/// Merges `part` into the samples of `out` from `first` on, both ascending; of two at one time the
/// one in `out` stays.
void merge_samples(const SampleColumns& part, std::size_t first, SampleColumns& out);

}  // namespace narthex::model
