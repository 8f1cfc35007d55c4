// From a checked syntax tree to a list of physical operators, inputs before users.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "query/ops/operator.h"
#include "query/ops/selection.h"
#include "query/plan/resolve.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// A range selector or subquery as the whole query, which has no steps to be evaluated at.
struct RawMatrix {
  std::optional<SelectorSpec> selector;  // else the rows of Plan::root as they are
  bool extended = false;                 // anchored or smoothed: samples are added at the ends
};

/// What run_operators() goes through from front to back; the plan owns the operators.
struct Plan {
  std::vector<OperatorPtr> operators;
  Operator* root = nullptr;  // null for strings and raw selectors
  std::optional<RawMatrix> raw;
  std::optional<std::string> text;              // a string literal is the whole query
  model::TimeRange needed{.min = 0, .max = 0};  // of all selectors
};

/// `context` must outlive the plan. Errors: kExecution ("not implemented yet: ..." among them),
/// kLimit.
Result<Plan> build_plan(QueryContext& context, const Expr& root, const QueryTimes& times);

}  // namespace narthex::query
