// Instant vector selectors.
#include "query/ops/select.h"

namespace narthex::query {

Result<void> SelectOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(set_, open_selection(context, spec_, axis_));
  rows_ = Rows(set_);
  if (output_ == Output::kTimestamp) {
    NX_TRY_ASSIGN(rows_, rows_.without_name(context.delayed_name_removal, context.stop));
    if (!context.delayed_name_removal) {
      NX_TRY_ASSIGN(merges_, rows_.has_duplicates(context.stop));
    }
  }
  return {};
}

Result<void> SelectOp::run(QueryContext& context) {
  NX_TRY(Operator::run(context));
  return merges_ ? merge_equal_rows(rows_, table_, context.stop) : Result<void>{};
}

Result<void> SelectOp::run_stream(QueryContext& context, TileSink& sink) {
  const bool newest_only = axis_.count == 1;
  TileBuffer buffer;
  std::size_t rows = 0;
  for (std::size_t row = 0; row < set_->size(); row += rows) {
    rows = std::min(kTileRows, set_->size() - row);
    if (!newest_only) {
      NX_TRY_ASSIGN(rows, read_block(context, row, rows));
    }
    const auto strip = [&](std::size_t step, std::size_t steps) -> Result<void> {
      Tile tile = buffer.shape(row, rows, step, steps);
      if (newest_only) NX_TRY(fill_newest(context, tile, buffer));
      if (!newest_only && has_histograms_) buffer.add_histogram_bits(tile);
      for (std::size_t r = 0; !newest_only && r < rows; ++r) fill_row(r, tile);
      context.samples_total += count_bits(tile.bits, rows * tile.words());
      return sink.take(tile);
    };
    NX_TRY(for_each_strip(axis_.count, strip));
  }
  return {};
}

Result<void> SelectOp::fill_newest(QueryContext& context, Tile& tile, TileBuffer& buffer) const {
  const model::TimeRange range = spec_.needed(axis_);
  for (std::size_t r = 0; r < tile.rows; ++r) {
    Result<std::optional<model::Sample>> newest = set_->read_newest(tile.first_row + r, range);
    if (!newest) return store_error(std::move(newest).error());
    if (!*newest || (*newest)->is_stale()) continue;
    const model::Sample& sample = **newest;
    if (sample.histogram == nullptr || output_ == Output::kTimestamp) {
      *tile.row_values(r) = output(sample.time, sample.value);
      set_bit(tile.row_bits(r), 0);
      continue;
    }
    if (tile.histogram_bits == nullptr) buffer.add_histogram_bits(tile);
    *tile.row_values(r) = cell_of(context.keep(sample.histogram));
    set_bit(tile.row_histogram_bits(r), 0);
  }
  return {};
}

// How many of `rows` series were read: fewer when they are long.
Result<std::size_t> SelectOp::read_block(QueryContext& context, std::size_t first,
                                         std::size_t rows) {
  const model::TimeRange range = spec_.needed(axis_);
  has_histograms_ = false;
  columns_.resize(kTileRows);
  cursors_.assign(kTileRows, 0);
  std::size_t samples = 0;
  std::size_t read = 0;
  while (read < rows && samples < kBlockSamplesMax) {
    model::SampleColumns& columns = columns_[read];
    columns.clear();
    if (Result<void> done = set_->read(first + read, range, columns); !done) {
      return store_error(std::move(done).error());
    }
    if (!columns.histograms.empty()) mark_histograms(context, columns);
    samples += columns.size();
    ++read;
  }
  return read;
}

// A histogram's value becomes its cell: a handle, or the marker of a series that ended.
void SelectOp::mark_histograms(QueryContext& context, model::SampleColumns& columns) {
  has_histograms_ = has_histograms_ || output_ != Output::kTimestamp;
  for (std::size_t i = 0; i < columns.histograms.rows.size(); ++i) {
    const model::HistogramPtr& histogram = columns.histograms.values[i];
    double& value = columns.values[columns.histograms.rows[i]];
    value = histogram->is_stale() ? model::stale_nan() : cell_of(context.keep(histogram));
  }
}

void SelectOp::fill_row(std::size_t r, Tile& tile) {
  const model::SampleColumns& columns = columns_[r];
  const std::size_t count = columns.size();
  const TimeMs* times = columns.times.data();
  double* out = tile.row_values(r);
  std::uint64_t* bits = tile.row_bits(r);
  std::size_t next = cursors_[r];
  const DurationMs step_ms = spec_.shift.reference_step(axis_);
  TimeMs reference = spec_.shift.reference(axis_, tile.first_step);
  for (std::size_t k = 0; k < tile.steps; ++k, reference += step_ms) {
    while (next < count && times[next] <= reference) ++next;
    if (next == 0 || times[next - 1] <= reference - spec_.window_ms) continue;
    const double value = columns.values[next - 1];
    if (model::is_stale(value)) continue;
    out[k] = output(times[next - 1], value);
    const bool is_histogram =
        tile.histogram_bits != nullptr && columns.histograms.find(next - 1) != nullptr;
    set_bit(is_histogram ? tile.row_histogram_bits(r) : bits, k);
  }
  cursors_[r] = next;
}

}  // namespace narthex::query
