// Repeats the one step of an expression that does not depend on time over all steps of the query.
#pragma once

#include "query/ops/operator.h"

namespace narthex::query {

/// `once` has one step; its rows are this one's rows.
class StepInvariantOp final : public Operator {
 public:
  StepInvariantOp(StepAxis axis, Operator* once) : Operator(axis, {once}) {}
  Result<void> prepare(QueryContext& context) override;
  bool blocking() const override { return false; }
  bool takes_histograms() const override { return true; }

 protected:
  Counting counting() const override { return Counting::kBeside; }
  Result<void> run_stream(QueryContext& context, TileSink& sink) override;

 private:
  const Table* once_ = nullptr;
};

}  // namespace narthex::query
