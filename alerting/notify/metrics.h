// What the notifier tells of itself: how many Alertmanagers it knows, and of each queue how its
// alerts fared. Names are upstream's.
#pragma once

#include <cstddef>
#include <string>

#include "base/metrics.h"

namespace narthex::alerting {

/// Thread-safe; the registry must outlive it.
struct NotifierMetrics {
  /// Sets the capacity once, because it is a flag.
  NotifierMetrics(Metrics& metrics, std::size_t queue_capacity);

  Gauge& discovered;  // Alertmanagers
};

/// One Alertmanager's, which are shown from construction until retire_queue_metrics(). Thread-safe;
/// the registry must outlive it.
struct QueueMetrics {
  /// Two queues of one URL, in two blocks of `alertmanagers`, count in the same place.
  QueueMetrics(Metrics& metrics, const std::string& url);

  Counter& sent;
  Counter& errors;
  Counter& dropped;
  Gauge& length;
  Observer& latency;
  Observer& latency_histogram;
};

/// No longer shows those of `url`, which has no queue any more.
void retire_queue_metrics(Metrics& metrics, const std::string& url);

}  // namespace narthex::alerting
