// Time comes in through Clock, so that tests can live through years in a moment.
// Everything that needs the time takes a Clock& in its constructor; nothing else reads the system's
// clocks.
#pragma once

#include <cstdint>

namespace narthex {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall time in milliseconds since 1970-01-01 UTC. May step in either direction.
  virtual std::int64_t now_ms() const = 0;

  /// Nanoseconds since an arbitrary moment; never steps back. For durations and deadlines.
  virtual std::int64_t monotonic_ns() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t now_ms() const override;
  std::int64_t monotonic_ns() const override;
};

}  // namespace narthex
