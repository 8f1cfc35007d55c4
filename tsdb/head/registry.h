// Which series the head has: label sets as pair ids, the index from labels to slot, postings, and
// the WAL reference of each slot. A slot's samples are in the page table.
//
// Readers take no lock: they walk over what one writer at a time publishes (lock rank 20). What was
// added while they walk may be missed: it came after the question.
//
// A series leaves in steps. unlink() takes it out of all lists: nobody finds it any more, but who
// had found it before goes on reading its labels and samples. When all of these are gone, its slot
// is emptied (take_unheld(), give_back()); and when all slots of its page are, the page gets a new
// generation and is given out again. References are never used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
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
#include "tsdb/head/slot_runs.h"
#include "tsdb/head/symbols.h"
#include "tsdb/statistics.h"

namespace narthex::tsdb {

/// The reference of a series in WAL records and chunks_head. Never reused.
using SeriesRef = std::uint64_t;

/// What a head's readers announce themselves in. `reads` is for moments: memory of lists and chunks
/// that are replaced waits for it. `holds` is for as long as a reader keeps slots, pair ids or
/// texts: these are used again when it has passed.
struct HeadEpochs {
  Epochs reads;
  Epochs holds;
};

/// Thread-safe. Who keeps a slot, pair id or text that it found here holds an EpochGuard of
/// `HeadEpochs::holds` from before it asked.
class SeriesRegistry {
  struct Memory {
    std::unique_ptr<SymbolTable> symbols;
    ReservedMemory labels;   // u32 count, then pair ids; handles count u32s
    ReservedMemory refs;     // SeriesRef by slot
    ReservedMemory handles;  // label handle by slot
  };

 public:
  /// `series_max` 0: no limit. `pages` grows with the slots; it and `epochs` outlive the registry.
  static Result<std::unique_ptr<SeriesRegistry>> create(std::size_t series_max, PageTable& pages,
                                                        HeadEpochs& epochs);
  /// Only for create().
  SeriesRegistry(Memory memory, std::size_t series_max, PageTable& pages, HeadEpochs& epochs);

  /// The series of `labels`, created when new (`is_new` tells) near others of `owner`. kLimit:
  /// full; nothing of the labels is kept.
  Result<model::SeriesHandle> resolve(const model::Labels& labels, model::SeriesOwner owner,
                                      bool& is_new);
  /// The same for replay, which brings the reference along and may pass `series_max`: what was
  /// accepted once stays. An existing series keeps its own reference.
  Result<Slot> restore(const model::Labels& labels, SeriesRef ref);

  /// Takes series out, ascending slots that are linked. They are not logged any more, if they were
  /// to be.
  void unlink(std::span<const Slot> slots);
  /// Of those unlinked, in the order of unlinking, the slots that nobody holds any more, each once.
  std::vector<Slot> take_unheld();
  /// A slot from take_unheld(), emptied. `emptied_page` is called under the registry's lock with
  /// the page's first slot when all of it is: to give the page a new generation.
  template <typename EmptiedPage>
  void give_back(Slot slot, EmptiedPage emptied_page) {
    const MutexLock lock(mutex_);
    if (!give_back_locked(slot)) return;
    const Slot first = slot - slot % kPageSeries;
    emptied_page(first);
    free_pages_.push_back(first);
  }
  /// Frees pairs and texts that nobody uses or holds any more.
  void free_unused();

  /// Slots given out so far are below this.
  Slot slot_end() const { return next_page_slot_.load(std::memory_order_acquire); }

  SeriesRef ref(Slot slot) const {
    return std::atomic_ref(refs()[slot]).load(std::memory_order_relaxed);
  }
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

  std::size_t series_count() const { return all_.size(); }
  /// The `limit` largest of each kind. Errors: those of `stop`.
  Result<RegistryStatistics> statistics(std::size_t limit, const StopToken& stop = {}) const;

