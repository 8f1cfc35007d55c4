// Epoch slots.
#include "tsdb/head/epochs.h"

#include <algorithm>
#include <functional>
#include <thread>

namespace narthex::tsdb {

std::uint64_t Epochs::oldest_reader() const {
  std::uint64_t oldest = epoch_.load(std::memory_order_seq_cst) + 1;
  for (const Slot& slot : slots_) {
    const std::uint64_t epoch = slot.epoch.load(std::memory_order_seq_cst);
    if (epoch != kIdle) oldest = std::min(oldest, epoch);
  }
  return oldest;
}

EpochGuard::EpochGuard(Epochs& epochs) : slot_(nullptr) {
  std::size_t at = std::hash<std::thread::id>{}(std::this_thread::get_id()) % kEpochReadersMax;
  for (;; at = (at + 1) % kEpochReadersMax) {
    std::uint64_t idle = Epochs::kIdle;
    const std::uint64_t now = epochs.epoch_.load(std::memory_order_seq_cst);
    if (epochs.slots_[at].epoch.compare_exchange_strong(idle, now, std::memory_order_seq_cst))
      break;
  }
  slot_ = &epochs.slots_[at];
}

EpochGuard::~EpochGuard() {
  slot_->epoch.store(Epochs::kIdle, std::memory_order_release);
}

}  // namespace narthex::tsdb
