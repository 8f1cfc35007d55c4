// Creating and finding series.
#include "tsdb/head/registry.h"

#include <algorithm>
#include <cstring>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kLabelBytesMax = std::size_t{16} << 30;  // u32 handles of 4 bytes
std::uint32_t hash_pairs(std::span<const PairId> pairs) {
  return static_cast<std::uint32_t>(XXH3_64bits(pairs.data(), pairs.size_bytes()));
}

}  // namespace

Result<std::unique_ptr<SeriesRegistry>> SeriesRegistry::create(std::size_t series_max,
                                                               PageTable& pages,
                                                               HeadEpochs& epochs) {
  NX_TRY_ASSIGN(auto symbols, SymbolTable::create(epochs.reads, epochs.holds));
  NX_TRY_ASSIGN(ReservedMemory labels, ReservedMemory::reserve(kLabelBytesMax));
  NX_TRY_ASSIGN(ReservedMemory refs, ReservedMemory::reserve(kSlotsMax * sizeof(SeriesRef)));
  NX_TRY_ASSIGN(ReservedMemory handles, ReservedMemory::reserve(kSlotsMax * sizeof(std::uint32_t)));
  return std::make_unique<SeriesRegistry>(
      Memory{std::move(symbols), std::move(labels), std::move(refs), std::move(handles)},
      series_max, pages, epochs);
}

SeriesRegistry::SeriesRegistry(Memory memory, std::size_t series_max, PageTable& pages,
                               HeadEpochs& epochs)
    : memory_(std::move(memory)),
      series_max_(series_max == 0 ? kSlotsMax : series_max),
      pages_(pages),
      epochs_(epochs) {}

std::span<const PairId> SeriesRegistry::pairs(Slot slot) const {
  const std::uint32_t* at = label_array(handles()[slot]);
  return {at + 1, *at};
}

model::Labels SeriesRegistry::labels(Slot slot) const {
  std::vector<model::LabelView> views;
  for (const PairId id : pairs(slot)) {
    const Pair& pair = symbols().pair(id);
    views.push_back({symbols().text(pair.name), symbols().text(pair.value)});
  }
  return model::Labels::from_sorted(views);
}

PairId SeriesRegistry::pair_of(Slot slot, Symbol name) const {
  for (const PairId id : pairs(slot)) {
    if (symbols().pair(id).name == name) return id;
  }
  return 0;
}

model::SeriesHandle SeriesRegistry::handle_of(Slot slot) const {
  return {slot, pages_.control(slot).generation.load(std::memory_order_relaxed)};
}

// The slot of `labels` or kNoSlot; their pairs go to `out`, 0 for those that are new. A second call
// looks up only these.
Slot SeriesRegistry::find_labels(const model::Labels& labels, std::vector<PairId>& out) const {
  bool all_known = true;
  std::size_t i = 0;
  for (const auto [name, value] : labels) {
    if (i == out.size()) out.push_back(0);
    if (out[i] == 0) out[i] = symbols().find_pair(name, value);
    all_known = all_known && out[i] != 0;
    ++i;
  }
  return all_known ? find_pairs(out, hash_pairs(out)) : kNoSlot;
}

Slot SeriesRegistry::find_pairs(std::span<const PairId> wanted, std::uint32_t hash) const {
  const std::uint32_t known = index_.find(
      hash, [&](std::uint32_t id) { return std::ranges::equal(pairs(id - 1), wanted); });
  return known == 0 ? kNoSlot : known - 1;
}

// A page's first slot: of one that was emptied, or a new one.
Result<Slot> SeriesRegistry::take_page_locked() {
  if (!free_pages_.empty()) {
    const Slot first = free_pages_.back();
    free_pages_.pop_back();
    return first;
  }
  const Slot first = next_page_slot_.load(std::memory_order_relaxed);
  const Slot end = first + kPageSeries;
  if (end > kSlotsMax) return Error(Code::kLimit, "all slots are used");
  NX_TRY(pages_.commit(end));
  NX_TRY(memory_.refs.commit(end * sizeof(SeriesRef)));
  NX_TRY(memory_.handles.commit(end * sizeof(std::uint32_t)));
  next_page_slot_.store(end, std::memory_order_release);
  return first;
}

// Everything that can be refused is asked for before anything is kept.
Result<void> SeriesRegistry::make_room_locked(const model::Labels& labels,
                                              model::SeriesOwner owner) {
  const auto full = [](Error error) { return std::move(error).with("no room for a new series"); };
  const std::size_t pairs_max = labels.data().size() / kPairBytesMin;
  if (Result<void> room = symbols().make_room(labels); !room) return full(room.error());
  const std::size_t label_bytes = (next_label_ + pairs_max + 1) * sizeof(PairId);
  if (Result<void> room = memory_.labels.commit(label_bytes); !room) return full(room.error());
  if (runs_.has(owner)) return {};
  Result<Slot> page = take_page_locked();
  if (!page) return full(std::move(page).error());
  runs_.give(owner, *page);
  return {};
}

// The handle of an array of `pairs`.
std::uint32_t SeriesRegistry::store_labels_locked(std::span<const PairId> pairs) {
  auto handle = static_cast<std::uint32_t>(next_label_);
  if (const auto free = free_labels_.find(pairs.size()); free != free_labels_.end()) {
    handle = free->second.back();
    free->second.pop_back();
    if (free->second.empty()) free_labels_.erase(free);
  } else {
    next_label_ += pairs.size() + 1;
  }
  std::uint32_t* const at = label_array(handle);
  *at = static_cast<std::uint32_t>(pairs.size());
  std::memcpy(at + 1, pairs.data(), pairs.size_bytes());
  return handle;
}

