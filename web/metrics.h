// What each route tells of its requests, and what the page that shows metrics tells of itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/metrics.h"

namespace narthex::web {

/// One route's. Thread-safe; the registry must outlive it.
class RouteMetrics {
 public:
  /// `pattern` is the label handler. Status 200 is shown from now on, others from their first
  /// answer.
  RouteMetrics(Metrics& metrics, std::string_view pattern);
  /// A request that was answered with `status`.
  void add(int status, double seconds, std::size_t response_bytes) const;

 private:
  Metrics& metrics_;
  std::string pattern_;
  Observer& duration_;
  Observer& size_;
};

/// Those of /metrics itself. Thread-safe; the registry must outlive it.
class ScrapePageMetrics {
 public:
  /// Shows the codes 200, 500 and 503 from now on.
  explicit ScrapePageMetrics(Metrics& metrics);
  /// Scrapes that were answered with `code`; `in_flight` counts those under way.
  Counter& scrapes(std::string_view code) const;
  Gauge& in_flight() const { return in_flight_; }

 private:
  Metrics& metrics_;
  Gauge& in_flight_;
};

}  // namespace narthex::web
