// Interning.
#include "tsdb/head/symbols.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace narthex::tsdb {
namespace {

constexpr std::size_t kTextUnitBytes = 4;                     // symbols count these
constexpr std::size_t kTextBytesMax = std::size_t{16} << 30;  // u32 symbols of 4 bytes
constexpr std::size_t kPairBytesMax = sizeof(Pair) << 31;     // half of what u32 ids allow
constexpr std::size_t kFirstEntries = 1024;

std::size_t units_of(std::string_view text) {
  return (sizeof(std::uint32_t) + text.size() + kTextUnitBytes - 1) / kTextUnitBytes;
}

std::uint32_t hash_text(std::string_view text) {
  return static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size()));
}

std::uint32_t hash_pair(Pair pair) {
  const std::uint64_t both = std::uint64_t{pair.name} << 32 | pair.value;
  return static_cast<std::uint32_t>((both * 0x9E3779B97F4A7C15ULL) >> 32);
}

}  // namespace

IdTable::IdTable() : entries_(kFirstEntries), mask_(kFirstEntries - 1) {}

void IdTable::place(Entry entry) {
  std::size_t at = entry.hash & mask_;
  while (entries_[at].id != 0) at = (at + 1) & mask_;
  entries_[at] = entry;
}

void IdTable::insert(std::uint32_t hash, std::uint32_t id) {
  if (size_ * 4 >= entries_.size() * 3) {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    mask_ = entries_.size() - 1;
    for (const Entry& entry : old) {
      if (entry.id != 0) place(entry);
    }
  }
  place({hash, id});
  ++size_;
}

Result<SymbolTable> SymbolTable::create() {
  NX_TRY_ASSIGN(ReservedMemory texts, ReservedMemory::reserve(kTextBytesMax));
  NX_TRY_ASSIGN(ReservedMemory pairs, ReservedMemory::reserve(kPairBytesMax));
  return SymbolTable(std::move(texts), std::move(pairs));
}

SymbolTable::SymbolTable(ReservedMemory texts, ReservedMemory pairs)
    : texts_(std::move(texts)), pair_memory_(std::move(pairs)) {}

Pair* SymbolTable::pairs() const {
  return reinterpret_cast<Pair*>(pair_memory_.data());
}

std::string_view SymbolTable::text(Symbol symbol) const {
  const std::byte* at = texts_.data() + std::size_t{symbol} * kTextUnitBytes;
  std::uint32_t length = 0;
  std::memcpy(&length, at, sizeof length);
  return {reinterpret_cast<const char*>(at + sizeof length), length};
}

Symbol SymbolTable::find(std::string_view text_wanted) const {
  return symbols_.find(hash_text(text_wanted), [&](Symbol s) { return text(s) == text_wanted; });
}

// By the bytes of the set, which costs no walk over it.
Result<void> SymbolTable::make_room(const model::Labels& labels) {
  const std::size_t bytes = labels.data().size();
  const std::size_t pairs = bytes / kPairBytesMin;
  // Each of the two texts of a pair has its length in front and is rounded up.
  const std::size_t units = bytes / kTextUnitBytes + 1 + pairs * 2 * 2;
  NX_TRY(texts_.commit((next_unit_ + units) * kTextUnitBytes));
  return pair_memory_.commit((pair_count_ + pairs + 1) * sizeof(Pair));  // id 0 takes a place too
}

Symbol SymbolTable::intern(std::string_view wanted) {
  const std::uint32_t hash = hash_text(wanted);
  if (const Symbol known = symbols_.find(hash, [&](Symbol s) { return text(s) == wanted; }))
    return known;
  const auto symbol = static_cast<Symbol>(next_unit_);
  std::byte* at = texts_.data() + next_unit_ * kTextUnitBytes;
  const auto length = static_cast<std::uint32_t>(wanted.size());
  std::memcpy(at, &length, sizeof length);
  std::memcpy(at + sizeof length, wanted.data(), wanted.size());
  next_unit_ += units_of(wanted);
  symbols_.insert(hash, symbol);
  return symbol;
}

PairId SymbolTable::find_pair(std::string_view name, std::string_view value) const {
  const Pair wanted{find(name), find(value)};
  if (wanted.name == 0 || wanted.value == 0) return 0;
  return pair_ids_.find(hash_pair(wanted), [&](PairId id) {
    return pair(id).name == wanted.name && pair(id).value == wanted.value;
  });
}

PairId SymbolTable::intern_pair(std::string_view name, std::string_view value, bool& is_new) {
  is_new = false;
  const Pair wanted{intern(name), intern(value)};
  const std::uint32_t hash = hash_pair(wanted);
  const PairId known = pair_ids_.find(hash, [&](PairId id) {
    return pair(id).name == wanted.name && pair(id).value == wanted.value;
  });
  if (known != 0) return known;
  const auto id = static_cast<PairId>(++pair_count_);
  pairs()[id] = wanted;
  pair_ids_.insert(hash, id);
  is_new = true;
  return id;
}

}  // namespace narthex::tsdb
