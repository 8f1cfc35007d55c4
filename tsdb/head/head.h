// The head: all series that are being written, and the way a batch goes from the WAL into view.
// Life of a sample: docs/architecture.md. Thread-safe.
//
// A batch is staged (bounds, handles, its WAL record), then has its turn (admission.h): under the
// commit lock its commit opens, its rows are judged, and what is good is logged; outside the lock
// the rows are applied page by page, the pages go to whoever waits, and the commit closes. So a
// sample is in the WAL before a query sees it, nothing is in the WAL that the head refused, and for
// each series the log has the head's order. Readers that started before a commit closed do not see
// it (isolation.h, visibility.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/storage.h"
#include "tsdb/head/chunk_lists.h"
#include "tsdb/head/epochs.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/options.h"
#include "tsdb/head/page_table.h"
#include "tsdb/head/registry.h"
#include "tsdb/head/series_reader.h"
#include "tsdb/head/visibility.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {

/// Counters since the start. Read with relaxed loads.
struct HeadCounters {
  std::atomic<std::uint64_t> samples_appended{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<std::uint64_t> out_of_bounds{0};
  std::atomic<std::uint64_t> duplicates{0};
  std::atomic<std::uint64_t> series_created{0};
};

class Head final : public model::Appender {
  /// What can be refused, made before the head is.
  struct Memory {
    std::unique_ptr<HeadEpochs> epochs;
    std::unique_ptr<PageTable> pages;
    std::unique_ptr<SeriesRegistry> registry;
    ChunkArena arena;
  };

 public:
  /// Without a WAL until set_wal(): replay fills it first. `clock` must outlive the head.
  static Result<std::unique_ptr<Head>> create(HeadOptions options, const Clock& clock);
  /// Only for create().
  Head(HeadOptions options, const Clock& clock, Memory memory);
  ~Head() override;

  /// Later batches are written to `wal` first; it must outlive the head or the next call.
  void set_wal(WalWriter* wal);

  Result<model::SeriesHandle> resolve(const model::Labels& labels,
                                      model::SeriesOwner owner) override;
  /// Half a chunk range behind the newest sample.
  model::TimeMs oldest_time() const override;
  /// Errors besides those of the interface: kLimit when there is no room for chunks.
  Result<model::AppendReport> append(const model::FloatBatch& batch) override;

  /// Replay, from one thread only: a series with the reference its WAL record gave, and row-aligned
  /// samples that are in the WAL already. Rows of kNoSlot are skipped; the result counts them.
  /// kLimit: no room.
  Result<Slot> restore_series(const model::Labels& labels, SeriesRef ref);
  Result<std::size_t> restore_samples(std::span<const Slot> slots,
                                      std::span<const model::TimeMs> times,
                                      std::span<const double> values);

  /// Takes out every series without a sample at or after `time`: nobody finds it any more, and its
  /// handles are gone. Readers that are open go on seeing it. Returns how many there were.
  std::size_t unlink_idle(model::TimeMs time);
  /// Makes what unlinked series had usable again, as far as no reader can see it any more: to be
  /// called now and then. Returns how many were freed.
  std::size_t free_unlinked();

  /// All that the log has before this place is applied: an image of the head, or a checkpoint, that
  /// is begun after the call needs nothing from before it. The beginning while there is no WAL.
  WalPosition applied_position();

  const SeriesReader& reader() const { return reader_; }
  /// Who keeps slots of this head holds a guard of it from before they were found.
  Epochs& holds() const { return epochs_->holds; }
  const SeriesRegistry& registry() const { return *registry_; }
  Isolation& isolation() const { return isolation_; }
  const HeadCounters& counters() const { return counters_; }
  /// The largest and the smallest time there is while the head is empty, so that min > max.
  model::TimeMs min_time() const { return min_time_.load(std::memory_order_relaxed); }
  model::TimeMs max_time() const { return max_time_.load(std::memory_order_relaxed); }
  std::uint64_t chunk_bytes() const { return chunks_.used_bytes(); }
  std::uint64_t chunks_created() const { return chunks_.created(); }
  /// Commits, counted by series, that are kept apart because some reader may not see them.
  std::size_t earlier_commits() const { return visibility_.kept(); }

 private:
  struct Staged;    // a batch's rows that may be good
  struct Unlogged;  // new series on their way to the WAL
  struct Turn;      // a batch's commit and its hold on pages

  void stage(const model::FloatBatch& batch, model::AppendReport& report, Staged& staged) const;
  model::RowVerdict judge_time(const model::FloatBatch& batch, std::size_t row,
                               model::TimeRange allowed) const;
  Result<bool> admit_and_log(WalWriter& wal, Turn& turn, Staged& staged,
                             model::AppendReport& report) NX_REQUIRES(commit_mutex_);
  Result<void> write_wal(WalWriter& wal, WalPayload samples) NX_REQUIRES(commit_mutex_);
  void apply(const model::FloatBatch& batch, const Staged& staged, const Isolation::Commit& commit,
             model::AppendReport& report);
  bool unlink_if_idle(Slot slot, model::TimeMs time) NX_REQUIRES(commit_mutex_);
  void widen_time(model::TimeMs low, model::TimeMs high);
  void count(model::AppendReport& report);

  const HeadOptions options_;
  const Clock& clock_;
  const std::unique_ptr<HeadEpochs> epochs_;
  const std::unique_ptr<PageTable> pages_;
  const std::unique_ptr<SeriesRegistry> registry_;
  ChunkLists chunks_;
  Visibility visibility_;
  OutOfOrderLists out_of_order_;
  SeriesReader reader_;
  mutable Isolation isolation_;
  HeadCounters counters_;
  std::atomic<WalWriter*> wal_{nullptr};  // set before the first append, cleared after the last
  // Relaxed: hints and statistics.
  std::atomic<model::TimeMs> min_time_{std::numeric_limits<model::TimeMs>::max()};
  std::atomic<model::TimeMs> max_time_{std::numeric_limits<model::TimeMs>::min()};
  Mutex commit_mutex_;  // rank 15: turns begin one at a time; series records before their samples
};

}  // namespace narthex::tsdb
