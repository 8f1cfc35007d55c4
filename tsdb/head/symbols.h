// Interned strings and label pairs of the head. A symbol is the arena offset of its text (4-byte
// units); a pair id is an index that stands for one name and value, so that label sets are short
// arrays of u32 and equality is memcmp. Both only grow. Not thread-safe: SeriesRegistry guards it;
// texts and pairs once given out never change.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "base/result.h"
#include "model/labels.h"

namespace narthex::tsdb {

using Symbol = std::uint32_t;
using PairId = std::uint32_t;  // 0: no such pair

/// A label takes this much of a Labels at least: two lengths and a byte of each text.
inline constexpr std::size_t kPairBytesMin = 4;

/// Open addressing over u32 ids; the owner says what an id's hash and equality are.
class IdTable {
 public:
  IdTable();

  /// The id for which `equal(id)` holds among those inserted under `hash`, or 0.
  template <typename Equal>
  std::uint32_t find(std::uint32_t hash, Equal equal) const {
    for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Entry entry = entries_[at];
      if (entry.id == 0) return 0;
      if (entry.hash == hash && equal(entry.id)) return entry.id;
    }
  }

  /// `id` is not 0 and not yet in the table.
  void insert(std::uint32_t hash, std::uint32_t id);
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return entries_.size() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t id = 0;
  };
  void place(Entry entry);

  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
  std::size_t size_ = 0;
};

struct Pair {
  Symbol name = 0;
  Symbol value = 0;
};

class SymbolTable {
 public:
  /// kLimit when address space is refused.
  static Result<SymbolTable> create();

  /// Makes room for all names, values and pairs of `labels`, were they all new. kLimit: there is
  /// none.
  Result<void> make_room(const model::Labels& labels);
  /// 0 when there is none.
  Symbol find(std::string_view text) const;
  /// Lives as long as the table.
  std::string_view text(Symbol symbol) const;

  /// The pair, made when new; `is_new` tells. After make_room() for a label set that has it.
  PairId intern_pair(std::string_view name, std::string_view value, bool& is_new);
  PairId find_pair(std::string_view name, std::string_view value) const;
  const Pair& pair(PairId id) const { return pairs()[id]; }
  /// Pairs so far; ids are 1..pair_count().
  std::size_t pair_count() const { return pair_count_; }

 private:
  SymbolTable(ReservedMemory texts, ReservedMemory pairs);
  Symbol intern(std::string_view text);
  Pair* pairs() const;

  ReservedMemory texts_;
  ReservedMemory pair_memory_;
  std::size_t next_unit_ = 1;
  std::size_t pair_count_ = 0;
  IdTable symbols_;
  IdTable pair_ids_;
};

}  // namespace narthex::tsdb
