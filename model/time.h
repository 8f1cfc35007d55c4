// Milliseconds and Prometheus' duration text (1h30m, 5s, 100ms).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace narthex::model {

/// Milliseconds since 1970-01-01 UTC. A range of them is [min, max] in storage.
using TimeMs = std::int64_t;
/// A length of time in milliseconds.
using DurationMs = std::int64_t;

/// Digits and units y w d h m s ms, largest first, each once; "0" alone is allowed. kInvalid with
/// upstream's text otherwise, or when it overflows 63 bits of nanoseconds.
Result<DurationMs> parse_duration(std::string_view text);

/// The shortest such text, as upstream's model.Duration prints: 90s is "1m30s", 0 is "0s".
std::string format_duration(DurationMs duration);

/// `2026-01-02T03:04:05.678Z`, always with milliseconds.
std::string format_rfc3339_ms(TimeMs time);
/// Go's RFC3339Nano: trailing zeros of the fraction trimmed.
std::string format_rfc3339(TimeMs time);
/// RFC 3339 with optional fraction (rounded to ms) and offset. kInvalid otherwise.
Result<TimeMs> parse_rfc3339(std::string_view text);

}  // namespace narthex::model
