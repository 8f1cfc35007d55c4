// The only way into PromQL evaluation: parse, plan, run under limits. See docs/architecture.md,
// life of a query.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/parallel.h"
#include "base/result.h"
#include "model/storage.h"
#include "query/promql/parser.h"
#include "query/value.h"

namespace narthex::query {

/// For EngineOptions::samples_max.
inline constexpr std::size_t kSamplesUnlimited = std::numeric_limits<std::size_t>::max();

/// Fixed for the engine's life, but for set_subquery_step(). Of limits 0 is none only where it says
/// so.
struct EngineOptions {
  DurationMs lookback_ms = 5 * 60 * 1000;   // upstream's default of --query.lookback-delta
  DurationMs timeout_ms = 2 * 60 * 1000;    // upstream's default of --query.timeout
  std::size_t samples_max = 50'000'000;     // upstream's default of --query.max-samples
  std::size_t concurrency_max = 20;         // upstream's default of --query.max-concurrency
  std::size_t rule_concurrency_max = 20;    // rules wait for rules only, whatever the API runs
  std::size_t queue_max = 200;              // docs/limits.md; then kUnavailable
  std::size_t query_memory_max = 0;         // bytes of one query; 0: none
  std::size_t memory_max = 0;               // bytes of all queries of the API together; 0: none
  std::size_t rule_memory_max = 0;          // and of all rules; 0: none
  DurationMs subquery_step_ms = 60 * 1000;  // global.evaluation_interval
  bool delayed_name_removal = false;        // feature promql-delayed-name-removal
  ParserOptions parser;
};

/// One evaluation. For an instant query start == end and step == 0; a range that ends before it
/// starts has no steps.
struct QueryRequest {
  std::string expression;
  TimeMs start = 0;
  TimeMs end = 0;
  DurationMs step = 0;
  std::optional<DurationMs> lookback_ms;  // the engine's unless set; 0 selects nothing
  DurationMs timeout_ms = 0;              // 0: the engine's; the smaller of both wins
};

/// Whose places a query takes: those of the API are many people's, those of rules the alerts'.
enum class Lane : unsigned char { kApi, kRules };

/// Thread-safe. run() is plain blocking code: call it on the CPU pool.
class Engine {
 public:
  /// All three must outlive the engine.
  Engine(EngineOptions options, const Clock& clock, Metrics& metrics);
  ~Engine();

  /// Evaluates against `store`. Errors: kInvalid (parse and type errors, text as upstream's),
  /// kExecution, kLimit (shown as execution too), kTimeout, kCancelled, kInternal for errors of the
  /// store. "not implemented yet: ..." is kExecution.
  Result<QueryResult> run(model::Queryable& store, const QueryRequest& request,
                          const StopToken& caller = {}, Lane lane = Lane::kApi);

  /// The options it was made with.
  const EngineOptions& options() const;

  /// What the queries of a lane share. run() charges the current MemoryScope's account, so that a
  /// caller can count what it makes of the result too; without one it opens its own.
  MemoryBudget& memory(Lane lane);

  /// From the next query on, for subqueries without a step: global.evaluation_interval.
  void set_subquery_step(DurationMs step_ms);

 private:
  Result<QueryResult> run_here(model::Queryable& store, const QueryRequest& request,
                               const StopToken& caller, Lane lane);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::query
