// Which series the head has: label sets as pair ids, the index from labels to slot, postings, and
// the WAL reference of each slot. Slots and references are only added here; a slot's samples are in
// the page table. Thread-safe; one writer at a time under lock rank 20, any number of readers.
//
// Creating a series is what waits for readers, so readers never stay: they take the lock for a
// slice of a list at a time, and match, sort and print without it. What was added between two
// slices may be missed: it came after the question.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/mutex.h"
#include "base/parallel.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/storage.h"
#include "tsdb/head/page_table.h"
#include "tsdb/head/postings.h"
#include "tsdb/head/symbols.h"
#include "tsdb/statistics.h"

namespace narthex::tsdb {

/// The reference of a series in WAL records and chunks_head. Never reused.
using SeriesRef = std::uint64_t;

class SeriesRegistry {
  struct Memory {
    SymbolTable symbols;
    ReservedMemory labels;   // u32 count, then pair ids; handles count u32s
    ReservedMemory refs;     // SeriesRef by slot
    ReservedMemory handles;  // label handle by slot
  };

 public:
  /// `series_max` 0: no limit. `pages` grows with the slots and must outlive the registry.
  static Result<std::unique_ptr<SeriesRegistry>> create(std::size_t series_max, PageTable& pages);
  /// Only for create().
  SeriesRegistry(Memory memory, std::size_t series_max, PageTable& pages);

  /// The slot of `labels`, created when new (`is_new` tells). kLimit: full; nothing of the labels
  /// is kept.
  Result<Slot> resolve(const model::Labels& labels, bool& is_new);
  /// The same for replay, which brings the reference along and may pass `series_max`: what was
  /// accepted once stays. An existing series keeps its own reference.
  Result<Slot> restore(const model::Labels& labels, SeriesRef ref);

  /// Slots given out so far are below this.
  Slot slot_end() const { return next_page_slot_.load(std::memory_order_acquire); }

  SeriesRef ref(Slot slot) const { return refs()[slot]; }
  /// The label handle of `slot` as pair ids, sorted by label name.
  std::span<const PairId> pairs(Slot slot) const;
  model::Labels labels(Slot slot) const;
  /// The pair of `slot` with this label name, 0 when absent.
  PairId pair_of(Slot slot, Symbol name) const;
  Symbol find_symbol(std::string_view text) const;

  /// Slots of the series that all matchers accept, ascending by reference.
  /// Errors: those of `stop`.
  Result<SlotList> select(const model::Matchers& matchers, const StopToken& stop) const;
  SlotList select(const model::Matchers& matchers) const { return *select(matchers, {}); }
  /// As model::Querier says.
  Result<std::vector<std::string>> label_values(const std::string& name,
                                                const model::Matchers& matchers,
                                                const model::LabelHints& hints = {}) const;
  Result<std::vector<std::string>> label_names(const model::Matchers& matchers,
                                               const model::LabelHints& hints = {}) const;

  /// Series created and not yet in the WAL; takes them all, oldest first.
  std::vector<Slot> take_unlogged();
  /// Gives them back after a failed write.
  void return_unlogged(std::vector<Slot> slots);

  std::size_t series_count() const;
  /// The `limit` largest of each kind. Errors: those of `stop`.
  Result<RegistryStatistics> statistics(std::size_t limit, const StopToken& stop = {}) const;

 private:
  SeriesRef* refs() const { return reinterpret_cast<SeriesRef*>(memory_.refs.data()); }
  std::uint32_t* handles() const {
    return reinterpret_cast<std::uint32_t*>(memory_.handles.data());
  }
  Slot add_locked(std::span<const PairId> wanted, std::uint32_t hash, SeriesRef ref)
      NX_REQUIRES(mutex_);
  Result<void> make_room_locked(const model::Labels& labels) NX_REQUIRES(mutex_);
  Slot find_locked(const model::Labels& labels, std::vector<PairId>& out) const
      NX_REQUIRES_SHARED(mutex_);
  Slot find_pairs_locked(std::span<const PairId> wanted, std::uint32_t hash) const
      NX_REQUIRES_SHARED(mutex_);
  PairId intern_locked(std::string_view name, std::string_view value) NX_REQUIRES(mutex_);

  // Of a selection, in registry_read.cpp. All of them take the lock for a slice at a time.
  std::optional<SlotList> select_equal(const model::Matchers& matchers) const;
  Result<SlotList> narrow(std::optional<SlotList> found, const model::Matcher& matcher,
                          const StopToken& stop) const;
  Result<SlotList> keep_matching(const SlotList& found, const model::Matcher& matcher,
                                 const StopToken& stop) const;
  std::vector<PairId> values_of(std::string_view name) const;
  std::size_t value_count(std::string_view name) const;
  SlotList copy_list(PairId pair) const;
  SlotList intersect_list(const SlotList& found, PairId pair) const;
  SlotList unite_lists(const std::vector<PairId>& pairs) const;
  std::vector<std::uint32_t> series_counts(const std::vector<PairId>& pairs) const;
  std::span<const Slot> list_locked(PairId pair, Slot from) const NX_REQUIRES_SHARED(mutex_);
  std::span<const PairId> values_locked(std::string_view name) const NX_REQUIRES_SHARED(mutex_);
  std::string_view value_text(PairId pair) const;

  mutable SharedMutex mutex_;
  Memory memory_;  // what belongs to slots already given out is read without the lock
  std::size_t series_max_;
  PageTable& pages_;
  std::size_t next_label_ NX_GUARDED_BY(mutex_) = 1;
  IdTable index_ NX_GUARDED_BY(mutex_);  // slot + 1 by hash of the pair ids
  Postings postings_ NX_GUARDED_BY(mutex_);
  std::vector<std::pair<Symbol, std::vector<PairId>>> names_ NX_GUARDED_BY(mutex_);
  std::unordered_map<Symbol, std::size_t> name_index_ NX_GUARDED_BY(mutex_);
  SlotList slots_ NX_GUARDED_BY(mutex_);  // all of them, ascending
  SeriesRef last_ref_ NX_GUARDED_BY(mutex_) = 0;
  std::vector<PairId> restored_ NX_GUARDED_BY(mutex_);  // of the last series that replay brought
  std::atomic<Slot> next_page_slot_{0};  // written under mutex_; release once the page is there
  struct Run {
    Slot next = 0;
    Slot end = 0;
  };
  Run& run_locked() NX_REQUIRES(mutex_);
  std::array<Run, 8> runs_ NX_GUARDED_BY(mutex_);  // each creating thread fills pages of its own
  Mutex unlogged_mutex_;                           // rank 25: a commit takes this one only
  std::vector<Slot> unlogged_ NX_GUARDED_BY(unlogged_mutex_);
};

}  // namespace narthex::tsdb
