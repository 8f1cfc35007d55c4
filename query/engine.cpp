// One query from text to columns: parse, plan, open the store, run the operators, shape the result.
//
// The order of checks is upstream's, since it decides which error a bad query gets: the text, the
// type of the result, durations, then the gate, and only behind it the store. A query that fails
// before the gate takes no place from others.
//
// Everything that the query allocates is charged to its account (base/budget.h), the result too,
// which is why run() may use the caller's account: an API handler also pays for the JSON it makes
// of the result.
//
// Operators run one after the other, inputs before users. One that does not block only gets ready
// (wait()) and streams its tiles when its user asks for them. A range selector as the whole query
// has no steps and takes a way of its own (raw_matrix()).
#include "query/engine.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/metrics_refresh.h"
#include "base/str.h"
#include "base/units.h"
#include "query/context.h"
#include "query/functions/extended.h"
#include "query/gate.h"
#include "query/go_sort.h"
#include "query/metrics.h"
#include "query/plan/builder.h"
#include "query/promql/ast.h"

namespace narthex::query {
namespace {

// Counts a query as long as it lives.
class Counted {
 public:
  explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { gauge_.add(-1); }

 private:
  Gauge& gauge_;
};

StepAxis axis_of(const QueryRequest& request) {
  if (request.step <= 0 || request.end <= request.start) return {.start = request.start};
  StepAxis axis{.start = request.start,
                .step = request.step,
                .count = model::count_steps(request.start, request.end, request.step)};
  axis.beyond = model::time_between(axis.last(), request.end);
  return axis;
}

QueryTimes times_of(const QueryRequest& request) {
  return {.start = request.start, .end = request.end, .step = request.step};
}

Result<void> run_operators(QueryContext& context, Plan& plan) {
  for (const OperatorPtr& op : plan.operators) {
    NX_TRY(context.stop.check());
    NX_TRY(op->prepare(context));
    if (op->blocking()) {
      NX_TRY(op->materialize(context));
    } else {
      op->wait(context);
    }
  }
  return {};
}

MatrixSeries series_of(const QueryContext& context, const Rows& rows, const Table& table,
                       const StepAxis& axis, std::size_t row) {
  MatrixSeries series{.labels = rows.labels(row), .times = {}, .values = {}};
  const std::size_t points = count_bits(table.row_bits(row), table.words());
  series.times.reserve(points);
  series.values.reserve(points);
  for_each_bit(table.row_bits(row), table.words(), [&](std::size_t step) {
    series.times.push_back(axis.at(step));
    series.values.push_back(table.value(row, step));
  });
  if (!table.has_histograms()) return series;
  for_each_bit(table.row_histogram_bits(row), table.words(), [&](std::size_t step) {
    series.histogram_times.push_back(axis.at(step));
    series.histograms.push_back(context.histograms[handle_of(table.value(row, step))]);
  });
  return series;
}

Result<void> sort_by_labels(std::vector<MatrixSeries>& series, const Stop& stop) {
  return go_sort(
      series, [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; },
      stop);
}

Result<Value> matrix_of(const QueryContext& context, const Rows& rows, const Table& table,
                        const StepAxis& axis) {
  const Stop& stop = context.stop;
  NX_TRY(rows.build(stop));
  MatrixValue out;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    NX_TRY(pacer.tick(cost_of_bytes(table.steps())));
    if (table.first_present(row) == kNoStep) continue;
    out.series.push_back(series_of(context, rows, table, axis, row));
  }
  NX_TRY(sort_by_labels(out.series, stop));
  return out;
}

Result<Value> vector_of(const QueryContext& context, const Rows& rows, const Table& table) {
  const Stop& stop = context.stop;
  NX_TRY(rows.build(stop));
  VectorValue out{.time = context.axis.start, .labels = {}, .values = {}};
  Pacer pacer(stop);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    NX_TRY(pacer.tick());
    const bool is_histogram = table.has_histogram(row, 0);
    if (!is_histogram && !table.has(row, 0)) continue;
    out.labels.push_back(rows.labels(row));
    out.values.push_back(is_histogram ? 0 : table.value(row, 0));
    if (table.has_histograms()) out.histograms.resize(out.labels.size());
    if (is_histogram) out.histograms.back() = context.histograms[handle_of(table.value(row, 0))];
  }
  return out;
}

// Names whose removal was put off go now.
Result<void> remove_delayed_names(Rows& rows, Table& table, const Stop& stop) {
  NX_TRY(rows.build(stop));
  Rows cleaned;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    NX_TRY(pacer.tick());
    const model::Labels& labels = rows.labels(row);
    cleaned.add(rows.drops_name(row) ? drop_metadata(labels) : labels, false);
  }
  rows = std::move(cleaned);
  return merge_equal_rows(rows, table, stop);
}

