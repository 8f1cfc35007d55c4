// Milliseconds and Prometheus' duration text (1h30m, 5s, 100ms).
//
// Times and durations come from requests, rules and configuration at the ends of their types:
// `start=-9223372036854775` is a valid time. Sums of them are made by the functions below, which
// stop at the ends of the range instead of passing them (signed overflow is undefined); tests/tidy
// looks for bare + and - on such values where they enter.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace narthex::model {

/// Milliseconds since 1970-01-01 UTC. A range of them is [min, max] in storage.
using TimeMs = std::int64_t;
/// A length of time in milliseconds.
using DurationMs = std::int64_t;

/// `time` + `length`, held at the ends of 64 bits.
constexpr TimeMs add_time(TimeMs time, DurationMs length) {
  TimeMs sum = 0;
  if (!__builtin_add_overflow(time, length, &sum)) return sum;
  return length < 0 ? std::numeric_limits<TimeMs>::min() : std::numeric_limits<TimeMs>::max();
}

/// `time` - `length`, held at the ends of 64 bits.
constexpr TimeMs subtract_time(TimeMs time, DurationMs length) {
  TimeMs difference = 0;
  if (!__builtin_sub_overflow(time, length, &difference)) return difference;
  return length < 0 ? std::numeric_limits<TimeMs>::max() : std::numeric_limits<TimeMs>::min();
}

/// From `start` to `end`, negative when `end` is earlier, held at the ends of 64 bits.
constexpr DurationMs time_between(TimeMs start, TimeMs end) {
  return subtract_time(end, start);
}

/// How many of start, start + step, ... are not after `end`; exact for all arguments. `step` > 0.
constexpr std::uint64_t count_steps(TimeMs start, TimeMs end, DurationMs step) {
  if (end < start) return 0;
  const std::uint64_t span = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start);
  const std::uint64_t whole = span / static_cast<std::uint64_t>(step);
  return whole == std::numeric_limits<std::uint64_t>::max() ? whole : whole + 1;
}

/// `length` in nanoseconds, held at the ends of 64 bits.
constexpr std::int64_t to_nanoseconds(DurationMs length) {
  std::int64_t product = 0;
  if (!__builtin_mul_overflow(length, kNsPerMs, &product)) return product;
  return length < 0 ? std::numeric_limits<std::int64_t>::min()
                    : std::numeric_limits<std::int64_t>::max();
}

/// `value` cut to whole milliseconds; the ends of 64 bits for what lies beyond, 0 for NaN.
TimeMs to_time(double value);

/// Digits and units y w d h m s ms, largest first, each once; "0" alone is allowed. kInvalid with
/// upstream's text otherwise, or when it overflows 63 bits of nanoseconds.
Result<DurationMs> parse_duration(std::string_view text);

/// The shortest such text, as upstream's model.Duration prints: 90s is "1m30s", 0 is "0s".
std::string format_duration(DurationMs duration);

/// `2026-01-02T03:04:05.678Z`, always with milliseconds.
std::string format_rfc3339_ms(TimeMs time);
/// Go's RFC3339Nano: trailing zeros of the fraction trimmed.
std::string format_rfc3339(TimeMs time);
/// RFC 3339 as Go's time.Parse takes it: year to second, a fraction (cut to milliseconds), "Z" or
/// an offset. One digit is enough for the hour; a leap second is refused. kInvalid otherwise.
Result<TimeMs> parse_rfc3339(std::string_view text);

}  // namespace narthex::model
