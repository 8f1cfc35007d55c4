// The head: all series that are being written, their open and full chunks, and the way a batch goes
// from the WAL into view. Life of a sample: docs/architecture.md. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "model/storage.h"
#include "tsdb/head/chunk_arena.h"
#include "tsdb/head/epochs.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/page_table.h"
#include "tsdb/head/registry.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {

inline constexpr std::uint32_t kSamplesPerChunk = 120;  // copied from upstream's default
inline constexpr model::DurationMs kChunkRangeMs =
    2LL * 60 * 60 * 1000;  // copied from upstream's default

struct HeadOptions {
  model::DurationMs future_limit_ms = 10LL * 60 * 1000;  // upstream's scrape time limit; 0: none
  std::size_t series_max = 0;                            // 0: none
  std::size_t chunk_bytes_max = 0;                       // 0: 64 GiB, what handles can name
  bool wal_compression = true;
};

/// Counters since the start. Read with relaxed loads.
struct HeadCounters {
  std::atomic<std::uint64_t> samples_appended{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<std::uint64_t> out_of_bounds{0};
  std::atomic<std::uint64_t> duplicates{0};
  std::atomic<std::uint64_t> series_created{0};
  std::atomic<std::uint64_t> chunks_created{0};
};

class Head final : public model::Appender {
 public:
  /// Without a WAL until set_wal(): replay fills it first. `clock` must outlive the head.
  static Result<std::unique_ptr<Head>> create(HeadOptions options, const Clock& clock);
  Head(HeadOptions options, const Clock& clock, PageTable pages);
  ~Head() override;

  /// Later batches are written to `wal` first; it must outlive the head or the next call.
  void set_wal(WalWriter* wal);

  Result<model::SeriesHandle> resolve(const model::Labels& labels) override;
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

  /// What a reader at `reader`'s snapshot sees of `slot` in `range`, appended to `out`.
  Result<void> read(Slot slot, const Isolation::Reader& reader, model::TimeRange range,
                    model::SampleColumns& out, const StopToken& stop = {}) const;
  Result<std::optional<model::Sample>> read_newest(Slot slot, const Isolation::Reader& reader,
                                                   model::TimeRange range) const;

  /// Whether `slot` may have samples in `range`: what /series lists.
  bool overlaps(Slot slot, model::TimeRange range) const;

  const SeriesRegistry& registry() const { return *registry_; }
  Isolation& isolation() const { return isolation_; }
  const HeadCounters& counters() const { return counters_; }
  /// The largest and the smallest time there is while the head is empty, so that min > max.
  model::TimeMs min_time() const { return min_time_.load(std::memory_order_relaxed); }
  model::TimeMs max_time() const { return max_time_.load(std::memory_order_relaxed); }
  std::uint64_t chunk_bytes() const { return arena_->used_bytes(); }
  /// Commits, counted by series, that are kept apart because some reader may not see them.
  std::size_t earlier_commits() const;

 private:
  struct Staged;       // a batch's good rows
  struct Unlogged;     // new series on their way to the WAL
  struct ChunkView;    // one chunk as a reader sees it
  struct HiddenRun;    // samples near a series' end that a reader must not see
  struct EarlierRun {  // what a commit before the line's last one appended
    std::uint64_t id;
    std::uint32_t n;
  };
  struct SideTables {
    std::unordered_map<Slot, std::vector<ClosedChunk>> older;  // beyond what the line's list holds
    // In the order of their samples, ending at the line's last commit, without gaps.
    std::unordered_map<Slot, std::vector<EarlierRun>> earlier;
    std::size_t sweep_at = 1024;  // tuned: lists of idle series go when there are this many
  };

  void check(const model::FloatBatch& batch, model::AppendReport& report, Staged& staged) const;
  Result<void> write_wal(const Staged& staged);
  void apply(const model::FloatBatch& batch, const Staged& staged, model::AppendReport& report);
  model::RowVerdict apply_row(Slot slot, model::TimeMs time, double value,
                              const Isolation::Commit& commit);
  /// Appends under the page's lock; the caller has checked the time.
  void push_sample(SeriesHot& line, Slot slot, model::TimeMs time, double value);
  void cut_chunk(SeriesHot& line, Slot slot);
  void grow_closed(SeriesHot& line, Slot slot);
  void move_chunk(SeriesHot& line, std::size_t bytes);
  void fit_chunk(SeriesHot& line, std::size_t bytes);
  void note_commit(SeriesHot& line, Slot slot, const Isolation::Commit& commit);
  void keep_earlier(SeriesHot& line, Slot slot, std::uint64_t horizon);
  void sweep_earlier(std::uint64_t horizon);
  void widen_time(model::TimeMs low, model::TimeMs high);
  std::vector<HiddenRun> hidden_runs(const SeriesHot& line, Slot slot,
                                     const Isolation::Reader& reader) const;
  static void hide(std::vector<ChunkView>& views, std::span<const HiddenRun> runs);
  std::vector<ChunkView> visible_chunks(Slot slot, const Isolation::Reader& reader,
                                        SeriesHot& line) const;
  Result<void> decode(const ChunkView& chunk, const SeriesHot& line, model::TimeRange range,
                      model::SampleColumns& out) const;

  const HeadOptions options_;
  const Clock& clock_;
  PageTable pages_;
  std::unique_ptr<SeriesRegistry> registry_;
  mutable Epochs epochs_;
  std::unique_ptr<ChunkArena> arena_;
  mutable Isolation isolation_;
  mutable HeadCounters counters_;
  std::atomic<WalWriter*> wal_{nullptr};  // set before the first append, cleared after the last
  // Relaxed: hints and statistics.
  std::atomic<model::TimeMs> min_time_{std::numeric_limits<model::TimeMs>::max()};
  std::atomic<model::TimeMs> max_time_{std::numeric_limits<model::TimeMs>::min()};
  std::atomic<bool> sweep_due_{false};  // relaxed: a hint
  Mutex commit_mutex_;                  // rank 40: series records go before their samples
  mutable Mutex side_mutex_;            // rank 55
  SideTables side_ NX_GUARDED_BY(side_mutex_);
};

}  // namespace narthex::tsdb
