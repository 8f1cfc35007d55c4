// Epoch-based reclamation: memory that readers may still look at is reused only after all of them
// have left. A reader holds an EpochGuard while it touches handles; a writer retires what it
// replaced. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace narthex::tsdb {

inline constexpr std::size_t kEpochReadersMax =
    512;  // tuned: more than queries and appenders together can be

class Epochs {
 public:
  /// The epoch now; what is retired now may be reused once oldest_reader() is above it.
  std::uint64_t current() const { return epoch_.load(std::memory_order_acquire); }
  /// Starts the next epoch and returns the one that ended.
  std::uint64_t advance() { return epoch_.fetch_add(1, std::memory_order_acq_rel); }
  /// The smallest epoch a reader may still be in; current() + 1 when there is none.
  std::uint64_t oldest_reader() const;

 private:
  friend class EpochGuard;
  static constexpr std::uint64_t kIdle = 0;

  struct alignas(64) Slot {
    std::atomic<std::uint64_t> epoch{
        kIdle};  // seq_cst with epoch_: a reader's entry is seen before its reads
  };

  std::atomic<std::uint64_t> epoch_{1};
  std::array<Slot, kEpochReadersMax> slots_;
};

/// Keeps everything reachable at its construction alive. Not for long: memory waits for it.
class EpochGuard {
 public:
  explicit EpochGuard(Epochs& epochs);
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;
  ~EpochGuard();

 private:
  Epochs::Slot* slot_;
};

}  // namespace narthex::tsdb
