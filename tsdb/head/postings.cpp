// Postings lists and their algebra.
#include "tsdb/head/postings.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace narthex::tsdb {
namespace {

constexpr std::size_t kGallopFactor = 32;  // tuned: sizes this far apart are searched, not merged
constexpr std::size_t kMergeListsMax = 8;  // tuned: more lists go through a bitmap

void insert_sorted(SlotList& list, Slot slot) {
  if (list.empty() || list.back() < slot) {
    if (list.size() == list.capacity()) list.reserve(list.size() + list.size() / 4 + 4);
    list.push_back(slot);
    return;
  }
  const auto at = std::ranges::lower_bound(list, slot);
  if (at == list.end() || *at != slot) list.insert(at, slot);
}

// `few` is much shorter than `many`.
SlotList intersect_by_search(std::span<const Slot> few, std::span<const Slot> many) {
  SlotList out;
  auto from = many.begin();
  for (const Slot slot : few) {
    from = std::lower_bound(from, many.end(), slot);
    if (from == many.end()) break;
    if (*from == slot) out.push_back(slot);
  }
  return out;
}

}  // namespace

void Postings::add(std::uint32_t pair, Slot slot) {
  if (pair >= entries_.size()) {
    if (pair >= entries_.capacity()) entries_.reserve(pair + pair / 4 + 1024);
    entries_.resize(pair + 1);
  }
  Entry& entry = entries_[pair];
  if (entry.count < 2) {
    entry.slots[entry.count++] = slot;
    if (entry.count == 2 && entry.slots[0] > entry.slots[1])
      std::swap(entry.slots[0], entry.slots[1]);
    return;
  }
  if (entry.count == 2) {
    lists_.push_back({entry.slots[0], entry.slots[1]});
    entry.slots[0] = static_cast<Slot>(lists_.size() - 1);
  }
  insert_sorted(lists_[entry.slots[0]], slot);
  ++entry.count;
}

std::span<const Slot> Postings::of(std::uint32_t pair) const {
  if (pair >= entries_.size()) return {};
  const Entry& entry = entries_[pair];
  if (entry.count <= 2) return {entry.slots, entry.count};
  return lists_[entry.slots[0]];
}

std::size_t Postings::bytes() const {
  std::size_t total = entries_.capacity() * sizeof(Entry) + lists_.capacity() * sizeof(SlotList);
  for (const SlotList& list : lists_) total += list.capacity() * sizeof(Slot);
  return total;
}

SlotList intersect(std::span<const Slot> a, std::span<const Slot> b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (a.size() * kGallopFactor < b.size()) return intersect_by_search(a, b);
  SlotList out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

SlotList subtract(std::span<const Slot> a, std::span<const Slot> b) {
  SlotList out;
  std::ranges::set_difference(a, b, std::back_inserter(out));
  return out;
}

SlotList unite(const std::vector<std::span<const Slot>>& lists, std::size_t slot_limit) {
  if (lists.size() > kMergeListsMax) {
    SlotBitmap bitmap(slot_limit);
    for (const auto& list : lists) bitmap.add(list);
    return bitmap.slots();
  }
  SlotList out;
  for (const auto& list : lists) {
    SlotList merged;
    merged.reserve(out.size() + list.size());
    std::ranges::set_union(out, list, std::back_inserter(merged));
    out = std::move(merged);
  }
  return out;
}

void SlotBitmap::add(std::span<const Slot> list) {
  if (list.empty()) return;
  const std::size_t needed = list.back() / 64 + 1;
  if (needed > words_.size()) words_.resize(std::max(needed, words_.size() * 2));
  for (const Slot slot : list) words_[slot >> 6] |= std::uint64_t{1} << (slot & 63);
}

SlotList SlotBitmap::slots() const {
  SlotList out;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
      out.push_back(static_cast<Slot>(i * 64 + static_cast<std::size_t>(std::countr_zero(word))));
    }
  }
  return out;
}

}  // namespace narthex::tsdb
