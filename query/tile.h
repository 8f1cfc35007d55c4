// The unit of work of a query: values of up to 64 series at up to 256 steps, row-major, with one
// presence bit per cell. A NaN is a value; absence is a bit. Tiles travel in series order within a
// strip of steps, so that whoever adds them up adds in the order upstream does.
//
// A cell may hold a native histogram instead: then its bit is set in a second row of bits, which
// few tiles have, and not among the others, and the cell names an entry of the query's list. So who
// works on floats sees floats, and nothing of it costs anything where there are no histograms.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/time.h"

namespace narthex::query {

using model::DurationMs;
using model::TimeMs;

inline constexpr std::size_t kTileRows =
    64;  // tuned: a tile of 64 rows fits the second-level cache
inline constexpr std::size_t kTileSteps = 256;  // a multiple of the bits of a word
inline constexpr std::size_t kWordBits = 64;

/// Words that hold one presence bit for each of `steps` steps.
constexpr std::size_t words_for(std::size_t steps) {
  return (steps + kWordBits - 1) / kWordBits;
}

inline bool test_bit(const std::uint64_t* bits, std::size_t i) {
  return (bits[i / kWordBits] >> (i % kWordBits)) & 1;
}
inline void set_bit(std::uint64_t* bits, std::size_t i) {
  bits[i / kWordBits] |= std::uint64_t{1} << (i % kWordBits);
}
inline void clear_bit(std::uint64_t* bits, std::size_t i) {
  bits[i / kWordBits] &= ~(std::uint64_t{1} << (i % kWordBits));
}

/// The bits of the first `steps` steps, as far as they lie in word `word`.
constexpr std::uint64_t word_mask(std::size_t steps, std::size_t word) {
  const std::size_t begin = word * kWordBits;
  if (steps >= begin + kWordBits) return ~std::uint64_t{0};
  return steps <= begin ? 0 : (std::uint64_t{1} << (steps - begin)) - 1;
}

/// Calls `f(i)` for every set bit, ascending.
template <typename F>
void for_each_bit(const std::uint64_t* bits, std::size_t words, F&& f) {
  for (std::size_t w = 0; w < words; ++w) {
    for (std::uint64_t rest = bits[w]; rest != 0; rest &= rest - 1) {
      f(w * kWordBits + static_cast<std::size_t>(std::countr_zero(rest)));
    }
  }
}

inline std::size_t count_bits(const std::uint64_t* bits, std::size_t words) {
  std::size_t count = 0;
  for (std::size_t w = 0; w < words; ++w) count += static_cast<std::size_t>(std::popcount(bits[w]));
  return count;
}

/// The lowest bit that is set; the number of bits when none is.
inline std::size_t first_bit(const std::uint64_t* bits, std::size_t words) {
  for (std::size_t w = 0; w < words; ++w) {
    if (bits[w] == 0) continue;
    return w * kWordBits + static_cast<std::size_t>(std::countr_zero(bits[w]));
  }
  return words * kWordBits;
}

inline bool any_bit(const std::uint64_t* bits, std::size_t words) {
  return std::any_of(bits, bits + words, [](std::uint64_t w) { return w != 0; });
}

/// The moments at which an expression is evaluated.
struct StepAxis {
  TimeMs start = 0;
  DurationMs step = 1;
  std::size_t count = 1;
  DurationMs beyond = 0;  // how far the range that was asked for reaches past the last step

  // Never after the end that `count` was made from, so that the sum fits.
  TimeMs at(std::size_t k) const { return start + static_cast<TimeMs>(k) * step; }
  TimeMs last() const { return at(count == 0 ? 0 : count - 1); }
  TimeMs end() const { return last() + beyond; }
};

/// A histogram of a query: QueryContext::histograms[handle]. A cell holds its bits.
using HistogramHandle = std::uint32_t;
inline double cell_of(HistogramHandle handle) {
  return std::bit_cast<double>(std::uint64_t{handle});
}
inline HistogramHandle handle_of(double cell) {
  return static_cast<HistogramHandle>(std::bit_cast<std::uint64_t>(cell));
}

/// A view; the cells belong to whoever made the tile and may be changed in place while it is being
/// handed on.
struct Tile {
  std::size_t first_row = 0;
  std::size_t rows = 0;
  std::size_t first_step = 0;  // a multiple of kTileSteps
  std::size_t steps = 0;
  double* values = nullptr;
  std::uint64_t* bits = nullptr;
  std::uint64_t* histogram_bits = nullptr;  // shaped as `bits`; null: there are no histograms

  std::size_t words() const { return words_for(steps); }
  double* row_values(std::size_t row) const { return values + row * steps; }
  std::uint64_t* row_bits(std::size_t row) const { return bits + row * words(); }
  std::uint64_t* row_histogram_bits(std::size_t row) const {
    return histogram_bits + row * words();
  }
};

/// Takes tiles: all strips of a block of rows, then the next block.
class TileSink {
 public:
  virtual ~TileSink() = default;
  virtual Result<void> take(Tile& tile) = 0;
};

/// The cells of one tile, used again and again.
class TileBuffer {
 public:
  /// A tile of this shape with no cell present.
  Tile shape(std::size_t first_row, std::size_t rows, std::size_t first_step, std::size_t steps);
  /// Gives the tile that was shaped last the bits for histograms, none set.
  void add_histogram_bits(Tile& tile);

 private:
  std::vector<double> values_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint64_t> histogram_bits_;
};

/// How many decoded samples a block of series may hold; a block of longer series has fewer of them.
inline constexpr std::size_t kBlockSamplesMax = 1024 * 1024;

/// Calls `f(first_step, steps)` for every strip of `steps`, until one fails.
template <typename F>
Result<void> for_each_strip(std::size_t steps, F&& f) {
  for (std::size_t step = 0; step < steps; step += kTileSteps) {
    NX_TRY(f(step, std::min(kTileSteps, steps - step)));
  }
  return {};
}

/// Calls `f(first_row, rows, first_step, steps)` for every tile of `rows` x `steps`, until one
/// fails.
template <typename F>
Result<void> for_each_tile(std::size_t rows, std::size_t steps, F&& f) {
  for (std::size_t row = 0; row < rows; row += kTileRows) {
    for (std::size_t step = 0; step < steps; step += kTileSteps) {
      NX_TRY(f(row, std::min(kTileRows, rows - row), step, std::min(kTileSteps, steps - step)));
    }
  }
  return {};
}

}  // namespace narthex::query