// There is room, and no series of these pairs. What a slot stands for is written before it is in
// any list.
Slot SeriesRegistry::add_locked(std::span<const PairId> wanted, std::uint32_t hash, SeriesRef ref,
                                model::SeriesOwner owner) {
  const Slot slot = runs_.take(owner);
  handles()[slot] = store_labels_locked(wanted);
  last_ref_ = std::max(last_ref_, ref);
  std::atomic_ref(refs()[slot]).store(ref, std::memory_order_relaxed);
  index_.insert(hash, slot + 1, symbols().retired());
  symbols().add_series(wanted, slot);
  all_.add(slot, symbols().retired());
  return slot;
}

Result<model::SeriesHandle> SeriesRegistry::resolve(const model::Labels& labels,
                                                    model::SeriesOwner owner, bool& is_new) {
  const Guard guard(*this);  // so that no found slot is another's when its generation is read
  std::vector<PairId> wanted;
  is_new = false;
  if (const Slot known = find_labels(labels, wanted); known != kNoSlot) return handle_of(known);
  const MutexLock lock(mutex_);
  for (PairId& id : wanted) {
    if (id != 0 && symbols().pair(id).series.size() == 0) id = 0;  // it may have left the tables
  }
  if (const Slot known = find_labels(labels, wanted); known != kNoSlot) return handle_of(known);
  if (all_.size() >= series_max_) {
    return Error(Code::kLimit, concat("head series limit of ", series_max_, " reached"));
  }
  if (last_ref_ == std::numeric_limits<SeriesRef>::max()) {
    return Error(Code::kLimit, "no room for a new series: all references are used");
  }
  NX_TRY(make_room_locked(labels, owner));
  std::size_t i = 0;
  for (const auto [name, value] : labels) {
    PairId& id = wanted[i++];
    if (id == 0) id = symbols().intern_pair(name, value);
  }
  const Slot slot = add_locked(wanted, hash_pairs(wanted), last_ref_ + 1, owner);
  is_new = true;
  // Before anyone else can find the series and log a sample of it.
  const MutexLock unlogged(unlogged_mutex_);
  unlogged_.push_back(slot);
  return handle_of(slot);
}

// In the order in which scrapes made them, so most pairs are those of the series before: a look at
// these costs two comparisons in memory just used, interning two hashes and three tables.
Result<Slot> SeriesRegistry::restore(const model::Labels& labels, SeriesRef ref) {
  const MutexLock lock(mutex_);
  std::size_t count = 0;
  NX_TRY(make_room_locked(labels, model::kNoOwner));
  for (const auto [name, value] : labels) {
    if (count == restored_.size()) restored_.push_back(0);
    PairId& id = restored_[count++];
    const Pair& before = symbols().pair(id);  // 0 is the pair of empty texts
    if (symbols().text(before.value) != value || symbols().text(before.name) != name) {
      id = symbols().intern_pair(name, value);
    }
  }
  restored_.resize(count);
  const std::uint32_t hash = hash_pairs(restored_);
  Slot slot = find_pairs(restored_, hash);
  if (slot == kNoSlot) slot = add_locked(restored_, hash, ref, model::kNoOwner);
  last_ref_ = std::max(last_ref_, ref);
  return slot;
}

void SeriesRegistry::unlink(std::span<const Slot> slots) {
  if (slots.empty()) return;
  const MutexLock lock(mutex_);
  std::map<PairId, SlotList> by_pair;
  for (const Slot slot : slots) {
    index_.erase(hash_pairs(pairs(slot)), slot + 1);
    for (const PairId id : pairs(slot)) by_pair[id].push_back(slot);
  }
  for (const auto& [id, gone] : by_pair) symbols().remove_series(id, gone);
  all_.remove(slots, symbols().retired());
  restored_.clear();  // it may name pairs that leave
  {
    const MutexLock unlogged(unlogged_mutex_);
    std::erase_if(unlogged_, [&](Slot slot) { return std::ranges::binary_search(slots, slot); });
  }
  unlinked_.push_back({epochs_.holds.advance(), {slots.begin(), slots.end()}});
}

std::vector<Slot> SeriesRegistry::take_unheld() {
  const MutexLock lock(mutex_);
  const std::uint64_t oldest = epochs_.holds.oldest_reader();
  std::vector<Slot> out;
  while (!unlinked_.empty() && unlinked_.front().epoch < oldest) {
    const std::vector<Slot>& slots = unlinked_.front().slots;
    out.insert(out.end(), slots.begin(), slots.end());
    unlinked_.pop_front();
  }
  return out;
}

// Whether all of its page is empty now.
bool SeriesRegistry::give_back_locked(Slot slot) {
  free_labels_[pairs(slot).size()].push_back(handles()[slot]);
  const Slot first = slot - slot % kPageSeries;
  std::uint32_t& empty = emptied_[first];
  empty |= std::uint32_t{1} << (slot % kPageSeries);
  if (~empty != 0) return false;
  emptied_.erase(first);
  return true;
}

void SeriesRegistry::free_unused() {
  const MutexLock lock(mutex_);
  symbols().free_unused();
}

std::vector<Slot> SeriesRegistry::take_unlogged() {
  const MutexLock lock(unlogged_mutex_);
  return std::exchange(unlogged_, {});
}

void SeriesRegistry::return_unlogged(std::vector<Slot> slots) {
  const MutexLock lock(unlogged_mutex_);
  if (!unlogged_.empty()) slots.insert(slots.end(), unlogged_.begin(), unlogged_.end());
  unlogged_ = std::move(slots);
}

}  // namespace narthex::tsdb
