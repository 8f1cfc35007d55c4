// Lets a bounded number of queries run and a bounded number wait: beyond that a query is refused at
// once, instead of making all others slower.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "base/mutex.h"
#include "base/result.h"
#include "query/context.h"

namespace narthex::query {

/// Thread-safe. Blocks the calling thread, so not on an I/O thread.
class Gate {
 public:
  /// So many run and so many more wait; both may be 0, which lets nobody run or wait.
  Gate(std::size_t running_max, std::size_t waiting_max)
      : running_max_(running_max), waiting_max_(waiting_max) {}

  /// Holds a place until it is destroyed.
  class Pass {
   public:
    /// For enter() only.
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(other.gate_) { other.gate_ = nullptr; }
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    Gate* gate_;
  };

  /// Waits for a place. kUnavailable when too many wait already; kTimeout, kCancelled.
  Result<Pass> enter(const Stop& stop);

 private:
  const std::size_t running_max_;
  const std::size_t waiting_max_;
  Mutex mutex_;  // leaf: nothing is called with it held but Stop::check()
  std::condition_variable_any freed_;
  std::size_t running_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t waiting_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::query
