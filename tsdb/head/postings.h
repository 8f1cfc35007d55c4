// Which series have a label pair: for each pair a list of slots, which readers walk without a lock
// while one writer changes it.
//
// Most pairs have one series or two: these stand in the list's one word. Others are cut by the
// upper bits of the slot into containers of up to 65,536 slots, as roaring bitmaps are: the lower
// 16 bits, ascending in an array up to 4,096 of them, a bitmap of 8 KiB beyond. So what is dense (a
// job, the name of a metric that everything has) costs an eighth of a byte a series, and no change
// copies more than 8 KiB, whatever the length of the list.
//
// Slots mostly come ascending: then the writer appends and publishes the new size. An insertion in
// between, a removal and growth make a new container that takes the place of the old one, whose
// memory waits for its readers (retired_memory.h). Bitmaps are changed in place: a reader sees a
// slot or does not, which is all that is promised of what changes while it reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "tsdb/head/retired_memory.h"

namespace narthex::tsdb {

using Slot = std::uint32_t;  // below kSlotsMax
inline constexpr Slot kNoSlot = 0xFFFFFFFF;
inline constexpr std::size_t kSlotsMax = std::size_t{1} << 30;  // 64 GiB of hot lines
using SlotList = std::vector<Slot>;                             // ascending, no repeats

class SlotBitmap;

/// 8 bytes; all of them zero: no slots. Writers take turns; readers hold an EpochGuard of the
/// RetiredMemory's epochs.
class PostingList {
 public:
  PostingList() = default;
  ~PostingList();
  PostingList(const PostingList&) = delete;
  PostingList& operator=(const PostingList&) = delete;

  /// `slot` is not there yet.
  void add(Slot slot, RetiredMemory& retired);
  /// Those of `slots`, ascending, that are there.
  void remove(std::span<const Slot> slots, RetiredMemory& retired);

  std::size_t size() const;
  /// All of them, behind what is in `out`.
  void append_to(SlotList& out) const;
  /// Those of `slots`, ascending, that are there.
  SlotList intersect(std::span<const Slot> slots) const;
  void add_to(SlotBitmap& bitmap) const;
  /// Of the list, beside its word.
  std::size_t bytes() const;

 private:
  class Container;
  struct Directory;
  static Directory* directory_of(std::uint64_t word);
  void add_to_directory(Slot slot, RetiredMemory& retired);

  std::atomic<std::uint64_t> word_{0};
};

/// In both.
SlotList intersect(std::span<const Slot> a, std::span<const Slot> b);
/// In `a` and not in `b`.
SlotList subtract(std::span<const Slot> a, std::span<const Slot> b);

/// Gathers many lists, one after the other.
class SlotBitmap {
 public:
  /// `slot_limit` is a hint: slots above it only cost growing.
  explicit SlotBitmap(std::size_t slot_limit) : words_(slot_limit / 64 + 1) {}
  void add(Slot slot) {
    if (slot / 64 >= words_.size()) grow(slot / 64 + 1);
    words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  /// The 64 slots from `first` on, a multiple of 64, whose bit is set.
  void add_word(Slot first, std::uint64_t bits) {
    if (bits == 0) return;
    if (first / 64 >= words_.size()) grow(first / 64 + 1);
    words_[first / 64] |= bits;
  }
  /// What is in any of them.
  SlotList slots() const;

 private:
  void grow(std::size_t words);
  std::vector<std::uint64_t> words_;
};

}  // namespace narthex::tsdb