// The samples of an anchored or smoothed range: its ends get samples of their own.
model::SampleColumns extended(const QueryContext& context, const SelectorSpec& spec,
                              const model::SampleColumns& columns) {
  const TimeMs end = spec.shift.reference(context.axis, 0);
  return extend_samples({.times = columns.times.data(),
                         .values = columns.values.data(),
                         .count = columns.size(),
                         .start = model::subtract_time(end, spec.window_ms),
                         .end = end,
                         .smoothed = spec.after_ms > 0});
}

MatrixSeries raw_series(model::Labels labels, model::SampleColumns columns) {
  MatrixSeries series{.labels = std::move(labels)};
  if (columns.histograms.empty()) {
    series.times = std::move(columns.times);
    series.values = std::move(columns.values);
    return series;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const model::HistogramPtr* histogram = columns.histograms.find(i);
    if (histogram != nullptr) {
      series.histogram_times.push_back(columns.times[i]);
      series.histograms.push_back(*histogram);
    } else {
      series.times.push_back(columns.times[i]);
      series.values.push_back(columns.values[i]);
    }
  }
  return series;
}

// A range selector alone, at one time: its samples as they are stored, without operators.
Result<MatrixValue> raw_matrix(QueryContext& context, const RawMatrix& raw) {
  const SelectorSpec& spec = *raw.selector;
  MatrixValue out;
  NX_TRY_ASSIGN(const auto set, open_selection(context, spec, context.axis));
  for (std::size_t i = 0; i < set->size(); ++i) {
    NX_TRY(context.stop.check());
    model::SampleColumns columns;
    if (Result<void> read = set->read(i, spec.needed(context.axis), columns); !read) {
      return store_error(std::move(read).error());
    }
    drop_stale(columns);
    NX_TRY(context.hold(columns.size()));
    if (raw.extended) {
      NX_TRY(refuse_histograms(columns, "in an extended range"));
      columns = extended(context, spec, columns);
    }
    if (columns.size() == 0) continue;
    context.samples_total += columns.size();
    out.series.push_back(raw_series(set->labels(i), std::move(columns)));
  }
  NX_TRY(sort_by_labels(out.series, context.stop));
  return out;
}

Result<Value> result_of(QueryContext& context, Plan& plan, ValueType type, bool instant) {
  if (plan.text) return StringValue{.time = context.axis.start, .value = *plan.text};
  if (plan.raw && plan.raw->selector) return raw_matrix(context, *plan.raw);
  Operator& root = *plan.root;
  NX_TRY_ASSIGN(const Table* table, root.materialize(context));
  if (type == ValueType::kScalar && instant) {
    return ScalarValue{.time = context.axis.start, .value = table->value(0, 0)};
  }
  Rows rows = root.rows();
  // Names that were only marked as dropped go here, at the very end; series that become equal by it
  // are merged or an error.
  Table cleaned;
  if (context.delayed_name_removal) {
    NX_TRY_ASSIGN(cleaned, table->clone(context.stop));
    NX_TRY(remove_delayed_names(rows, cleaned, context.stop));
    table = &cleaned;
  }
  if (instant && type == ValueType::kVector) {
    return vector_of(context, rows, *table);
  }
  return matrix_of(context, rows, *table, root.axis());
}

Result<void> check_type(const Expr& expr, bool instant) {
  if (instant || expr.type == ValueType::kVector || expr.type == ValueType::kScalar) return {};
  return Error(Code::kInvalid, concat("invalid expression type ", quote(documented_type(expr.type)),
                                      " for range query, must be Scalar or instant Vector"));
}

}  // namespace

struct Engine::State {
  State(EngineOptions engine_options, const Clock& engine_clock, Metrics& metrics_registry)
      : options(std::move(engine_options)),
        clock(engine_clock),
        metrics(metrics_registry, options.concurrency_max),
        api_gate(options.concurrency_max, options.queue_max),
        rules_gate(options.rule_concurrency_max, options.queue_max),
        api_memory("all queries", options.memory_max),
        rules_memory("all rules", options.rule_memory_max) {
    refresh.emplace(metrics_registry, [this, &metrics_registry] {
      publish_query_memory(metrics_registry, "api", api_memory);
      publish_query_memory(metrics_registry, "rules", rules_memory);
    });
  }

  double seconds_since(std::int64_t start_ns) const {
    return to_seconds(clock.monotonic_ns() - start_ns);
  }
  Result<QueryResult> evaluate(model::Queryable& store, const QueryRequest& request,
                               const Expr& expr, const Stop& stop);

