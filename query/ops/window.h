// Functions over ranges: decodes a block of series to columns, slides both ends of the windows
// along the steps and lets a kernel fill the tile. The samples come from a selector or from the
// table of a subquery.
#pragma once

#include <optional>

#include "base/units.h"
#include "query/functions/window.h"
#include "query/ops/operator.h"
#include "query/ops/selection.h"

namespace narthex::query {

struct WindowSpec {
  const WindowFunction* function = nullptr;
  std::int64_t range_ns = 0;
  TimeShift shift;
  std::optional<SelectorSpec> selector;  // none: the first input is a subquery's inner expression
  Position argument_position;            // of the range, for notes
  Position quantile_position;            // of the first argument
};

class WindowOp final : public Operator {
 public:
  /// Inputs: the subquery's operator if there is no selector, then scalar arguments.
  WindowOp(StepAxis axis, WindowSpec spec, std::vector<Operator*> inputs)
      : Operator(axis, std::move(inputs)), spec_(std::move(spec)) {}

  Result<void> prepare(QueryContext& context) override;
  /// Blocks where it can fail by itself, so that errors come in the order of evaluation,
  /// and where it would keep a subquery's samples until its user runs.
  bool blocking() const override {
    return checks_duplicates_ || has_factors() || inner_ != nullptr;
  }

 protected:
  Counting counting() const override { return Counting::kBeside; }
  Result<void> run(QueryContext& context) override;
  Result<void> run_stream(QueryContext& context, TileSink& sink) override;

 private:
  DurationMs range_ms() const { return spec_.range_ns / kNsPerMs; }
  std::size_t first_scalar() const { return spec_.selector ? 0 : 1; }
  Result<void> load_scalars(QueryContext& context);
  bool has_factors() const { return spec_.function->name == "double_exponential_smoothing"; }
  Result<void> check_factors(const Tile& tile) const;
  Result<std::size_t> read_block(QueryContext& context, std::size_t first, std::size_t rows);
  Result<void> read_series(QueryContext& context, std::size_t row,
                           model::SampleColumns& columns) const;
  Result<void> fill_row(QueryContext& context, std::size_t row, std::size_t r, Tile& tile);
  Result<void> run_in_parts(QueryContext& context, const WindowArgs& args, double* out,
                            std::uint64_t* bits) const;
  Result<void> count_block(QueryContext& context, std::size_t rows);
  void slide(const model::SampleColumns& columns, std::size_t r, const Tile& tile);
  void note_counter(QueryContext& context, std::size_t row);
  void note_quantiles(QueryContext& context, const Tile& tile, std::size_t r);

  WindowSpec spec_;
  Rows source_rows_;
  std::shared_ptr<const model::SeriesSet> set_;
  const Table* inner_ = nullptr;
  StepAxis inner_axis_;
  std::vector<const double*> scalars_;
  std::vector<model::SampleColumns> columns_;
  struct Cursor {
    std::uint32_t lo = 0;
    std::uint32_t hi = 0;
  };
  std::vector<Cursor> cursors_;
  // What upstream would hold: its windows come one by one, series after series.
  struct Held {
    std::uint64_t largest = 0;  // window
    std::uint64_t last = 0;     // window
    std::uint64_t results = 0;
  };
  std::vector<Held> held_;         // by row of the block
  std::uint64_t held_before_ = 0;  // in the query when this began
  std::uint64_t results_ = 0;      // of the rows before
  std::vector<std::uint32_t> lo_;
  std::vector<std::uint32_t> hi_;
  WindowScratch scratch_;
  std::vector<std::uint32_t> name_ids_;
  std::vector<std::uint8_t> names_seen_;
  bool checks_duplicates_ = false;
};

}  // namespace narthex::query
