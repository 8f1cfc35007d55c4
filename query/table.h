// A whole operator's result in memory: rows x steps of values, and presence bits, 8.1 bytes per
// cell; and bits of cells that are histograms, if there are any (tile.h). Memory of values is zero
// and untouched until it is written, so a large table costs no time before its rows are filled.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/budget.h"
#include "query/context.h"
#include "query/tile.h"

namespace narthex::query {

/// The values of a table: zero at first, and after growth where nothing was written. Moves only.
class CellBuffer {
 public:
  CellBuffer() = default;
  explicit CellBuffer(std::size_t size);

  double* data() { return cells_.get(); }
  const double* data() const { return cells_.get(); }
  std::size_t size() const { return size_; }
  void grow(std::size_t size);

 private:
  struct Free {
    void operator()(double* cells) const { free_zeroed(cells); }
  };
  std::unique_ptr<double[], Free> cells_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Adds to `counts` how many of `rows` rows have each of `steps` steps; their bits follow each
/// other.
void add_step_counts(const std::uint64_t* bits, std::size_t rows, std::size_t steps,
                     std::uint32_t* counts);

inline constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

/// Thread-compatible. What walks over the whole table asks `stop` on the way and gives back its
/// error. Moves only; clone() copies.
class Table {
 public:
  Table() = default;
  /// No cell is present.
  Table(std::size_t rows, std::size_t steps);

  std::size_t rows() const { return rows_; }
  std::size_t steps() const { return steps_; }
  std::size_t words() const { return words_; }
  double* row_values(std::size_t row) { return values_.data() + row * steps_; }
  const double* row_values(std::size_t row) const { return values_.data() + row * steps_; }
  std::uint64_t* row_bits(std::size_t row) { return bits_.data() + row * words_; }
  const std::uint64_t* row_bits(std::size_t row) const { return bits_.data() + row * words_; }

  bool has(std::size_t row, std::size_t step) const { return test_bit(row_bits(row), step); }
  double value(std::size_t row, std::size_t step) const { return row_values(row)[step]; }
  void set(std::size_t row, std::size_t step, double value) {
    row_values(row)[step] = value;
    set_bit(row_bits(row), step);
  }

  /// Whether any cell is a histogram, and which. The cell of one holds its handle.
  bool has_histograms() const { return !histogram_bits_.empty(); }
  bool has_histogram(std::size_t row, std::size_t step) const {
    return has_histograms() && test_bit(row_histogram_bits(row), step);
  }
  const std::uint64_t* row_histogram_bits(std::size_t row) const {
    return histogram_bits_.data() + row * words_;
  }
  void set_histogram(std::size_t row, std::size_t step, HistogramHandle handle);

  /// The first step at which the row has anything, kNoStep for an empty one.
  std::size_t first_present(std::size_t row) const;
  /// Whether both rows have something at one step.
  bool shares_step(std::size_t a, std::size_t b) const;
  /// Copies what is in row `from` to row `to`, which has nothing there.
  void move_row(std::size_t from, std::size_t to);

  /// Cells present in the whole table, floats.
  std::size_t cells() const;
  /// And at each step.
  std::vector<std::uint32_t> step_counts() const;
  void add_row();
  Result<Table> clone(const Stop& stop) const;
  /// Keeps the rows at `order`, in that order.
  Result<void> reorder(std::span<const std::size_t> order, const Stop& stop);
  void copy_in(const Tile& tile);
  /// Hands the cells on as tiles, which the sink may change: the table keeps its own.
  Result<void> stream(TileSink& sink, const Stop& stop) const;

 private:
  std::uint64_t present(std::size_t row, std::size_t word) const {
    const std::uint64_t floats = row_bits(row)[word];
    return has_histograms() ? floats | row_histogram_bits(row)[word] : floats;
  }
  Result<Table> pick(std::span<const std::size_t> order, const Stop& stop) const;

  std::size_t rows_ = 0;
  std::size_t steps_ = 0;
  std::size_t words_ = 0;
  CellBuffer values_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint64_t> histogram_bits_;  // empty: there are none
};

}  // namespace narthex::query
