// `smoothed` instant selectors: for every step the value interpolated between the samples around
// it.
#pragma once

#include "query/ops/operator.h"
#include "query/ops/selection.h"

namespace narthex::query {

class SmoothOp final : public Operator {
 public:
  SmoothOp(StepAxis axis, SelectorSpec spec) : Operator(axis, {}), spec_(std::move(spec)) {}

  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  void fill_row(const model::SampleColumns& columns, std::size_t row);

  SelectorSpec spec_;
  std::shared_ptr<const model::SeriesSet> set_;
};

}  // namespace narthex::query