 private:
  class Guard;
  struct Unheld {  // free when the holders of `epoch` are gone
    std::uint64_t epoch;
    std::vector<Slot> slots;
  };

  SeriesRef* refs() const { return reinterpret_cast<SeriesRef*>(memory_.refs.data()); }
  std::uint32_t* handles() const {
    return reinterpret_cast<std::uint32_t*>(memory_.handles.data());
  }
  std::uint32_t* label_array(std::uint32_t handle) const {
    return reinterpret_cast<std::uint32_t*>(memory_.labels.data()) + handle;
  }
  SymbolTable& symbols() const { return *memory_.symbols; }
  Slot add_locked(std::span<const PairId> wanted, std::uint32_t hash, SeriesRef ref,
                  model::SeriesOwner owner) NX_REQUIRES(mutex_);
  std::uint32_t store_labels_locked(std::span<const PairId> pairs) NX_REQUIRES(mutex_);
  Result<void> make_room_locked(const model::Labels& labels, model::SeriesOwner owner)
      NX_REQUIRES(mutex_);
  Result<Slot> take_page_locked() NX_REQUIRES(mutex_);
  bool give_back_locked(Slot slot) NX_REQUIRES(mutex_);
  Slot find_labels(const model::Labels& labels, std::vector<PairId>& out) const;
  Slot find_pairs(std::span<const PairId> wanted, std::uint32_t hash) const;
  model::SeriesHandle handle_of(Slot slot) const;

  // Of a selection, in registry_read.cpp, under a guard.
  std::optional<SlotList> select_equal(const model::Matchers& matchers) const;
  Result<SlotList> narrow(std::optional<SlotList> found, const model::Matcher& matcher,
                          const StopToken& stop) const;
  Result<SlotList> keep_matching(const SlotList& found, const model::Matcher& matcher,
                                 const StopToken& stop) const;
  Result<SlotList> select_guarded(const model::Matchers& matchers, const StopToken& stop) const;
  std::span<const PairId> values_of(std::string_view name) const;
  SlotList unite_lists(const std::vector<PairId>& pairs) const;
  std::string_view value_text(PairId pair) const;

  Mutex mutex_;  // rank 20: one writer at a time
  Memory memory_;
  const std::size_t series_max_;
  PageTable& pages_;
  HeadEpochs& epochs_;
  std::size_t next_label_ NX_GUARDED_BY(mutex_) = 1;
  std::map<std::size_t, std::vector<std::uint32_t>> free_labels_
      NX_GUARDED_BY(mutex_);  // handles, by their number of pairs
  IdTable index_;             // slot + 1 by hash of the pair ids; written under mutex_
  PostingList all_;           // likewise
  SeriesRef last_ref_ NX_GUARDED_BY(mutex_) = 0;
  std::vector<PairId> restored_ NX_GUARDED_BY(mutex_);  // of the last series that replay brought
  std::atomic<Slot> next_page_slot_{0};  // written under mutex_; release once the page is there
  SlotRuns runs_ NX_GUARDED_BY(mutex_);
  std::deque<Unheld> unlinked_ NX_GUARDED_BY(mutex_);
  std::map<Slot, std::uint32_t> emptied_
      NX_GUARDED_BY(mutex_);  // of pages not yet free, which slots are, by the page's first
  std::vector<Slot> free_pages_ NX_GUARDED_BY(mutex_);  // their first slots
  Mutex unlogged_mutex_;                                // rank 25: a commit takes this one only
  std::vector<Slot> unlogged_ NX_GUARDED_BY(unlogged_mutex_);
};

/// Both guards, for a call.
class SeriesRegistry::Guard {
 public:
  explicit Guard(const SeriesRegistry& registry)
      : holds_(registry.epochs_.holds), reads_(registry.epochs_.reads) {}

 private:
  EpochGuard holds_;
  EpochGuard reads_;
};

}  // namespace narthex::tsdb
