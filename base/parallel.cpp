// StopToken and run_beside.
#include "base/parallel.h"

#include <exception>
#include <thread>

namespace narthex {

StopToken::StopToken(const Clock& clock, std::int64_t deadline_ns)
    : state_(std::make_shared<State>()) {
  state_->clock = &clock;
  state_->deadline_ns = deadline_ns;
}

void StopToken::cancel() const {
  if (state_) state_->cancelled.store(true, std::memory_order_relaxed);
}

Result<void> StopToken::check() const {
  if (!state_) return {};
  if (state_->cancelled.load(std::memory_order_relaxed)) {
    return Error(Code::kCancelled, "query was canceled in expression evaluation");
  }
  if (state_->clock->monotonic_ns() >= state_->deadline_ns) {
    return Error(Code::kTimeout, "query timed out in expression evaluation");
  }
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
