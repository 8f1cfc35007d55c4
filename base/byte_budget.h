// A bound on the bytes that many holders keep at once, such as the bodies of all requests under
// way: limits on one of them do not help when hundreds come together. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>

namespace narthex {

/// What all holders share.
class ByteBudget {
 public:
  /// Room for `bytes_max` in all; 0 is no room, not "no limit": a holder without a limit has no
  /// budget. Outlives its shares.
  explicit ByteBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  /// Counted bytes of all holders now, what they have free of charge left out. For metrics.
  std::size_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  friend class BudgetShare;
  bool try_take(std::size_t bytes);
  void give(std::size_t bytes);

  const std::size_t bytes_max_;
  std::atomic<std::size_t> held_{0};  // relaxed: only its own value matters
};

/// One holder's part, given back at the end. Thread-compatible.
class BudgetShare {
 public:
  /// Of each holder the first `free_bytes` are not counted, so that small ones always pass.
  BudgetShare(ByteBudget* budget, std::size_t free_bytes)
      : budget_(budget), free_bytes_(free_bytes) {}
  ~BudgetShare() { reset(); }
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;

  /// Holds `bytes` in all from now on, if that is more than before. False: there is no room, and
  /// nothing changes. Always true without a budget.
  bool grow_to(std::size_t bytes);
  /// Gives everything back; the share may be used again.
  void reset();

 private:
  ByteBudget* budget_;
  std::size_t free_bytes_;
  std::size_t counted_ = 0;
};

}  // namespace narthex
