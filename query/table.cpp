// Tables and tile buffers.
#include "query/table.h"

#include <cstring>

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

Table::Table(std::size_t rows, std::size_t steps)
    : rows_(rows),
      steps_(steps),
      words_(words_for(steps)),
      values_(rows * steps),
      bits_(rows * words_for(steps)) {}

std::size_t Table::cells() const {
  return count_bits(bits_.data(), bits_.size());
}

void Table::add_row() {
  ++rows_;
  values_.resize(rows_ * steps_);
  bits_.resize(rows_ * words_);
}

void Table::reorder(std::span<const std::size_t> order) {
  Table next(order.size(), steps_);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::copy_n(row_values(order[i]), steps_, next.row_values(i));
    std::copy_n(row_bits(order[i]), words_, next.row_bits(i));
  }
  *this = std::move(next);
}

void Table::copy_in(const Tile& tile) {
  const std::size_t first_word = tile.first_step / kWordBits;
  for (std::size_t r = 0; r < tile.rows; ++r) {
    const std::size_t row = tile.first_row + r;
    std::copy_n(tile.row_values(r), tile.steps, row_values(row) + tile.first_step);
    std::copy_n(tile.row_bits(r), tile.words(), row_bits(row) + first_word);
  }
}

Result<void> Table::stream(TileSink& sink) const {
  TileBuffer buffer;
  return for_each_tile(
      rows_, steps_, [&](std::size_t row, std::size_t rows, std::size_t step, std::size_t steps) {
        Tile tile = buffer.shape(row, rows, step, steps);
        for (std::size_t r = 0; r < rows; ++r) {
          std::copy_n(row_values(row + r) + step, steps, tile.row_values(r));
          std::copy_n(row_bits(row + r) + step / kWordBits, tile.words(), tile.row_bits(r));
        }
        return sink.take(tile);
      });
}

}  // namespace narthex::query
