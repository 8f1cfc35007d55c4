// Samples, their columns, and the two NaNs that mean something.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

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
};

/// Samples of one series as two columns of equal length, times ascending. Stale markers are
/// included.
struct SampleColumns {
  std::vector<TimeMs> times;
  std::vector<double> values;

  std::size_t size() const { return times.size(); }
  void clear() {
    times.clear();
    values.clear();
  }
  void push(TimeMs time, double value) {
    times.push_back(time);
    values.push_back(value);
  }
};

}  // namespace narthex::model
