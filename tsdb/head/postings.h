// For each label pair the slots of its series, ascending: none, up to two inline, or a list. Not
// thread-safe: the registry guards it. Intersections and unions work on whole sorted arrays.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace narthex::tsdb {

using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xFFFFFFFF;
using SlotList = std::vector<Slot>;  // ascending, no repeats

class Postings {
 public:
  /// Mostly called with ascending slots; others are put in their place.
  void add(std::uint32_t pair, Slot slot);
  /// Valid until the next add().
  std::span<const Slot> of(std::uint32_t pair) const;
  std::size_t bytes() const;

 private:
  struct Entry {
    std::uint32_t count = 0;  // 0, 1, 2: inline; more: slots[0] is an index into lists_
    Slot slots[2] = {0, 0};
  };
  std::vector<Entry> entries_;
  std::vector<SlotList> lists_;
};

/// In both.
SlotList intersect(std::span<const Slot> a, std::span<const Slot> b);
/// In `a` and not in `b`.
SlotList subtract(std::span<const Slot> a, std::span<const Slot> b);
/// In any; `slot_limit` is above every slot.
SlotList unite(const std::vector<std::span<const Slot>>& lists, std::size_t slot_limit);

/// Gathers many lists, one after the other.
class SlotBitmap {
 public:
  /// `slot_limit` is a hint: slots above it only cost growing.
  explicit SlotBitmap(std::size_t slot_limit) : words_(slot_limit / 64 + 1) {}
  void add(std::span<const Slot> list);
  /// What is in any of them.
  SlotList slots() const;

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace narthex::tsdb
