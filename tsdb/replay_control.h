// What surrounds the replay of the WAL when a store opens: who may end it early, and who watches.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/parallel.h"

namespace narthex::tsdb {

/// How far a replay has come, in segment numbers: those of the first (a checkpoint counts as the
/// last segment it covers), of the one that will be written next, and of the one read last.
/// Thread-safe.
struct ReplayProgress {
  std::atomic<std::uint32_t> first{0};  // relaxed, like the others: shown to people only
  std::atomic<std::uint32_t> last{0};
  std::atomic<std::uint32_t> current{0};
};

/// A replay checks `stop` now and then and ends with its error; without progress nobody watches.
struct ReplayControl {
  StopToken stop = {};
  ReplayProgress* progress = nullptr;  // outlives the replay
};

}  // namespace narthex::tsdb
