// Metrics of the query engine: how many run, what they load, how long each of their phases takes,
// and what memory they hold.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/budget.h"
#include "base/metrics.h"

namespace narthex::query {

/// What every query adds to. Thread-safe; the registry must outlive it.
struct EngineMetrics {
  /// `concurrency_max` is only published, as upstream does.
  EngineMetrics(Metrics& metrics, std::size_t concurrency_max);

  Gauge& queries;    // running or waiting
  Counter& samples;  // loaded
  Observer& queue_time;
  Observer& prepare_time;
  Observer& inner_eval;
  Observer& result_sort;
};

/// What the queries of a lane hold of their budget, and what they were refused. For a
/// MetricsRefresh that ends before `budget`.
void publish_query_memory(Metrics& metrics, std::string_view lane, const MemoryBudget& budget);

}  // namespace narthex::query
