// Tables and tile buffers.
#include "query/table.h"

#include <algorithm>
#include <numeric>

namespace narthex::query {

Tile TileBuffer::shape(std::size_t first_row, std::size_t rows, std::size_t first_step,
                       std::size_t steps) {
  const std::size_t words = words_for(steps) * rows;
  if (values_.size() < rows * steps) values_.resize(rows * steps);
  bits_.assign(words, 0);
  return {.first_row = first_row,
          .rows = rows,
          .first_step = first_step,
          .steps = steps,
          .values = values_.data(),
          .bits = bits_.data()};
}

void TileBuffer::add_histogram_bits(Tile& tile) {
  histogram_bits_.assign(tile.words() * tile.rows, 0);
  tile.histogram_bits = histogram_bits_.data();
}

CellBuffer::CellBuffer(std::size_t size)
    : cells_(static_cast<double*>(allocate_zeroed(size * sizeof(double)))),
      size_(size),
      capacity_(size) {}

void CellBuffer::grow(std::size_t size) {
  if (size > capacity_) {
    CellBuffer larger(std::max(size, 2 * capacity_));
    if (size_ > 0) std::memcpy(larger.data(), data(), size_ * sizeof(double));
    *this = std::move(larger);
  }
  size_ = size;
}

void add_step_counts(const std::uint64_t* bits, std::size_t rows, std::size_t steps,
                     std::uint32_t* counts) {
  const std::size_t words = words_for(steps);
  for (std::size_t w = 0; w < words; ++w) {
    const std::uint64_t all = word_mask(steps, w);
    std::uint32_t whole = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::uint64_t word = bits[r * words + w];
      if (word == all) {
        ++whole;
      } else {
        for_each_bit(&word, 1, [&](std::size_t k) { ++counts[w * kWordBits + k]; });
      }
    }
    const std::size_t end = std::min(steps, (w + 1) * kWordBits);
    for (std::size_t k = w * kWordBits; whole != 0 && k < end; ++k) counts[k] += whole;
  }
}

Table::Table(std::size_t rows, std::size_t steps)
    : rows_(rows),
      steps_(steps),
      words_(words_for(steps)),
      values_(rows * steps),
      bits_(rows * words_for(steps)) {}

std::size_t Table::first_present(std::size_t row) const {
  for (std::size_t w = 0; w < words_; ++w) {
    const std::uint64_t bits = present(row, w);
    if (bits != 0) return w * kWordBits + static_cast<std::size_t>(std::countr_zero(bits));
  }
  return kNoStep;
}

bool Table::shares_step(std::size_t a, std::size_t b) const {
  for (std::size_t w = 0; w < words_; ++w) {
    if ((present(a, w) & present(b, w)) != 0) return true;
  }
  return false;
}

void Table::move_row(std::size_t from, std::size_t to) {
  for_each_bit(row_bits(from), words_, [&](std::size_t step) { set(to, step, value(from, step)); });
  if (!has_histograms()) return;
  for_each_bit(row_histogram_bits(from), words_,
               [&](std::size_t step) { set_histogram(to, step, handle_of(value(from, step))); });
}

std::size_t Table::cells() const {
  return count_bits(bits_.data(), bits_.size());
}

std::vector<std::uint32_t> Table::step_counts() const {
  std::vector<std::uint32_t> counts(steps_);
  add_step_counts(bits_.data(), rows_, steps_, counts.data());
  return counts;
}

void Table::add_row() {
  ++rows_;
  values_.grow(rows_ * steps_);
  bits_.resize(rows_ * words_);
  if (has_histograms()) histogram_bits_.resize(rows_ * words_);
}

void Table::set_histogram(std::size_t row, std::size_t step, HistogramHandle handle) {
  histogram_bits_.resize(rows_ * words_);
  row_values(row)[step] = cell_of(handle);
  set_bit(histogram_bits_.data() + row * words_, step);
}

Result<Table> Table::pick(std::span<const std::size_t> order, const Stop& stop) const {
  Table out(order.size(), steps_);
  if (has_histograms()) out.histogram_bits_.resize(order.size() * words_);
  Pacer pacer(stop);
  for (std::size_t i = 0; i < order.size(); ++i) {
    NX_TRY(pacer.tick(cost_of_bytes(steps_)));
    std::copy_n(row_values(order[i]), steps_, out.row_values(i));
    std::copy_n(row_bits(order[i]), words_, out.row_bits(i));
    if (!has_histograms()) continue;
    std::copy_n(row_histogram_bits(order[i]), words_, out.histogram_bits_.data() + i * words_);
  }
  return out;
}

Result<Table> Table::clone(const Stop& stop) const {
  std::vector<std::size_t> all(rows_);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return pick(all, stop);
}

Result<void> Table::reorder(std::span<const std::size_t> order, const Stop& stop) {
  NX_TRY_ASSIGN(*this, pick(order, stop));
  return {};
}

void Table::copy_in(const Tile& tile) {
  const std::size_t first_word = tile.first_step / kWordBits;
  if (tile.histogram_bits != nullptr) histogram_bits_.resize(rows_ * words_);
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::size_t row = tile.first_row + r;
    std::copy_n(tile.row_values(r), tile.steps, row_values(row) + tile.first_step);
    std::copy_n(tile.row_bits(r), tile.words(), row_bits(row) + first_word);
    if (tile.histogram_bits == nullptr) continue;
    std::copy_n(tile.row_histogram_bits(r), tile.words(),
                histogram_bits_.data() + row * words_ + first_word);
  }
}

Result<void> Table::stream(TileSink& sink, const Stop& stop) const {
  TileBuffer buffer;
  return for_each_tile(
      rows_, steps_,
      [&](std::size_t row, std::size_t rows, std::size_t step, std::size_t steps) -> Result<void> {
        NX_TRY(stop.check());
        Tile tile = buffer.shape(row, rows, step, steps);
        if (has_histograms()) buffer.add_histogram_bits(tile);
        for (std::size_t r = 0; r < rows; ++r) {
          std::copy_n(row_values(row + r) + step, steps, tile.row_values(r));
          std::copy_n(row_bits(row + r) + step / kWordBits, tile.words(), tile.row_bits(r));
          if (!has_histograms()) continue;
          std::copy_n(row_histogram_bits(row + r) + step / kWordBits, tile.words(),
                      tile.row_histogram_bits(r));
        }
        return sink.take(tile);
      });
}

}  // namespace narthex::query
