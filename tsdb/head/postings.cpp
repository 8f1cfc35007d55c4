// Words, containers, and the algebra of lists.
#include "tsdb/head/postings.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace narthex::tsdb {
namespace {

// A list's word: its upper two bits say how many slots of 30 bits stand in it, or that the rest is
// the address of a directory.
constexpr std::uint64_t kTagShift = 62;
constexpr std::uint64_t kSlotBits = 30;
constexpr std::uint64_t kSlotMask = (std::uint64_t{1} << kSlotBits) - 1;
constexpr std::uint64_t kInlineMax = 2;
constexpr std::uint64_t kDirectoryTag = 3;

constexpr std::size_t kContainerSlots = std::size_t{1} << 16;
constexpr std::size_t kArrayMax = 4096;  // fixed by arithmetic: more take less room as a bitmap
constexpr std::size_t kWords = kContainerSlots / 64;
constexpr std::size_t kGallopFactor = 32;  // tuned: sizes this far apart are searched, not merged

std::uint64_t tag_of(std::uint64_t word) {
  return word >> kTagShift;
}
std::uint64_t inline_word(std::span<const Slot> slots) {
  std::uint64_t word = std::uint64_t{slots.size()} << kTagShift;
  for (std::size_t i = 0; i < slots.size(); ++i) word |= std::uint64_t{slots[i]} << (i * kSlotBits);
  return word;
}

// The slots that stand in a word.
struct InlineSlots {
  explicit InlineSlots(std::uint64_t word)
      : slots{static_cast<Slot>(word & kSlotMask),
              static_cast<Slot>(word >> kSlotBits & kSlotMask)},
        count(tag_of(word)) {}
  std::span<const Slot> view() const { return {slots, count}; }
  Slot slots[kInlineMax];
  std::size_t count;
};

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

// Slots with the same upper bits: an array of the lower ones, or a bitmap.
class PostingList::Container {
 public:
  using Low = std::uint16_t;

  Container(std::uint32_t key, std::size_t capacity)
      : key_(key),
        capacity_(capacity),
        array_(capacity <= kArrayMax ? new Low[capacity] : nullptr),
        words_(capacity <= kArrayMax ? nullptr : new std::atomic<std::uint64_t>[kWords]()) {}

  std::uint32_t key() const { return key_; }
  std::size_t size() const { return size_.load(std::memory_order_acquire); }
  std::size_t bytes() const {
    return sizeof *this + (array_ ? capacity_ * sizeof(Low) : kWords * sizeof(std::uint64_t));
  }

  // Calls `f(slot)` for every slot, ascending.
  template <typename F>
  void for_each(F f) const {
    const Slot base = key_ << 16;
    if (array_) {
      const std::size_t count = size();
      for (std::size_t i = 0; i < count; ++i) f(base | array_[i]);
      return;
    }
    for (std::size_t w = 0; w < kWords; ++w) {
      for (std::uint64_t bits = word(w); bits != 0; bits &= bits - 1) {
        f(base | static_cast<Slot>(w * 64 + static_cast<std::size_t>(std::countr_zero(bits))));
      }
    }
  }
  void add_to(SlotBitmap& bitmap) const {
    if (array_) return for_each([&](Slot slot) { bitmap.add(slot); });
    for (std::size_t w = 0; w < kWords; ++w) {
      bitmap.add_word((key_ << 16) | static_cast<Slot>(w * 64), word(w));
    }
  }
  // Appends those of `slots` that are here; all of them have its key.
  void intersect(std::span<const Slot> slots, SlotList& out) const {
    if (array_) {
      const std::span<const Low> here(array_.get(), size());
      auto from = here.begin();
      for (const Slot slot : slots) {
        const Low low = static_cast<Low>(slot);
        if (slots.size() * kGallopFactor < here.size()) {
          from = std::lower_bound(from, here.end(), low);
        } else {
          while (from != here.end() && *from < low) ++from;
        }
        if (from == here.end()) return;
        if (*from == low) out.push_back(slot);
      }
      return;
    }
    for (const Slot slot : slots) {
      const Low low = static_cast<Low>(slot);
      if ((word(low / 64) >> (low % 64) & 1) != 0) out.push_back(slot);
    }
  }

