// Units of time, and byte sizes as configuration writes them: 512MB, 10MiB, 1GiB512MiB, with powers
// of two behind both spellings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace narthex {

/// Clock::monotonic_ns() and deadlines count nanoseconds, sample times milliseconds.
inline constexpr std::int64_t kNsPerMs = 1'000'000;
inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// As metrics and log lines show a length of time.
constexpr double to_seconds(std::int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
}

/// Bytes of a size text, with sign and fractions: "1.5KB" is 1536. A unit is needed except for "0".
/// kInvalid with upstream's text otherwise, and from 9.2e18 bytes on.
Result<std::int64_t> parse_bytes(std::string_view text);

/// The shortest sum of whole units: 1536 is "1KiB512B", 0 is "0B".
std::string format_bytes(std::int64_t bytes);

}  // namespace narthex
