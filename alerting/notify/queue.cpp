// A bounded queue, and the coroutine that empties it, which exists only while there is something to
// send.
//
// add() runs on the thread of whoever has alerts, and holds the lock for a copy. Who finds nobody
// draining starts the coroutine; next_batch() says under the same lock that it found the queue
// empty and that nobody drains any more. So one queue never has two coroutines, and no alert waits
// without one.
//
// A batch that was not taken is counted and forgotten. Rules send an alert again after their resend
// delay, with a later end, so to repeat the old one would only make newer ones wait. An exception
// costs its batch likewise; the task group then begins drain() again, for which `draining_` stays
// true.
#include "alerting/notify/queue.h"

#include <algorithm>

#include "alerting/notify/payload.h"
#include "base/str.h"
#include "base/units.h"

namespace narthex::alerting {

AlertQueue::AlertQueue(std::string url, QueueOptions options, PostAlerts post, const Clock& clock,
                       Metrics& metrics, Log& log)
    : url_(std::move(url)),
      options_(std::move(options)),
      post_(std::move(post)),
      clock_(clock),
      log_(log),
      metrics_(metrics, url_) {}

void AlertQueue::add(std::span<const Alert> alerts, net::TaskGroup& tasks) {
  if (alerts.empty()) return;
  std::size_t dropped = 0;
  // Of more than fit at once the last ones are kept, as below of what waits.
  if (alerts.size() > options_.capacity) {
    dropped = alerts.size() - options_.capacity;
    alerts = alerts.subspan(dropped);
  }
  bool start = false;
  {
    const MutexLock lock(mutex_);
    const std::size_t room = options_.capacity - alerts.size();
    while (alerts_.size() > room) {
      alerts_.pop_front();
      ++dropped;
    }
    alerts_.insert(alerts_.end(), alerts.begin(), alerts.end());
    metrics_.length.set(static_cast<double>(alerts_.size()));
    start = !draining_;
    draining_ = true;
  }
  if (dropped != 0) {
    metrics_.dropped.add(static_cast<double>(dropped));
    log_.warn("alert notification queue full, dropping alerts",
              {{"alertmanager", url_}, {"count", dropped}});
  }
  if (!start) return;
  tasks.spawn([self = shared_from_this()] { return self->drain(); }, net::AfterException::kRestart);
}

void AlertQueue::drop_all() {
  const MutexLock lock(mutex_);
  if (alerts_.empty()) return;
  metrics_.dropped.add(static_cast<double>(alerts_.size()));
  log_.warn("alert notification queue not drained, dropping alerts",
            {{"alertmanager", url_}, {"count", alerts_.size()}});
  alerts_.clear();
  metrics_.length.set(0);
}

std::size_t AlertQueue::size() const {
  const MutexLock lock(mutex_);
  return alerts_.size();
}

// Empty when there is no work; then nobody drains any more.
std::vector<Alert> AlertQueue::next_batch() {
  const MutexLock lock(mutex_);
  const std::size_t count = std::min(alerts_.size(), options_.batch_size);
  const auto end = alerts_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<Alert> batch(std::make_move_iterator(alerts_.begin()), std::make_move_iterator(end));
  alerts_.erase(alerts_.begin(), end);
  metrics_.length.set(static_cast<double>(alerts_.size()));
  draining_ = count != 0;
  return batch;
}

asio::awaitable<void> AlertQueue::drain() {
  for (;;) {
    const std::vector<Alert> batch = next_batch();
    if (batch.empty()) co_return;
    const auto count = static_cast<double>(batch.size());
    const std::int64_t started_ns = clock_.monotonic_ns();
    Result<net::http::ClientResponse> response = Error(Code::kInternal, {});
    try {
      response = co_await post_(encode_alerts(batch));
    } catch (...) {  // ends this coroutine, which then begins again with the next batch
      metrics_.errors.add(count);
      metrics_.dropped.add(count);
      throw;
    }
    if (response && response->status / 100 != 2) {
      response = Error(Code::kUnavailable, concat("bad response status ", response->status_line()));
    }
    if (response) {
      const double seconds = to_seconds(clock_.monotonic_ns() - started_ns);
      metrics_.latency.observe(seconds);
      metrics_.latency_histogram.observe(seconds);
      metrics_.sent.add(count);
      continue;
    }
    metrics_.errors.add(count);
    metrics_.dropped.add(count);
    log_.error("cannot send alerts",
               {{"alertmanager", url_}, {"count", batch.size()}, {"error", response.error()}});
  }
}

}  // namespace narthex::alerting