  // False: it must be replaced.
  bool add_in_place(Low low) {
    const std::size_t count = size_.load(std::memory_order_relaxed);
    if (words_) {
      words_[low / 64].fetch_or(std::uint64_t{1} << (low % 64), std::memory_order_relaxed);
    } else {
      const bool is_last = count < capacity_ && (count == 0 || array_[count - 1] < low);
      if (!is_last) return false;
      array_[count] = low;
    }
    size_.store(count + 1, std::memory_order_release);
    return true;
  }
  // A copy with `low`, and room for more.
  std::unique_ptr<Container> with(Low low) const {
    const std::size_t count = size() + 1;
    const std::size_t capacity = count + count / 4 + 2;
    // At its end an array would otherwise grow by a quarter that cannot be used.
    auto out = std::make_unique<Container>(
        key_, count > kArrayMax ? kContainerSlots : std::min(capacity, kArrayMax));
    bool is_due = true;
    for_each([&](Slot slot) {
      const Low here = static_cast<Low>(slot);
      if (is_due && low < here) {
        out->add_in_place(low);
        is_due = false;
      }
      out->add_in_place(here);
    });
    if (is_due) out->add_in_place(low);
    return out;
  }
  // False: it must be replaced.
  bool remove_in_place(std::span<const Slot> slots) {
    if (array_) return false;
    std::size_t removed = 0;
    for (const Slot slot : slots) {
      const Low low = static_cast<Low>(slot);
      const std::uint64_t bit = std::uint64_t{1} << (low % 64);
      removed += (words_[low / 64].fetch_and(~bit, std::memory_order_relaxed) & bit) != 0 ? 1 : 0;
    }
    size_.store(size_.load(std::memory_order_relaxed) - removed, std::memory_order_release);
    return true;
  }
  std::unique_ptr<Container> without(std::span<const Slot> slots) const {
    auto out = std::make_unique<Container>(key_, std::max<std::size_t>(size(), 1));
    for_each([&](Slot slot) {
      if (!std::ranges::binary_search(slots, slot)) out->add_in_place(static_cast<Low>(slot));
    });
    return out;
  }

 private:
  std::uint64_t word(std::size_t w) const { return words_[w].load(std::memory_order_relaxed); }

  const std::uint32_t key_;
  const std::size_t capacity_;          // of the array
  std::atomic<std::size_t> size_{0};    // release: what it counts is there
  const std::unique_ptr<Low[]> array_;  // or
  const std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

// Containers by ascending key. It owns those that are in it when it is destroyed as the list's last
// one; a replaced directory owns nothing.
struct PostingList::Directory {
  explicit Directory(std::size_t count)
      : capacity(count), containers(new std::atomic<Container*>[count]()) {}

  std::span<std::atomic<Container*>> all() const {
    return {containers.get(), size.load(std::memory_order_acquire)};
  }
  // Where a container with this key is, or belongs.
  std::size_t find(std::uint32_t key) const {
    const auto key_of = [](const std::atomic<Container*>& c) {
      return c.load(std::memory_order_acquire)->key();
    };
    return static_cast<std::size_t>(std::ranges::lower_bound(all(), key, {}, key_of) -
                                    all().begin());
  }
  Container* at(std::size_t i) const { return containers[i].load(std::memory_order_acquire); }

