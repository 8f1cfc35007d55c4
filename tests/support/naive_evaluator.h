// The second opinion on PromQL: evaluates one step at a time, straight from the language's
// definition, with maps and plain sums. Shares nothing with query/ but the parser. Slow, small, and
// never optimised.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "model/storage.h"
#include "query/promql/ast.h"

namespace narthex::test {

/// Labels and value, in no particular order.
using NaiveVector = std::vector<std::pair<model::Labels, double>>;
using NaiveValue = std::variant<double, NaiveVector>;

struct NaiveOptions {
  model::DurationMs lookback = 5 * 60 * 1000;
  model::DurationMs subquery_step = 60 * 1000;
  model::TimeMs query_start = 0;  // what start() and end() mean
  model::TimeMs query_end = 0;
};

/// The value of `expr` at `time`. kExecution for evaluation errors and for what the evaluator does
/// not know
/// ("naive: ...").
Result<NaiveValue> evaluate_naively(const query::Expr& expr, model::Queryable& store,
                                    model::TimeMs time, const NaiveOptions& options);

}  // namespace narthex::test
