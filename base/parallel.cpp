// StopToken walks the chain of its parents at every check: chains have two or three links (client,
// query, rule), and a shared list of children would need a lock. A cancelled one is told before a
// late one, since a client that left gets no answer anyway.
//
// run_beside() starts a thread for every call. It is used where both halves take milliseconds at
// least (a replay, a large merge), so a pool would save nothing and could be full.
#include "base/parallel.h"

#include <exception>
#include <thread>

namespace narthex {

StopToken::StopToken(const Clock& clock, std::int64_t deadline_ns)
    : state_(std::make_shared<State>()) {
  state_->clock = &clock;
  state_->deadline_ns = deadline_ns;
}

StopToken::StopToken(const StopToken& parent, const Clock& clock, std::int64_t deadline_ns)
    : StopToken(clock, deadline_ns) {
  state_->parent = parent.state_;
}

void StopToken::cancel() const {
  if (state_) state_->cancelled.store(true, std::memory_order_relaxed);
}

Result<void> StopToken::check() const {
  bool cancelled = false;
  bool late = false;
  for (const State* at = state_.get(); at != nullptr; at = at->parent.get()) {
    cancelled = cancelled || at->cancelled.load(std::memory_order_relaxed);
    late = late || at->clock->monotonic_ns() >= at->deadline_ns;
  }
  if (cancelled) return Error(Code::kCancelled, "query was canceled in expression evaluation");
  if (late) return Error(Code::kTimeout, "query timed out in expression evaluation");
  return {};
}

void run_beside(const std::function<void()>& other, const std::function<void()>& own) {
  std::exception_ptr failure;
  {
    const std::jthread beside([&] {
      try {
        other();
      } catch (...) {
        failure = std::current_exception();
      }
    });
    own();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace narthex