  const std::size_t capacity;
  std::atomic<std::size_t> size{0};   // of containers; release: they are there
  std::atomic<std::size_t> slots{0};  // relaxed: of all of them
  const std::unique_ptr<std::atomic<Container*>[]> containers;
};

// Null: the slots stand in the word.
PostingList::Directory* PostingList::directory_of(std::uint64_t word) {
  if (tag_of(word) != kDirectoryTag) return nullptr;
  return reinterpret_cast<Directory*>(word & ~(kDirectoryTag << kTagShift));
}

PostingList::~PostingList() {
  const std::unique_ptr<Directory> last(directory_of(word_.load()));
  if (last == nullptr) return;
  for (std::atomic<Container*>& container : last->all()) delete container.load();
}

void PostingList::add(Slot slot, RetiredMemory& retired) {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (tag_of(word) == kDirectoryTag) return add_to_directory(slot, retired);
  const InlineSlots known(word);
  Slot all[kInlineMax + 1];
  std::ranges::copy(known.view(), all);
  all[known.count] = slot;
  const std::span<Slot> now(all, known.count + 1);
  std::ranges::sort(now);
  if (now.size() <= kInlineMax) {
    word_.store(inline_word(now), std::memory_order_release);
    return;
  }
  auto made = std::make_unique<Directory>(1);
  const auto address = reinterpret_cast<std::uint64_t>(made.get());
  PostingList whole;
  whole.word_.store(address | kDirectoryTag << kTagShift, std::memory_order_relaxed);
  made.release();
  for (const Slot one : now) whole.add_to_directory(one, retired);
  word_.store(whole.word_.exchange(0), std::memory_order_release);
}

void PostingList::add_to_directory(Slot slot, RetiredMemory& retired) {
  Directory* const known = directory_of(word_.load(std::memory_order_relaxed));
  const std::uint32_t key = slot >> 16;
  const auto low = static_cast<Container::Low>(slot);
  const std::size_t at = known->find(key);
  const std::size_t count = known->all().size();
  known->slots.fetch_add(1, std::memory_order_relaxed);
  if (at < count && known->at(at)->key() == key) {
    if (known->at(at)->add_in_place(low)) return;
    std::unique_ptr<Container> larger = known->at(at)->with(low);
    retired.add(std::unique_ptr<Container>(
        known->containers[at].exchange(larger.release(), std::memory_order_seq_cst)));
    return;
  }
  auto fresh = std::make_unique<Container>(key, 4);
  fresh->add_in_place(low);
  if (at == count && count < known->capacity) {
    known->containers[at].store(fresh.release(), std::memory_order_release);
    known->size.store(count + 1, std::memory_order_release);
    return;
  }
  auto larger = std::make_unique<Directory>(count + count / 4 + 1);
  for (std::size_t i = 0; i < count; ++i) larger->containers[i < at ? i : i + 1] = known->at(i);
  larger->containers[at] = fresh.release();
  larger->size = count + 1;
  larger->slots = known->slots.load(std::memory_order_relaxed);
  word_.store(reinterpret_cast<std::uint64_t>(larger.release()) | kDirectoryTag << kTagShift,
              std::memory_order_seq_cst);
  retired.add(std::unique_ptr<Directory>(known));
}

void PostingList::remove(std::span<const Slot> slots, RetiredMemory& retired) {
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  Directory* const known = directory_of(word);
  if (known == nullptr) {
    const InlineSlots here(word);
    word_.store(inline_word(subtract(here.view(), slots)), std::memory_order_release);
    return;
  }
  std::size_t left = 0;
  for (std::atomic<Container*>& place : known->all()) {
    Container* const container = place.load(std::memory_order_relaxed);
    const auto first = std::ranges::lower_bound(slots, container->key() << 16);
    const auto last = std::ranges::upper_bound(slots, container->key() << 16 | 0xFFFF);
    const std::span<const Slot> part(first, last);
    if (!part.empty() && !container->remove_in_place(part)) {
      std::unique_ptr<Container> smaller = container->without(part);
      place.store(smaller.release(), std::memory_order_seq_cst);
      retired.add(std::unique_ptr<Container>(container));
    }
    left += place.load(std::memory_order_relaxed)->size();
  }
  known->slots.store(left, std::memory_order_relaxed);
  if (left != 0) return;
  word_.store(0, std::memory_order_seq_cst);
  for (std::atomic<Container*>& place : known->all()) {
    retired.add(std::unique_ptr<Container>(place.load(std::memory_order_relaxed)));
  }
  retired.add(std::unique_ptr<Directory>(known));
}

std::size_t PostingList::size() const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Directory* const all = directory_of(word);
  return all == nullptr ? tag_of(word) : all->slots.load(std::memory_order_relaxed);
}

void PostingList::append_to(SlotList& out) const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Directory* const all = directory_of(word);
  if (all == nullptr) {
    const InlineSlots here(word);
    out.insert(out.end(), here.view().begin(), here.view().end());
    return;
  }
  out.reserve(out.size() + all->slots.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < all->all().size(); ++i) {
    all->at(i)->for_each([&out](Slot slot) { out.push_back(slot); });
  }
}

SlotList PostingList::intersect(std::span<const Slot> slots) const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Directory* const all = directory_of(word);
  if (all == nullptr) return tsdb::intersect(InlineSlots(word).view(), slots);
  SlotList out;
  while (!slots.empty()) {
    const std::uint32_t key = slots.front() >> 16;
    const auto end = std::ranges::upper_bound(slots, key << 16 | 0xFFFF);
    const std::span<const Slot> part(slots.begin(), end);
    slots = std::span(end, slots.end());
    const std::size_t at = all->find(key);
    if (at < all->all().size() && all->at(at)->key() == key) all->at(at)->intersect(part, out);
  }
  return out;
}

void PostingList::add_to(SlotBitmap& bitmap) const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  const Directory* const all = directory_of(word);
  if (all == nullptr) {
    for (const Slot slot : InlineSlots(word).view()) bitmap.add(slot);
    return;
  }
  for (std::size_t i = 0; i < all->all().size(); ++i) all->at(i)->add_to(bitmap);
}

std::size_t PostingList::bytes() const {
  const Directory* const all = directory_of(word_.load(std::memory_order_acquire));
  if (all == nullptr) return 0;
  std::size_t total = sizeof *all + all->capacity * sizeof(Container*);
  for (std::size_t i = 0; i < all->all().size(); ++i) total += all->at(i)->bytes();
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

void SlotBitmap::grow(std::size_t words) {
  words_.resize(std::max(words, words_.size() * 2));
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
