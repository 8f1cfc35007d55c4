// Metrics that are read rather than kept, for as long as what they are read from lives.
#pragma once

#include <functional>
#include <memory>

#include "base/metrics.h"

namespace narthex {

/// What Metrics::on_collect() was told, until this ends: the registry may outlive it. Thread-safe.
class MetricsRefresh {
 public:
  /// `refresh` runs before each exposition.
  MetricsRefresh(Metrics& metrics, std::function<void()> refresh);
  /// Waits for a run under way; none begins afterwards.
  ~MetricsRefresh();
  MetricsRefresh(const MetricsRefresh&) = delete;
  MetricsRefresh& operator=(const MetricsRefresh&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex
