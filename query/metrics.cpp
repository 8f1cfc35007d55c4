// What queries are counted by. Names are upstream's; narthex_ stands before those of our own.
// Upstream updates its slices also for queries that fail; here a slice is observed when it has
// ended.
#include "query/metrics.h"

namespace narthex::query {
namespace {

Observer& slice(Metrics& metrics, std::string_view name) {
  return metrics.summary("prometheus_engine_query_duration_seconds", "Query timings",
                         {{"slice", name}});
}

}  // namespace

EngineMetrics::EngineMetrics(Metrics& metrics, std::size_t concurrency_max)
    : queries(metrics.gauge("prometheus_engine_queries",
                            "The current number of queries being executed or waiting.")),
      samples(metrics.counter("prometheus_engine_query_samples_total",
                              "The total number of samples loaded by all queries.")),
      queue_time(slice(metrics, "queue_time")),
      prepare_time(slice(metrics, "prepare_time")),
      inner_eval(slice(metrics, "inner_eval")),
      result_sort(slice(metrics, "result_sort")) {
  metrics.gauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.")
      .set(static_cast<double>(concurrency_max));
  metrics.gauge("prometheus_engine_query_log_enabled", "State of the query log.").set(0);
}

void publish_query_memory(Metrics& metrics, std::string_view lane, const MemoryBudget& budget) {
  metrics
      .gauge("narthex_query_memory_bytes", "Memory that running queries have taken.",
             {{"lane", lane}})
      .set(static_cast<double>(budget.taken()));
  Counter& refused = metrics.counter("narthex_query_memory_refused_total",
                                     "Times a query was refused memory.", {{"lane", lane}});
  refused.add(static_cast<double>(budget.refusals()) - refused.value());
}

}  // namespace narthex::query
