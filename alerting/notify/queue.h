// The alerts on their way to one Alertmanager. Bounded: when full, the oldest go first. At most one
// request is in flight; a batch that fails is dropped, because rules send their alerts again
// anyway.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alerting/alert.h"
#include "alerting/notify/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/executors.h"
#include "net/http/client.h"

namespace narthex::alerting {

/// `capacity` alerts may wait, beside those of the request in flight; `batch_size`, at least 1, go
/// with one request.
struct QueueOptions {
  std::string user_agent = "Prometheus/3.14.0";
  std::size_t capacity = 10'000;  // --alertmanager.notification-queue-capacity
  std::size_t batch_size = 256;   // --alertmanager.notification-batch-size
};

/// Sends one request's body; how the queue reaches the network. Called once for each batch, the
/// next time when that has ended.
using PostAlerts =
    std::function<asio::awaitable<Result<net::http::ClientResponse>>(std::string body)>;

/// Held by shared_ptr: by the notifier, and by the coroutine that empties it. Thread-safe.
class AlertQueue : public std::enable_shared_from_this<AlertQueue> {
 public:
  /// `url` is the queue's name in metrics and log. The references outlive the queue.
  AlertQueue(std::string url, QueueOptions options, PostAlerts post, const Clock& clock,
             Metrics& metrics, Log& log);

  /// Appends, and makes sure that a coroutine of `tasks` empties the queue. What does not fit is
  /// dropped, the oldest first, and counted.
  void add(std::span<const Alert> alerts, net::TaskGroup& tasks);
  /// Drops what waits; what is in flight goes on.
  void drop_all();

  const std::string& url() const { return url_; }
  /// Alerts that wait, without those of the request in flight.
  std::size_t size() const;

 private:
  asio::awaitable<void> drain();
  std::vector<Alert> next_batch();

  std::string url_;
  QueueOptions options_;
  PostAlerts post_;
  const Clock& clock_;
  Log& log_;
  QueueMetrics metrics_;

  mutable Mutex mutex_;  // leaf: metrics and log only
  std::deque<Alert> alerts_ NX_GUARDED_BY(mutex_);
  bool draining_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::alerting
