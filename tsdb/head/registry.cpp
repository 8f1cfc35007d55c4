// Creating and finding series.
#include "tsdb/head/registry.h"

#include <algorithm>
#include <cstring>
#include <limits>
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

Result<std::unique_ptr<SeriesRegistry>> SeriesRegistry::create(std::size_t series_max,
                                                               PageTable& pages) {
  NX_TRY_ASSIGN(SymbolTable symbols, SymbolTable::create());
  NX_TRY_ASSIGN(ReservedMemory labels, ReservedMemory::reserve(kLabelBytesMax));
  NX_TRY_ASSIGN(ReservedMemory refs, ReservedMemory::reserve(kSlotsMax * sizeof(SeriesRef)));
  NX_TRY_ASSIGN(ReservedMemory handles, ReservedMemory::reserve(kSlotsMax * sizeof(std::uint32_t)));
  return std::make_unique<SeriesRegistry>(
      Memory{std::move(symbols), std::move(labels), std::move(refs), std::move(handles)},
      series_max, pages);
}

SeriesRegistry::SeriesRegistry(Memory memory, std::size_t series_max, PageTable& pages)
    : memory_(std::move(memory)),
      series_max_(series_max == 0 ? kSlotsMax : series_max),
      pages_(pages) {}

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

// The slot of `labels` or kNoSlot; their pairs go to `out`, 0 for those that are new. A second call
// looks up only these.
Slot SeriesRegistry::find_locked(const model::Labels& labels, std::vector<PairId>& out) const {
  bool all_known = true;
  std::size_t i = 0;
  for (const auto [name, value] : labels) {
    if (i == out.size()) out.push_back(0);
    if (out[i] == 0) out[i] = memory_.symbols.find_pair(name, value);
    all_known = all_known && out[i] != 0;
    ++i;
  }
  return all_known ? find_pairs_locked(out, hash_pairs(out)) : kNoSlot;
}

Slot SeriesRegistry::find_pairs_locked(std::span<const PairId> wanted, std::uint32_t hash) const {
  const std::uint32_t known = index_.find(
      hash, [&](std::uint32_t id) { return std::ranges::equal(pairs(id - 1), wanted); });
  return known == 0 ? kNoSlot : known - 1;
}

PairId SeriesRegistry::intern_locked(std::string_view name, std::string_view value) {
  bool is_new = false;
  const PairId id = memory_.symbols.intern_pair(name, value, is_new);
  if (!is_new) return id;
  const Symbol symbol = memory_.symbols.pair(id).name;
  const auto [at, first] = name_index_.try_emplace(symbol, names_.size());
  if (first) names_.push_back({symbol, {}});
  names_[at->second].second.push_back(id);
  return id;
}

SeriesRegistry::Run& SeriesRegistry::run_locked() {
  return runs_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % runs_.size()];
}

// Everything that can be refused is asked for before anything is kept.
Result<void> SeriesRegistry::make_room_locked(const model::Labels& labels) {
  const auto full = [](Error error) { return std::move(error).with("no room for a new series"); };
  const std::size_t pairs_max = labels.data().size() / kPairBytesMin;
  if (Result<void> room = memory_.symbols.make_room(labels); !room) return full(room.error());
  const std::size_t label_bytes = (next_label_ + pairs_max + 1) * sizeof(PairId);
  if (Result<void> room = memory_.labels.commit(label_bytes); !room) return full(room.error());
  Run& run = run_locked();
  if (run.next != run.end) return {};
  const Slot first = next_page_slot_.load(std::memory_order_relaxed);
  const Slot end = first + kPageSeries;
  if (end > kSlotsMax) return Error(Code::kLimit, "no room for a new series: all slots are used");
  if (Result<void> room = pages_.commit(end); !room) return full(room.error());
  for (auto [memory, bytes] : {std::pair(&memory_.refs, sizeof(SeriesRef)),
                               std::pair(&memory_.handles, sizeof(std::uint32_t))}) {
    if (Result<void> room = memory->commit(end * bytes); !room) return full(room.error());
  }
  run = {first, end};
  next_page_slot_.store(end, std::memory_order_release);
  return {};
}

// There is room, and no series of these pairs.
Slot SeriesRegistry::add_locked(std::span<const PairId> wanted, std::uint32_t hash, SeriesRef ref) {
  const Slot slot = run_locked().next++;
  auto* at = reinterpret_cast<std::uint32_t*>(memory_.labels.data()) + next_label_;
  *at = static_cast<std::uint32_t>(wanted.size());
  std::memcpy(at + 1, wanted.data(), wanted.size_bytes());
  handles()[slot] = static_cast<std::uint32_t>(next_label_);
  next_label_ += wanted.size() + 1;
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
  const Slot known = find_locked(labels, wanted);  // another writer may have come between
  if (known != kNoSlot) return known;
  if (slots_.size() >= series_max_) {
    return Error(Code::kLimit, concat("head series limit of ", series_max_, " reached"));
  }
  if (last_ref_ == std::numeric_limits<SeriesRef>::max()) {
    return Error(Code::kLimit, "no room for a new series: all references are used");
  }
  NX_TRY(make_room_locked(labels));
  std::size_t i = 0;
  for (const auto [name, value] : labels) {
    PairId& id = wanted[i++];
    if (id == 0) id = intern_locked(name, value);
  }
  const Slot slot = add_locked(wanted, hash_pairs(wanted), last_ref_ + 1);
  is_new = true;
  // Before anyone else can find the series and log a sample of it.
  const MutexLock unlogged(unlogged_mutex_);
  unlogged_.push_back(slot);
  return slot;
}

// In the order in which scrapes made them, so most pairs are those of the series before: a look at
// these costs two comparisons in memory just used, interning two hashes and three tables.
Result<Slot> SeriesRegistry::restore(const model::Labels& labels, SeriesRef ref) {
  const WriterLock lock(mutex_);
  const SymbolTable& symbols = memory_.symbols;
  std::size_t count = 0;
  NX_TRY(make_room_locked(labels));
  for (const auto [name, value] : labels) {
    if (count == restored_.size()) restored_.push_back(0);
    PairId& id = restored_[count++];
    const Pair before = symbols.pair(id);  // 0 is the pair of empty texts
    if (symbols.text(before.value) != value || symbols.text(before.name) != name) {
      id = intern_locked(name, value);
    }
  }
  restored_.resize(count);
  const std::uint32_t hash = hash_pairs(restored_);
  Slot slot = find_pairs_locked(restored_, hash);
  if (slot == kNoSlot) slot = add_locked(restored_, hash, ref);
  last_ref_ = std::max(last_ref_, ref);
  return slot;
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
