// What scraping counts, in upstream's names. The registry outlives it. Thread-safe.
#pragma once

#include "base/metrics.h"

namespace narthex::scrape {

/// Upstream's scrape counters.
struct ScrapeMetrics {
  /// Shows all of them from now on, at 0.
  explicit ScrapeMetrics(Metrics& metrics);

  Metrics& registry;
  Counter& exceeded_sample_limit;
  Counter& exceeded_body_size_limit;
  Counter& duplicate_timestamp;
  Counter& out_of_order;
  Counter& out_of_bounds;
  Counter& exceeded_label_limits;
  Counter& exceeded_target_limit;
  Counter& pools;
  Counter& pools_failed;
  Counter& pool_reloads;
  Counter& pool_reloads_failed;
};

}  // namespace narthex::scrape
