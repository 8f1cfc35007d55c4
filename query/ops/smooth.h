// `smoothed` instant selectors: for every step the value interpolated between the samples around
// it.
#pragma once

#include "query/ops/operator.h"
#include "query/ops/selection.h"

namespace narthex::query {

/// Reads the store itself; has no input. Blocks.
class SmoothOp final : public Operator {
 public:
  /// `spec` has a lookback behind the step too (after_ms).
  SmoothOp(StepAxis axis, SelectorSpec spec) : Operator(axis, {}), spec_(std::move(spec)) {}

  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return Counting::kBeside; }
  Result<void> run(QueryContext& context) override;

 private:
  Result<std::uint64_t> fill_row(QueryContext& context, const model::SampleColumns& columns,
                                 std::size_t row, std::uint64_t counted);

  SelectorSpec spec_;
  std::shared_ptr<const model::SeriesSet> set_;
};

}  // namespace narthex::query
