// Polling a manager: a loop that wakes once an interval, compares two numbers, and calls back on a
// CPU thread only when they differ. That bounds how often consumers rebuild their targets, whatever
// a flapping provider does, which is upstream's updater with five seconds between updates.
//
// The version is read before the groups, so what was taken is at least as new as the number says: a
// change in between is seen as one more, never missed.
#include "discovery/follower.h"

#include "base/check.h"
#include "base/exceptions.h"

namespace narthex::discovery {

Follower::Follower(Context context, std::string name, model::DurationMs interval,
                   std::function<void()> on_change)
    : context_(context),
      interval_(interval),
      on_change_(std::move(on_change)),
      manager_(context, name),
      tasks_(context.executors, [this, name](std::string_view what) {
        report_exception(context_.log, context_.metrics, {"discovery", name}, what);
      }) {}

Follower::~Follower() {
  NX_CHECK(tasks_.size() == 0);
}

void Follower::apply(const DiscoveryConfigs& configs) {
  manager_.apply(configs);
  if (running_.exchange(true, std::memory_order_relaxed)) return;
  tasks_.spawn([this] { return loop(); }, net::AfterException::kRestart);
}

std::shared_ptr<const TargetSets> Follower::groups() {
  const std::uint64_t version = manager_.version();  // first: what comes is that or newer
  std::shared_ptr<const TargetSets> groups = manager_.snapshot();
  taken_.store(version, std::memory_order_relaxed);
  return groups;
}

asio::awaitable<void> Follower::loop() {
  for (;;) {
    const bool go_on = co_await net::sleep_for_ns(model::to_nanoseconds(interval_));
    if (!go_on) co_return;
    if (manager_.version() == taken_.load(std::memory_order_relaxed)) continue;
    auto work = [this] {
      try {
        on_change_();
      } catch (...) {  // what it took may not have been used
        taken_.store(kNone, std::memory_order_relaxed);
        throw;
      }
    };
    co_await net::run_on(context_.executors.cpu(), std::move(work));
  }
}

void Follower::stop() {
  tasks_.stop();
  while (!tasks_.wait(std::chrono::seconds(10))) {
    context_.log.warn("following discovery is slow to stop");
  }
  manager_.stop();
}

}  // namespace narthex::discovery
