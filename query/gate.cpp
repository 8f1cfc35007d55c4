// The gate of the query engine: a counting lock with a bounded queue in front of it.
//
// Waiting is by a condition variable in slices of 50 ms, since a query that waits must notice that
// its client left or its deadline passed, and StopToken wakes nobody. Who waits longest does not
// come first: the system decides which thread wakes, and a newcomer may take a place that was just
// freed.
#include "query/gate.h"

#include <chrono>

#include "base/str.h"

namespace narthex::query {

// The condition variable hands the lock back and forth, which the analysis cannot follow.
Result<Gate::Pass> Gate::enter(const Stop& stop) NX_NO_THREAD_SAFETY_ANALYSIS {
  constexpr std::chrono::milliseconds kStopCheckEvery{
      50};  // tuned: cancellation is seen within 100 ms
  NX_TRY(stop.check());
  std::unique_lock<Mutex> lock(mutex_);
  if (running_ >= running_max_) {
    if (waiting_ >= waiting_max_) {
      return Error(Code::kUnavailable, concat("too many queries: ", running_, " are running and ",
                                              waiting_, " are waiting"));
    }
    ++waiting_;
    Result<void> stopped;
    while (running_ >= running_max_ && stopped) {
      freed_.wait_for(lock, kStopCheckEvery);
      stopped = stop.check();
    }
    --waiting_;
    if (!stopped) return std::move(stopped).error();
  }
  ++running_;
  return Pass(this);
}

Gate::Pass::~Pass() {
  if (gate_ == nullptr) return;
  {
    const MutexLock lock(gate_->mutex_);
    --gate_->running_;
  }
  gate_->freed_.notify_one();
}

}  // namespace narthex::query