  EngineOptions options;
  std::atomic<DurationMs> subquery_step_ms{options.subquery_step_ms};  // relaxed: a lone value
  const Clock& clock;
  EngineMetrics metrics;
  Gate api_gate;
  Gate rules_gate;
  MemoryBudget api_memory;
  MemoryBudget rules_memory;
  std::optional<MetricsRefresh> refresh;  // reads the budgets: ends first
};

Engine::Engine(EngineOptions options, const Clock& clock, Metrics& metrics)
    : state_(std::make_unique<State>(std::move(options), clock, metrics)) {}

Engine::~Engine() = default;

const EngineOptions& Engine::options() const {
  return state_->options;
}

MemoryBudget& Engine::memory(Lane lane) {
  return lane == Lane::kRules ? state_->rules_memory : state_->api_memory;
}

void Engine::set_subquery_step(DurationMs step_ms) {
  state_->subquery_step_ms.store(step_ms, std::memory_order_relaxed);
}

Result<QueryResult> Engine::run(model::Queryable& store, const QueryRequest& request,
                                const StopToken& caller, Lane lane) {
  if (MemoryScope::current() != nullptr) return run_here(store, request, caller, lane);
  MemoryAccount account(memory(lane), state_->options.query_memory_max);
  return run_charged(account, [&] { return run_here(store, request, caller, lane); });
}

// In the memory scope of this query.
Result<QueryResult> Engine::run_here(model::Queryable& store, const QueryRequest& request,
                                     const StopToken& caller, Lane lane) {
  State& state = *state_;
  const bool instant = request.step == 0;
  const std::int64_t start_ns = state.clock.monotonic_ns();
  DurationMs timeout_ms = state.options.timeout_ms;
  if (request.timeout_ms > 0) timeout_ms = std::min(timeout_ms, request.timeout_ms);
  const std::int64_t deadline_ns = model::add_time(start_ns, model::to_nanoseconds(timeout_ms));
  const Stop stop{.token = StopToken(caller, state.clock, deadline_ns),
                  .memory = MemoryScope::current()};
  ParserOptions parser = state.options.parser;
  parser.stop = &stop;
  NX_TRY_ASSIGN(const ExprPtr expr, parse_expression(request.expression, parser));
  NX_TRY(check_type(*expr, instant));
  NX_TRY(check_durations(*expr, times_of(request)));
  // Upstream's loop over the steps does not run at all then: no gate, no store, an empty matrix.
  if (!instant && request.end < request.start) return QueryResult{.value = MatrixValue()};
  const Counted counted(state.metrics.queries);
  Gate& gate = lane == Lane::kRules ? state.rules_gate : state.api_gate;
  NX_TRY_ASSIGN(const Gate::Pass pass, gate.enter(stop));
  state.metrics.queue_time.observe(state.seconds_since(start_ns));
  return state.evaluate(store, request, *expr, stop);
}

Result<QueryResult> Engine::State::evaluate(model::Queryable& store, const QueryRequest& request,
                                            const Expr& expr, const Stop& stop) {
  const std::int64_t prepare_ns = clock.monotonic_ns();
  QueryContext context{.text = request.expression,
                       .axis = axis_of(request),
                       .lookback_ms = request.lookback_ms.value_or(options.lookback_ms),
                       .subquery_step_ms = subquery_step_ms.load(std::memory_order_relaxed),
                       .samples_max = options.samples_max,
                       .delayed_name_removal = options.delayed_name_removal,
                       .stop = stop};
  NX_TRY_ASSIGN(Plan plan, build_plan(context, expr, times_of(request)));
  Result<std::unique_ptr<model::Querier>> querier = store.querier(plan.needed);
  if (!querier) return store_error(std::move(querier).error());
  context.querier = *std::move(querier);
  metrics.prepare_time.observe(seconds_since(prepare_ns));

  const std::int64_t eval_ns = clock.monotonic_ns();
  NX_TRY(run_operators(context, plan));
  QueryResult result;
  metrics.inner_eval.observe(seconds_since(eval_ns));
  const std::int64_t sort_ns = clock.monotonic_ns();
  NX_TRY_ASSIGN(result.value, result_of(context, plan, expr.type, request.step == 0));
  metrics.result_sort.observe(seconds_since(sort_ns));
  result.warnings = context.notes.warnings(request.expression);
  result.infos = context.notes.infos(request.expression);
  result.statistics = {.samples_total = context.samples_total,
                       .samples_peak = context.samples_peak,
                       .eval_seconds = seconds_since(eval_ns)};
  metrics.samples.add(static_cast<double>(context.samples_total));
  return result;
}

}  // namespace narthex::query
