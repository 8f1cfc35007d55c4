// FakeClock.
#include "tests/support/fake_clock.h"

#include "base/units.h"

namespace narthex::test {

std::int64_t FakeClock::now_ms() const {
  return now_ms_.load(std::memory_order_relaxed);
}
std::int64_t FakeClock::monotonic_ns() const {
  return now_ms() * kNsPerMs;
}
void FakeClock::advance_ms(std::int64_t ms) {
  now_ms_.fetch_add(ms, std::memory_order_relaxed);
}

}  // namespace narthex::test
