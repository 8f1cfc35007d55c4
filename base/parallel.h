// Plain parallelism, without Asio, so that tsdb and query can use it: StopToken, by which code on
// the CPU pool learns that it should stop, Pacer, which asks one now and then, and run_beside, a
// second thread for the time of a call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"

namespace narthex {

/// Cancelled by its owner or by a deadline on the monotonic clock. Copies share the state.
/// Thread-safe.
class StopToken {
 public:
  /// Never stops.
  StopToken() = default;
  /// Stops when `deadline_ns` of `clock` (monotonic) passes or cancel() is called. `clock` must
  /// outlive it.
  StopToken(const Clock& clock, std::int64_t deadline_ns);
  /// Stops when `parent` does, too.
  StopToken(const StopToken& parent, const Clock& clock, std::int64_t deadline_ns);

  /// From any thread, any number of times; never undone. Does nothing to one that never stops.
  void cancel() const;
  /// False for one that never stops.
  bool can_stop() const { return state_ != nullptr; }

  /// kCancelled or kTimeout once stopped. Costs a clock read: call it every few thousand samples.
  Result<void> check() const;

 private:
  struct State {
    const Clock* clock;
    std::int64_t deadline_ns;
    std::atomic<bool> cancelled{false};  // relaxed: only its own value matters
    std::shared_ptr<const State> parent;
  };
  std::shared_ptr<State> state_;
};

/// Asks `stop`, a StopToken or what else has a check(), now and then: in loops over rows, series,
/// texts. `stop` must outlive it. Thread-compatible.
template <typename Stop>
class Pacer {
 public:
  /// `cost_max`: the sum of costs between two questions.
  explicit Pacer(const Stop& stop, std::size_t cost_max = kCostMax)
      : stop_(stop), cost_max_(cost_max) {}
  /// Before a piece of work; the error is that of `stop`.
  Result<void> tick(std::size_t cost = 1) {
    done_ += cost;
    if (done_ < cost_max_) [[likely]]
      return {};
    return ask();
  }
  /// Now, whatever has been done since the last question.
  Result<void> ask() {
    done_ = 0;
    return stop_.check();
  }

 private:
  static constexpr std::size_t kCostMax = 1024;  // tuned: of rows with their labels
  const Stop& stop_;
  std::size_t cost_max_;
  std::size_t done_ = 0;
};

/// Runs `other` on a thread of its own while the caller runs `own`; returns when both have. What
/// either threw is thrown then, so neither may wait for the other without end.
void run_beside(const std::function<void()>& other, const std::function<void()>& own);

}  // namespace narthex
