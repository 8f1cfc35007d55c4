// Clocks that move only when told to, or by being read.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace narthex::test {

/// Thread-safe. Wall and monotonic time move together.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t now_ms = 1'700'000'000'000) : now_ms_(now_ms) {}
  std::int64_t now_ms() const override;
  std::int64_t monotonic_ns() const override;
  void advance_ms(std::int64_t ms);

 private:
  std::atomic<std::int64_t> now_ms_;  // relaxed: a lone value
};

/// Its n-th reading of monotonic time is n: a StopToken whose deadline is n stops at its n-th
/// check. Thread-compatible.
class CountingClock final : public Clock {
 public:
  std::int64_t now_ms() const override { return 0; }
  std::int64_t monotonic_ns() const override { return ++reads; }
  mutable std::int64_t reads = 0;
};

}  // namespace narthex::test
