// Instant vector selectors: for every step the newest sample of the lookback window, or its time.
#pragma once

#include "query/ops/operator.h"
#include "query/ops/selection.h"

namespace narthex::query {

class SelectOp final : public Operator {
 public:
  enum class Output : std::uint8_t { kValue, kTimestamp };

  SelectOp(StepAxis axis, SelectorSpec spec, Output output)
      : Operator(axis, {}), spec_(std::move(spec)), output_(output) {}

  Result<void> prepare(QueryContext& context) override;
  bool blocking() const override { return merges_; }

 protected:
  Counting counting() const override {
    return gathers_itself() ? Counting::kByStep : Counting::kBeside;
  }
  bool gathers_itself() const override { return output_ == Output::kTimestamp; }
  Result<void> run(QueryContext& context) override;
  Result<void> run_stream(QueryContext& context, TileSink& sink) override;

 private:
  Result<void> fill_newest(QueryContext& context, Tile& tile, TileBuffer& buffer) const;
  Result<std::size_t> read_block(QueryContext& context, std::size_t first, std::size_t rows);
  void mark_histograms(QueryContext& context, model::SampleColumns& columns);
  void fill_row(std::size_t r, Tile& tile);
  double output(TimeMs time, double value) const {
    return output_ == Output::kTimestamp ? static_cast<double>(time) / 1000 : value;
  }

  SelectorSpec spec_;
  Output output_;
  std::shared_ptr<const model::SeriesSet> set_;
  std::vector<model::SampleColumns> columns_;  // of the block of rows at hand
  std::vector<std::size_t> cursors_;  // first sample not yet passed; live on from strip to strip
  bool has_histograms_ = false;       // of the block: some cells are to be
  bool merges_ = false;
};

}  // namespace narthex::query
