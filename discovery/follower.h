// What a consumer of targets does with a manager: it applies configurations, and is told when the
// groups changed since it last took them. Scraping and alerting are two of these.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "discovery/manager.h"
#include "model/time.h"

namespace narthex::discovery {

/// Thread-safe.
class Follower {
 public:
  /// `on_change` runs on a CPU thread, one call at a time, at most once in `interval`, from the
  /// first apply() to stop(): groups() has others than it last gave, or the call before threw.
  Follower(Context context, std::string name, model::DurationMs interval,
           std::function<void()> on_change);
  /// stop() must have been called.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  /// As Manager's. on_change is not called for it: take groups() when ready for them.
  void apply(const DiscoveryConfigs& configs);
  /// The newest; from now on they count as taken.
  std::shared_ptr<const TargetSets> groups();
  /// Waits for on_change, so not under a lock that it takes. Not on an I/O thread.
  void stop();

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  asio::awaitable<void> loop();

  Context context_;
  model::DurationMs interval_;
  std::function<void()> on_change_;
  Manager manager_;
  net::TaskGroup tasks_;
  std::atomic<bool> running_{false};         // relaxed: only its own value matters
  std::atomic<std::uint64_t> taken_{kNone};  // version that groups() gave; relaxed: a lone value
};

}  // namespace narthex::discovery
