// Interned strings and label pairs of the head, and which series have a pair. A symbol is the arena
// offset of its text (4-byte units); a pair id is an index that stands for one name and value, so
// that label sets are short arrays of u32 and equality is memcmp.
//
// One writer at a time; readers need no lock, but two guards. What they find in a table or a list
// lives as long as a guard of `reads`. Texts, pairs and ids that they keep live as long as a guard
// of `holds`: a pair that no series has any more is freed in steps, each when everyone is gone who
// was there at the step before: it leaves the tables, then its id is given to another pair, and so
// with the texts.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/memory.h"
#include "base/result.h"
#include "model/labels.h"
#include "tsdb/head/id_table.h"
#include "tsdb/head/postings.h"
#include "tsdb/head/shared_array.h"

namespace narthex::tsdb {

using Symbol = std::uint32_t;
using PairId = std::uint32_t;  // 0: no such pair

/// A label takes this much of a Labels at least: two lengths and a byte of each text.
inline constexpr std::size_t kPairBytesMin = 4;

struct Pair {
  Symbol name = 0;
  Symbol value = 0;
  PostingList series;
};
static_assert(sizeof(Pair) == 16);

/// A label name and its pairs, in the order in which they were made.
struct LabelName {
  Symbol symbol = 0;
  SharedArray<PairId> pairs;
};

class SymbolTable {
 public:
  /// kLimit when address space is refused. The epochs outlive the table.
  static Result<std::unique_ptr<SymbolTable>> create(Epochs& reads, Epochs& holds);
  /// Only for create().
  SymbolTable(ReservedMemory texts, ReservedMemory pairs, Epochs& reads, Epochs& holds);
  ~SymbolTable();

  /// Makes room for all names, values and pairs of `labels`, were they all new. kLimit: there is
  /// none.
  Result<void> make_room(const model::Labels& labels);
  /// 0 when there is none.
  Symbol find(std::string_view text) const;
  std::string_view text(Symbol symbol) const;

  /// The pair, made when new. After make_room() for a label set that has it.
  PairId intern_pair(std::string_view name, std::string_view value);
  PairId find_pair(std::string_view name, std::string_view value) const;
  const Pair& pair(PairId id) const { return pairs()[id]; }
  /// Adds a series to its pairs, and takes series away. A pair that has none left is freed by
  /// free_unused(), unless it has one again by then.
  void add_series(std::span<const PairId> of, Slot slot);
  void remove_series(PairId id, std::span<const Slot> slots);

  /// The names that there are, in the order in which they were made, and one of them or null.
  std::span<LabelName* const> names() const { return names_.view(); }
  const LabelName* find_name(std::string_view name) const;

  /// Takes the next step with what nobody can see any more.
  void free_unused();

  RetiredMemory& retired() { return retired_; }
  /// Pairs that have a series, or had one.
  std::size_t pair_count() const { return pair_ids_.size(); }
  /// Of texts, in use.
  std::size_t text_bytes() const;

 private:
  struct Leaving {  // what may take its next step when the holders of `epoch` are gone
    std::uint64_t epoch;
    std::uint32_t id;
  };
  Pair* pairs() const;
  Symbol intern(std::string_view text);
  std::uint32_t* header(Symbol symbol) const;
  void use(Symbol symbol);
  void unuse(Symbol symbol);
  LabelName& name_of(Symbol symbol);
  void leave(std::deque<Leaving>& queue, std::uint32_t id);
  template <typename F>
  void for_each_gone(std::deque<Leaving>& queue, F f);
  void forget_pairs();

  Epochs& holds_;
  RetiredMemory retired_;  // of `reads`
  ReservedMemory texts_;
  ReservedMemory pair_memory_;
  std::size_t next_unit_ = 1;
  std::size_t next_pair_ = 1;
  IdTable symbols_;
  IdTable pair_ids_;
  IdTable name_ids_;  // place in all_names_ + 1, by symbol
  std::vector<std::unique_ptr<LabelName>> all_names_;
  SharedArray<LabelName*> names_;

  std::deque<Leaving> empty_pairs_;                        // no series, still in the tables
  std::unordered_map<PairId, std::uint64_t> empty_since_;  // the last time
  std::deque<Leaving> removed_pairs_;                      // in no table
  std::deque<Leaving> removed_texts_;                      // in no table
  std::vector<PairId> free_pairs_;
  std::map<std::size_t, std::vector<Symbol>> free_texts_;  // by units
};

}  // namespace narthex::tsdb
