// Interning, and giving back what was interned.
#include "tsdb/head/symbols.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace narthex::tsdb {
namespace {

constexpr std::size_t kTextUnitBytes = 4;                     // symbols count these
constexpr std::size_t kTextBytesMax = std::size_t{16} << 30;  // u32 symbols of 4 bytes
constexpr std::size_t kPairBytesMax = sizeof(Pair) << 31;     // half of what u32 ids allow

// In front of a text: its length, and in the upper bits by how many pairs it is used. A symbol that
// was ever used by as many as can be counted stays for good: names of metrics' labels.
constexpr std::uint32_t kLengthBits = 24;
constexpr std::uint32_t kLengthMask = (std::uint32_t{1} << kLengthBits) - 1;
constexpr std::uint32_t kUseOne = std::uint32_t{1} << kLengthBits;
constexpr std::uint32_t kUsesMax = 255;
static_assert(model::kLabelTextBytesMax <= kLengthMask);

std::size_t units_of(std::size_t text_bytes) {
  return (sizeof(std::uint32_t) + text_bytes + kTextUnitBytes - 1) / kTextUnitBytes;
}

std::uint32_t hash_text(std::string_view text) {
  return static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size()));
}

std::uint32_t hash_symbols(Symbol name, Symbol value) {
  const std::uint64_t both = std::uint64_t{name} << 32 | value;
  return static_cast<std::uint32_t>((both * 0x9E3779B97F4A7C15ULL) >> 32);
}

