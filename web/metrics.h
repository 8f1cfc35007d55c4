// Metrics of routes, and of the page that shows metrics.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/metrics.h"

namespace narthex::web {

/// One route's. Thread-safe; the registry must outlive it.
class RouteMetrics {
 public:
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
  explicit ScrapePageMetrics(Metrics& metrics);
  Counter& scrapes(std::string_view code) const;
  Gauge& in_flight() const { return in_flight_; }

 private:
  Metrics& metrics_;
  Gauge& in_flight_;
};

}  // namespace narthex::web
