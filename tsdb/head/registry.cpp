// Creating and finding series.
#include "tsdb/head/registry.h"

#include <algorithm>
#include <cstring>
#include <thread>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/str.h"
#include "tsdb/head/series_hot.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kLabelBytesMax = std::size_t{16} << 30;  // u32 handles of 4 bytes
constexpr std::size_t kSlotsMax = std::size_t{1} << 30;        // 64 GiB of hot lines

std::uint32_t hash_pairs(std::span<const PairId> pairs) {
  return static_cast<std::uint32_t>(XXH3_64bits(pairs.data(), pairs.size_bytes()));
}

}  // namespace

Result<std::unique_ptr<SeriesRegistry>> SeriesRegistry::create(std::size_t series_max) {
  NX_TRY_ASSIGN(SymbolTable symbols, SymbolTable::create());
  NX_TRY_ASSIGN(ReservedMemory labels, ReservedMemory::reserve(kLabelBytesMax));
  NX_TRY_ASSIGN(ReservedMemory refs, ReservedMemory::reserve(kSlotsMax * sizeof(SeriesRef)));
  NX_TRY_ASSIGN(ReservedMemory handles, ReservedMemory::reserve(kSlotsMax * sizeof(std::uint32_t)));
  return std::make_unique<SeriesRegistry>(
      Memory{std::move(symbols), std::move(labels), std::move(refs), std::move(handles)},
      series_max);
}

SeriesRegistry::SeriesRegistry(Memory memory, std::size_t series_max)
    : memory_(std::move(memory)),
      series_max_(series_max == 0 ? kSlotsMax : std::min(series_max, kSlotsMax)) {}

std::span<const PairId> SeriesRegistry::pairs(Slot slot) const {
  const auto* at = reinterpret_cast<const std::uint32_t*>(memory_.labels.data()) + handles()[slot];
  return {at + 1, *at};
}

model::Labels SeriesRegistry::labels(Slot slot) const {
  std::vector<model::LabelView> views;
  for (const PairId id : pairs(slot)) {
    const Pair pair = memory_.symbols.pair(id);
    views.push_back({memory_.symbols.text(pair.name), memory_.symbols.text(pair.value)});
  }
  return model::Labels::from_sorted(views);
}

PairId SeriesRegistry::pair_of(Slot slot, Symbol name) const {
  for (const PairId id : pairs(slot)) {
    if (memory_.symbols.pair(id).name == name) return id;
  }
  return 0;
}

// The slot of `labels` or kNoSlot; their pairs go to `out`, 0 for those that are new.
Slot SeriesRegistry::find_locked(const model::Labels& labels, std::vector<PairId>& out) const {
  out.clear();
  bool all_known = true;
  for (const auto [name, value] : labels) {
    out.push_back(memory_.symbols.find_pair(name, value));
    all_known = all_known && out.back() != 0;
  }
  if (!all_known) return kNoSlot;
  const std::uint32_t known = index_.find(
      hash_pairs(out), [&](std::uint32_t id) { return std::ranges::equal(pairs(id - 1), out); });
  return known == 0 ? kNoSlot : known - 1;
}

// Makes the pairs that find_locked() did not know.
bool SeriesRegistry::intern_locked(const model::Labels& labels, std::vector<PairId>& out) {
  std::size_t i = 0;
  for (const auto [name, value] : labels) {
    PairId& id = out[i++];
    if (id != 0) continue;
    bool is_new = false;
    id = memory_.symbols.intern_pair(name, value, is_new);
    if (id == 0) return false;
    if (!is_new) continue;
    const Symbol symbol = memory_.symbols.pair(id).name;
    const auto [at, first] = name_index_.try_emplace(symbol, names_.size());
    if (first) names_.push_back({symbol, {}});
    names_[at->second].second.push_back(id);
  }
  return true;
}

Slot SeriesRegistry::next_slot_locked() {
  Run& run = runs_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % runs_.size()];
  if (run.next == run.end) {
    run = {next_page_slot_, next_page_slot_ + kPageSeries};
    next_page_slot_ += kPageSeries;
  }
  return run.next++;
}

// `wanted` is what find_locked() found; another writer may have come between.
Result<Slot> SeriesRegistry::add_locked(const model::Labels& labels, std::vector<PairId>& wanted,
                                        SeriesRef ref, bool& is_new) {
  if (!intern_locked(labels, wanted)) return Error(Code::kLimit, "label arena is full");
  const std::uint32_t hash = hash_pairs(wanted);
  const std::uint32_t known = index_.find(
      hash, [&](std::uint32_t id) { return std::ranges::equal(pairs(id - 1), wanted); });
  is_new = known == 0;
  if (!is_new) return known - 1;

  if (slots_.size() >= series_max_) {
    return Error(Code::kLimit, concat("head series limit of ", series_max_, " reached"));
  }
  if ((next_label_ + wanted.size() + 1) * sizeof(PairId) > memory_.labels.size()) {
    return Error(Code::kLimit, "label arena is full");
  }
  const Slot slot = next_slot_locked();
  auto* at = reinterpret_cast<std::uint32_t*>(memory_.labels.data()) + next_label_;
  *at = static_cast<std::uint32_t>(wanted.size());
  std::memcpy(at + 1, wanted.data(), wanted.size() * sizeof(PairId));
  handles()[slot] = static_cast<std::uint32_t>(next_label_);
  next_label_ += wanted.size() + 1;
  if (ref == 0) ref = last_ref_ + 1;
  last_ref_ = std::max(last_ref_, ref);
  refs()[slot] = ref;
  index_.insert(hash, slot + 1);
  for (const PairId id : wanted) postings_.add(id, slot);
  const auto place = slots_.empty() || slots_.back() < slot
                         ? slots_.end()
                         : std::ranges::lower_bound(slots_, slot);
  if (slots_.size() == slots_.capacity()) {
    const auto offset = place - slots_.begin();
    slots_.reserve(slots_.size() + slots_.size() / 4 + 1024);
    slots_.insert(slots_.begin() + offset, slot);
  } else {
    slots_.insert(place, slot);
  }
  return slot;
}

Result<Slot> SeriesRegistry::resolve(const model::Labels& labels, bool& is_new) {
  std::vector<PairId> wanted;
  is_new = false;
  {
    const ReaderLock lock(mutex_);
    const Slot known = find_locked(labels, wanted);
    if (known != kNoSlot) return known;
  }
  const WriterLock lock(mutex_);
  Result<Slot> slot = add_locked(labels, wanted, 0, is_new);
  if (slot && is_new) {
    // Before anyone else can find the series and log a sample of it.
    const MutexLock unlogged(unlogged_mutex_);
    unlogged_.push_back(*slot);
  }
  return slot;
}

Result<Slot> SeriesRegistry::restore(const model::Labels& labels, SeriesRef ref) {
  const WriterLock lock(mutex_);
  bool is_new = false;
  std::vector<PairId> wanted;
  const Slot known = find_locked(labels, wanted);
  Result<Slot> slot = known;
  if (known == kNoSlot) slot = add_locked(labels, wanted, ref, is_new);
  last_ref_ = std::max(last_ref_, ref);
  return slot;
}

std::vector<Slot> SeriesRegistry::take_unlogged() {
  const MutexLock lock(unlogged_mutex_);
  return std::exchange(unlogged_, {});
}

void SeriesRegistry::return_unlogged(std::vector<Slot> slots) {
  const MutexLock lock(unlogged_mutex_);
  slots.insert(slots.end(), unlogged_.begin(), unlogged_.end());
  unlogged_ = std::move(slots);
}

}  // namespace narthex::tsdb
