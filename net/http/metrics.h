// What the HTTP server counts of its connections; requests are counted by the router, which knows
// their handlers.
#pragma once

#include "base/metrics.h"

namespace narthex::net::http {

/// Thread-safe; the registry must outlive it.
struct ServerMetrics {
  /// Shows all of them from now on, at 0.
  explicit ServerMetrics(Metrics& metrics);

  Counter& accepted;  // connections
  Counter& refused;   // because a limit was reached
};

}  // namespace narthex::net::http
