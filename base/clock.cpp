// The only file that reads the system's clocks.
#include "base/clock.h"

#include <ctime>

#include "base/units.h"

namespace narthex {
namespace {

std::int64_t read_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

}  // namespace

std::int64_t SystemClock::now_ms() const {
  return read_ns(CLOCK_REALTIME) / kNsPerMs;
}
std::int64_t SystemClock::monotonic_ns() const {
  return read_ns(CLOCK_MONOTONIC);
}

}  // namespace narthex
