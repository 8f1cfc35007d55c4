// Metrics of the HTTP server.
#pragma once

#include "base/metrics.h"

namespace narthex::net::http {

/// Thread-safe; the registry must outlive it.
struct ServerMetrics {
  explicit ServerMetrics(Metrics& metrics);

  Counter& accepted;  // connections
  Counter& refused;   // because a limit was reached
};

}  // namespace narthex::net::http