std::uint32_t load_header(std::uint32_t& header) {
  return std::atomic_ref(header).load(std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<SymbolTable>> SymbolTable::create(Epochs& reads, Epochs& holds) {
  NX_TRY_ASSIGN(ReservedMemory texts, ReservedMemory::reserve(kTextBytesMax));
  NX_TRY_ASSIGN(ReservedMemory pairs, ReservedMemory::reserve(kPairBytesMax));
  NX_TRY(pairs.commit(sizeof(Pair)));  // id 0: the pair of empty texts
  NX_TRY(texts.commit(kTextUnitBytes));
  return std::make_unique<SymbolTable>(std::move(texts), std::move(pairs), reads, holds);
}

SymbolTable::SymbolTable(ReservedMemory texts, ReservedMemory pairs, Epochs& reads, Epochs& holds)
    : holds_(holds), retired_(reads), texts_(std::move(texts)), pair_memory_(std::move(pairs)) {}

SymbolTable::~SymbolTable() {
  for (PairId id = 1; id < next_pair_; ++id) pairs()[id].series.~PostingList();
}

Pair* SymbolTable::pairs() const {
  return reinterpret_cast<Pair*>(pair_memory_.data());
}

std::uint32_t* SymbolTable::header(Symbol symbol) const {
  return reinterpret_cast<std::uint32_t*>(texts_.data() + std::size_t{symbol} * kTextUnitBytes);
}

std::string_view SymbolTable::text(Symbol symbol) const {
  std::uint32_t* const at = header(symbol);
  return {reinterpret_cast<const char*>(at + 1), load_header(*at) & kLengthMask};
}

Symbol SymbolTable::find(std::string_view wanted) const {
  return symbols_.find(hash_text(wanted), [&](Symbol s) { return text(s) == wanted; });
}

// By the bytes of the set, which costs no walk over it.
Result<void> SymbolTable::make_room(const model::Labels& labels) {
  const std::size_t bytes = labels.data().size();
  const std::size_t pairs = bytes / kPairBytesMin;
  // Each of the two texts of a pair has its length in front and is rounded up.
  const std::size_t units = bytes / kTextUnitBytes + 1 + pairs * 2 * 2;
  NX_TRY(texts_.commit((next_unit_ + units) * kTextUnitBytes));
  return pair_memory_.commit((next_pair_ + pairs) * sizeof(Pair));
}

Symbol SymbolTable::intern(std::string_view wanted) {
  if (const Symbol known = find(wanted)) return known;
  const std::size_t units = units_of(wanted.size());
  auto symbol = static_cast<Symbol>(next_unit_);
  if (const auto free = free_texts_.find(units); free != free_texts_.end()) {
    symbol = free->second.back();
    free->second.pop_back();
    if (free->second.empty()) free_texts_.erase(free);
  } else {
    next_unit_ += units;
  }
  std::uint32_t* const at = header(symbol);
  std::atomic_ref(*at).store(static_cast<std::uint32_t>(wanted.size()), std::memory_order_relaxed);
  std::memcpy(at + 1, wanted.data(), wanted.size());
  symbols_.insert(hash_text(wanted), symbol, retired_);
  return symbol;
}

void SymbolTable::use(Symbol symbol) {
  const std::uint32_t known = load_header(*header(symbol));
  if (known >> kLengthBits == kUsesMax) return;
  std::atomic_ref(*header(symbol)).store(known + kUseOne, std::memory_order_relaxed);
}

void SymbolTable::unuse(Symbol symbol) {
  const std::uint32_t known = load_header(*header(symbol));
  if (known >> kLengthBits == kUsesMax) return;
  std::atomic_ref(*header(symbol)).store(known - kUseOne, std::memory_order_relaxed);
  if ((known - kUseOne) >> kLengthBits != 0) return;
  symbols_.erase(hash_text(text(symbol)), symbol);
  leave(removed_texts_, symbol);
}

PairId SymbolTable::find_pair(std::string_view name, std::string_view value) const {
  const Symbol name_symbol = find(name);
  const Symbol value_symbol = name_symbol == 0 ? 0 : find(value);
  if (value_symbol == 0) return 0;
  return pair_ids_.find(hash_symbols(name_symbol, value_symbol), [&](PairId id) {
    return pair(id).name == name_symbol && pair(id).value == value_symbol;
  });
}

PairId SymbolTable::intern_pair(std::string_view name, std::string_view value) {
  if (const PairId known = find_pair(name, value)) return known;
  PairId id = static_cast<PairId>(next_pair_);
  if (free_pairs_.empty()) {
    ++next_pair_;
  } else {
    id = free_pairs_.back();
    free_pairs_.pop_back();
  }
  Pair& made = pairs()[id];
  made.name = intern(name);
  use(made.name);
  made.value = intern(value);
  use(made.value);
  pair_ids_.insert(hash_symbols(made.name, made.value), id, retired_);
  name_of(made.name).pairs.push_back(id, retired_);
  return id;
}

void SymbolTable::add_series(std::span<const PairId> of, Slot slot) {
  for (const PairId id : of) pairs()[id].series.add(slot, retired_);
}

void SymbolTable::remove_series(PairId id, std::span<const Slot> slots) {
  PostingList& series = pairs()[id].series;
  series.remove(slots, retired_);
  if (series.size() != 0) return;
  leave(empty_pairs_, id);
  empty_since_[id] = empty_pairs_.back().epoch;
}

LabelName& SymbolTable::name_of(Symbol symbol) {
  const std::uint32_t known = name_ids_.find(
      symbol, [&](std::uint32_t id) { return all_names_[id - 1]->symbol == symbol; });
  if (known != 0) return *all_names_[known - 1];
  LabelName& made = *all_names_.emplace_back(std::make_unique<LabelName>());
  made.symbol = symbol;
  names_.push_back(&made, retired_);
  name_ids_.insert(symbol, static_cast<std::uint32_t>(all_names_.size()), retired_);
  return made;
}

const LabelName* SymbolTable::find_name(std::string_view name) const {
  const Symbol symbol = find(name);
  if (symbol == 0) return nullptr;
  const std::span<LabelName* const> all = names_.view();
  const std::uint32_t known = name_ids_.find(
      symbol, [&](std::uint32_t id) { return id <= all.size() && all[id - 1]->symbol == symbol; });
  return known == 0 ? nullptr : all[known - 1];
}

void SymbolTable::leave(std::deque<Leaving>& queue, std::uint32_t id) {
  queue.push_back({holds_.advance(), id});
}

template <typename F>
void SymbolTable::for_each_gone(std::deque<Leaving>& queue, F f) {
  const std::uint64_t oldest = holds_.oldest_reader();
  while (!queue.empty() && queue.front().epoch < oldest) {
    const Leaving entry = queue.front();
    queue.pop_front();
    f(entry);
  }
}

// From the last step to the first, so that each takes one at a time.
void SymbolTable::free_unused() {
  for_each_gone(removed_texts_, [this](const Leaving& gone) {
    free_texts_[units_of(text(gone.id).size())].push_back(gone.id);
  });
  for_each_gone(removed_pairs_, [this](const Leaving& gone) {
    unuse(pair(gone.id).name);
    unuse(pair(gone.id).value);
    free_pairs_.push_back(gone.id);
  });
  forget_pairs();
  retired_.free_unseen();
}

// Those that have no series still, since then; of each name's pairs all at once.
void SymbolTable::forget_pairs() {
  std::map<Symbol, std::vector<PairId>> gone;
  for_each_gone(empty_pairs_, [&](const Leaving& empty) {
    const auto since = empty_since_.find(empty.id);
    if (since == empty_since_.end() || since->second != empty.epoch) return;
    empty_since_.erase(since);
    if (pair(empty.id).series.size() == 0) gone[pair(empty.id).name].push_back(empty.id);
  });
  for (auto& [symbol, ids] : gone) {
    std::ranges::sort(ids);
    name_of(symbol).pairs.erase_if(
        [&ids](PairId id) { return std::ranges::binary_search(ids, id); }, retired_);
    for (const PairId id : ids) {
      pair_ids_.erase(hash_symbols(pair(id).name, pair(id).value), id);
      leave(removed_pairs_, id);
    }
  }
}

std::size_t SymbolTable::text_bytes() const {
  std::size_t units = next_unit_ - 1;
  for (const auto& [size, symbols] : free_texts_) units -= size * symbols.size();
  return units * kTextUnitBytes;
}

}  // namespace narthex::tsdb
