// Expressions that do not depend on time: the one column is repeated in tiles when somebody streams
// them, so a constant over ten thousand steps costs one.
#include "query/ops/step_invariant.h"

namespace narthex::query {

Result<void> StepInvariantOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(once_, input(0).materialize(context));
  rows_ = input(0).rows();
  return {};
}

Result<void> StepInvariantOp::run_stream(QueryContext& context, TileSink& sink) {
  TileBuffer buffer;
  input(0).uncount(context, once_->cells());  // the first step of those that follow
  return for_each_tile(once_->rows(), axis_.count,
                       [&](std::size_t row, std::size_t rows, std::size_t step, std::size_t steps) {
                         Tile tile = buffer.shape(row, rows, step, steps);
                         if (once_->has_histograms()) buffer.add_histogram_bits(tile);
                         for (std::size_t r = 0; r < rows; ++r) {
                           const bool is_histogram = once_->has_histogram(row + r, 0);
                           if (!is_histogram && !once_->has(row + r, 0)) continue;
                           std::fill_n(tile.row_values(r), steps, once_->value(row + r, 0));
                           std::uint64_t* bits =
                               is_histogram ? tile.row_histogram_bits(r) : tile.row_bits(r);
                           for (std::size_t w = 0; w < tile.words(); ++w)
                             bits[w] = word_mask(steps, w);
                         }
                         return sink.take(tile);
                       });
}

}  // namespace narthex::query
