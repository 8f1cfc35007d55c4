// What scraping counts. All of it is registered at once, so that a counter is 0 before the first
// event and rate() sees it begin.
#include "scrape/metrics.h"

namespace narthex::scrape {

ScrapeMetrics::ScrapeMetrics(Metrics& m)
    : registry(m),
      exceeded_sample_limit(
          m.counter("prometheus_target_scrapes_exceeded_sample_limit_total",
                    "Total number of scrapes that hit the sample limit and were rejected.")),
      exceeded_body_size_limit(m.counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
                                         "Total number of scrapes that hit the body size limit")),
      duplicate_timestamp(
          m.counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
                    "Total number of samples rejected due to duplicate timestamps but different "
                    "values.")),
      out_of_order(m.counter("prometheus_target_scrapes_sample_out_of_order_total",
                             "Total number of samples rejected due to not being out of the "
                             "expected order.")),
      out_of_bounds(m.counter("prometheus_target_scrapes_sample_out_of_bounds_total",
                              "Total number of samples rejected due to timestamp falling outside "
                              "of the time bounds.")),
      exceeded_label_limits(
          m.counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
                    "Total number of times scrape pools hit the label limits, during sync or "
                    "config reload.")),
      exceeded_target_limit(
          m.counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                    "Total number of times scrape pools hit the target limit, during sync or "
                    "config reload.")),
      pools(m.counter("prometheus_target_scrape_pools_total",
                      "Total number of scrape pool creation attempts.")),
      pools_failed(m.counter("prometheus_target_scrape_pools_failed_total",
                             "Total number of scrape pool creations that failed.")),
      pool_reloads(m.counter("prometheus_target_scrape_pool_reloads_total",
                             "Total number of scrape pool reloads.")),
      pool_reloads_failed(m.counter("prometheus_target_scrape_pool_reloads_failed_total",
                                    "Total number of failed scrape pool reloads.")) {}

}  // namespace narthex::scrape
