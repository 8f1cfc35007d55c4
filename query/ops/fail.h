// An expression that is refused when it comes to be evaluated, and only if there is a step to
// evaluate it at: what upstream does not evaluate it does not check.
#pragma once

#include <utility>

#include "query/ops/operator.h"

namespace narthex::query {

/// An operator that is an error. Rows of it are never asked for.
class FailOp final : public Operator {
 public:
  /// `inputs` are what upstream evaluates before it looks.
  FailOp(StepAxis axis, Error error, std::vector<Operator*> inputs)
      : Operator(axis, std::move(inputs)), error_(std::move(error)) {}
  Result<void> prepare(QueryContext&) override { return {}; }

 protected:
  Result<void> run(QueryContext&) override {
    return Error(error_.code(), std::string(error_.message()));
  }

 private:
  Error error_;
};

}  // namespace narthex::query
