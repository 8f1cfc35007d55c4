// Slots of open commits and readers.
#include "tsdb/head/isolation.h"

#include <algorithm>
#include <functional>
#include <span>
#include <thread>

namespace narthex::tsdb {
namespace {

// Segments are far below 4 GiB.
std::uint64_t pack(WalPosition position) {
  return std::uint64_t{position.segment} << 32 | position.offset;
}
WalPosition unpack(std::uint64_t packed) {
  return {.segment = static_cast<std::uint32_t>(packed >> 32), .offset = packed & 0xFFFFFFFF};
}

// Takes a free slot, starting at one that depends on the thread.
template <typename Slots>
auto* take_slot(Slots& slots, std::uint64_t free, std::uint64_t taken) {
  std::size_t at = std::hash<std::thread::id>{}(std::this_thread::get_id()) % slots.size();
  for (;; at = (at + 1) % slots.size()) {
    std::uint64_t expected = free;
    if (slots[at].value.compare_exchange_strong(expected, taken, std::memory_order_seq_cst)) {
      return &slots[at];
    }
    if (at + 1 == slots.size()) std::this_thread::yield();  // all taken: bounded by the pools' size
  }
}

// The slot's value once its owner has decided.
std::uint64_t settled(const std::atomic<std::uint64_t>& slot, std::uint64_t taken) {
  for (;;) {
    const std::uint64_t value = slot.load(std::memory_order_seq_cst);
    if (value != taken) return value;
    std::this_thread::yield();
  }
}

// The smallest id in `slots`, or `lowest` when that is smaller.
template <typename Slots>
std::uint64_t lowest_id(const Slots& slots, std::uint64_t taken, std::uint64_t base,
                        std::uint64_t lowest) {
  for (const auto& slot : slots) {
    const std::uint64_t value = settled(slot.value, taken);
    if (value >= base) lowest = std::min(lowest, value - base);
  }
  return lowest;
}

}  // namespace

bool ReadSnapshot::sees(std::uint64_t append_id) const {
  if (append_id >= next) return false;
  const auto ids = std::span(open).first(open_count);
  return std::ranges::find(ids, append_id) == ids.end();
}

std::uint64_t ReadSnapshot::low() const {
  const auto ids = std::span(open).first(open_count);
  return ids.empty() ? next : std::min(next, *std::ranges::min_element(ids));
}

// The horizon: open commits are looked at before readers. A commit that had ended by then is open
// to no reader that comes later; a reader that came in between is found among the readers.
Isolation::Commit::Commit(Isolation& isolation, WalPosition from)
    : slot_(take_slot(isolation.appends_, kFree, kTaken)),
      id_(isolation.next_.fetch_add(1, std::memory_order_seq_cst)),
      horizon_(id_) {
  slot_->from.store(pack(from), std::memory_order_seq_cst);
  slot_->value.store(kIdBase + id_, std::memory_order_seq_cst);
  horizon_ = lowest_id(isolation.appends_, kTaken, kIdBase, horizon_);
  horizon_ = lowest_id(isolation.readers_, kTaken, kIdBase, horizon_);
}

Isolation::Commit::~Commit() {
  slot_->value.store(kFree, std::memory_order_seq_cst);
}

std::optional<WalPosition> Isolation::oldest_open() const {
  std::optional<WalPosition> oldest;
  for (const Slot& slot : appends_) {
    const std::uint64_t value = settled(slot.value, kTaken);
    const WalPosition from = unpack(slot.from.load(std::memory_order_seq_cst));
    // Another commit may have come to the slot meanwhile: a later one, whose place is later.
    if (value != kFree && (!oldest || from < *oldest)) oldest = from;
  }
  return oldest;
}

Isolation::Reader::Reader(Isolation& isolation)
    : slot_(take_slot(isolation.readers_, kFree, kTaken)) {
  snapshot_.next = isolation.next_.load(std::memory_order_seq_cst);
  for (const Slot& slot : isolation.appends_) {
    const std::uint64_t value = settled(slot.value, kTaken);
    if (value == kFree) continue;
    const std::uint64_t id = value - kIdBase;
    if (id < snapshot_.next) snapshot_.open[snapshot_.open_count++] = id;
  }
  slot_->value.store(kIdBase + snapshot_.low(), std::memory_order_seq_cst);
}

Isolation::Reader::~Reader() {
  slot_->value.store(kFree, std::memory_order_seq_cst);
}

}  // namespace narthex::tsdb
