// Smoothed selectors: for each step the window around it, lookback to either side, and a line
// between the samples next to the step. Windows slide, so a series is read and walked once. Samples
// are counted window by window, as upstream holds them.
#include "query/ops/smooth.h"

#include "query/functions/extended.h"

namespace narthex::query {

Result<void> SmoothOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(set_, open_selection(context, spec_, axis_));
  rows_ = Rows(set_);
  return {};
}

Result<void> SmoothOp::run(QueryContext& context) {
  table_ = Table(set_->size(), axis_.count);
  model::SampleColumns columns;
  std::uint64_t counted = 0;
  for (std::size_t row = 0; row < set_->size(); ++row) {
    NX_TRY(context.stop.check());
    columns.clear();
    if (Result<void> read = set_->read(row, spec_.needed(axis_), columns); !read) {
      return store_error(std::move(read).error());
    }
    drop_stale(columns);
    NX_TRY(refuse_histograms(columns, "in a smoothed selector"));
    context.samples_total += columns.size();
    NX_TRY_ASSIGN(const std::uint64_t last, fill_row(context, columns, row, counted));
    counted += last;
  }
  count_as(counted);
  return {};
}

// The samples of the last window, which upstream goes on counting in place of the result.
Result<std::uint64_t> SmoothOp::fill_row(QueryContext& context, const model::SampleColumns& columns,
                                         std::size_t row, std::uint64_t counted) {
  const std::size_t count = columns.size();
  std::size_t lo = 0;
  std::size_t hi = 0;
  for (std::size_t k = 0; k < axis_.count; ++k) {
    const TimeMs time = spec_.shift.reference(axis_, k);
    while (hi < count && columns.times[hi] <= time + spec_.after_ms) ++hi;
    while (lo < hi && columns.times[lo] <= time - spec_.window_ms) ++lo;
    const ExtendedWindow window{.times = columns.times.data() + lo,
                                .values = columns.values.data() + lo,
                                .count = hi - lo,
                                .start = time,
                                .end = time,
                                .smoothed = true};
    NX_TRY(context.check_room(counted + window.count));
    if (const std::optional<double> value = smooth_at(window, time)) table_.set(row, k, *value);
  }
  return hi - lo;
}

}  // namespace narthex::query
