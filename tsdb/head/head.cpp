// Appending: check, write-ahead log, apply, publish.
//
// A batch is checked against the hot lines without locks, written to the WAL, and applied page by
// page. Between the check and the apply another batch may have written the same series, so apply
// has the last word. A commit's id is open while rows are applied; readers that started before hide
// the samples it adds (isolation.h).
#include "tsdb/head/head.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/str.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::RowVerdict;
using model::TimeMs;

constexpr std::size_t kPrefetchRows = 12;     // tuned: hot lines in flight while checking
constexpr std::size_t kFirstChunkBytes = 64;  // tuned: holds a constant series whole
constexpr std::size_t kChunkBytesCut =
    1005;  // fixed by upstream's rule: 1024 minus one sample of 19
constexpr std::size_t kClosedInlineMax = 64;  // fits the largest arena class
constexpr std::size_t kSeriesRecordBytes =
    1024 * 1024;  // tuned: readers of the WAL hold a record whole
// What one sample may take: the open chunk moved, a full one fitted, a longer list, a new chunk.
constexpr std::size_t kRowBytesMax = std::size_t{4} * kArenaClasses.back();
constexpr std::uint8_t kLastNMax = 255;  // fixed by the line's field

// Where a chunk should end so that chunks fill evenly up to the range's end: upstream's
// computeChunkEndTime.
TimeMs chunk_end(TimeMs start, TimeMs current, TimeMs range_end) {
  constexpr double kQuarter = 4;
  const double n = static_cast<double>(range_end - start) /
                   (static_cast<double>(current - start + 1) * kQuarter);
  if (n <= 1) return range_end;
  const double end =
      static_cast<double>(start) + static_cast<double>(range_end - start) / std::floor(n);
  // So far from 1970 that a double does not tell milliseconds apart.
  if (end >= static_cast<double>(range_end) || end <= static_cast<double>(current)) {
    return range_end;
  }
  return static_cast<TimeMs>(end);
}

TimeMs saturating_add(TimeMs time, TimeMs ms) {
  TimeMs sum = 0;
  if (!__builtin_add_overflow(time, ms, &sum)) return sum;
  return ms < 0 ? std::numeric_limits<TimeMs>::min() : std::numeric_limits<TimeMs>::max();
}

TimeMs range_end_of(TimeMs time) {
  const TimeMs index = time / kChunkRangeMs;  // truncates as upstream does
  return saturating_add(index * kChunkRangeMs, kChunkRangeMs);
}

TimeMs row_time(const model::FloatBatch& batch, std::size_t row) {
  return batch.times.empty() ? batch.time : batch.times[row];
}

std::size_t closed_capacity(std::size_t count) {
  return std::max<std::size_t>(2, std::bit_ceil(count));
}

void count_verdict(RowVerdict verdict, model::AppendReport& report) {
  switch (verdict) {
    case RowVerdict::kAppended:
    case RowVerdict::kSameAgain:
      ++report.appended;
      return;
    case RowVerdict::kDuplicate:
      ++report.duplicate;
      return;
    case RowVerdict::kOutOfOrder:
      ++report.out_of_order;
      return;
    case RowVerdict::kOutOfBounds:
      ++report.out_of_bounds;
      return;
    case RowVerdict::kGone:
      ++report.gone;
      return;
  }
}

// Against the newest sample only.
RowVerdict compare_newest(const SeriesHot& line, TimeMs time, double value) {
  if (line.n == 0 || time > line.last_t) return RowVerdict::kAppended;
  if (time < line.last_t) return RowVerdict::kOutOfOrder;
  const bool same =
      std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(line.last_v);
  return same ? RowVerdict::kSameAgain : RowVerdict::kDuplicate;
}

}  // namespace

// Series to be logged, which go back unless they were: whatever ends the attempt.
struct Head::Unlogged {
  explicit Unlogged(SeriesRegistry& from) : registry(from), slots(from.take_unlogged()) {}
  ~Unlogged() {
    if (!slots.empty()) registry.return_unlogged(std::move(slots));
  }
  Unlogged(const Unlogged&) = delete;
  Unlogged& operator=(const Unlogged&) = delete;

  SeriesRegistry& registry;
  std::vector<Slot> slots;
};

struct Head::Staged {
  std::vector<std::uint32_t> rows;  // of the batch
  std::vector<std::uint64_t> refs;
  std::vector<double> values;
  std::vector<TimeMs> times;  // empty: the batch's time
  TimeMs time = 0;
};

Result<std::unique_ptr<Head>> Head::create(HeadOptions options, const Clock& clock) {
  NX_TRY_ASSIGN(PageTable pages, PageTable::create());
  auto head = std::make_unique<Head>(options, clock, std::move(pages));
  NX_TRY_ASSIGN(head->registry_, SeriesRegistry::create(options.series_max, head->pages_));
  NX_TRY_ASSIGN(ChunkArena arena, ChunkArena::create(head->epochs_, options.chunk_bytes_max));
  head->arena_ = std::make_unique<ChunkArena>(std::move(arena));
  return head;
}

Head::Head(HeadOptions options, const Clock& clock, PageTable pages)
    : options_(options), clock_(clock), pages_(std::move(pages)) {}

Head::~Head() = default;

void Head::set_wal(WalWriter* wal) {
  wal_.store(wal, std::memory_order_release);
}

Result<model::SeriesHandle> Head::resolve(const model::Labels& labels) {
  bool is_new = false;
  NX_TRY_ASSIGN(const Slot slot, registry_->resolve(labels, is_new));
  if (is_new) counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return model::SeriesHandle{slot, pages_.control(slot).generation.load(std::memory_order_relaxed)};
}

TimeMs Head::oldest_time() const {
  return saturating_add(max_time(), -kChunkRangeMs / 2);
}

Result<Slot> Head::restore_series(const model::Labels& labels, SeriesRef ref) {
  NX_TRY_ASSIGN(const Slot slot, registry_->restore(labels, ref));
  counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

Result<std::size_t> Head::restore_samples(std::span<const Slot> slots,
                                          std::span<const TimeMs> times,
                                          std::span<const double> values) {
  NX_TRY_ASSIGN(const ChunkArena::Claim claim, arena_->claim(slots.size() * kRowBytesMax));
  std::size_t unknown = 0;
  TimeMs low = std::numeric_limits<TimeMs>::max();
  TimeMs high = std::numeric_limits<TimeMs>::min();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i + kPrefetchRows < slots.size() && slots[i + kPrefetchRows] != kNoSlot) {
      pages_.prefetch(slots[i + kPrefetchRows]);
    }
    if (slots[i] == kNoSlot) {
      ++unknown;
      continue;
    }
    SeriesHot& line = pages_.line(slots[i]);
    if (line.n != 0 && times[i] <= line.last_t) continue;
    push_sample(line, slots[i], times[i], values[i]);
    low = std::min(low, times[i]);
    high = std::max(high, times[i]);
  }
  if (low <= high) widen_time(low, high);
  return unknown;
}

void Head::check(const model::FloatBatch& batch, model::AppendReport& report,
                 Staged& staged) const {
  const std::size_t count = batch.series.size();
  const Slot slot_end = registry_->slot_end();
  const TimeMs oldest_allowed = oldest_time();
  const TimeMs future = options_.future_limit_ms == 0
                            ? std::numeric_limits<TimeMs>::max()
                            : saturating_add(clock_.now_ms(), options_.future_limit_ms);
  staged.time = batch.time;
  staged.rows.reserve(count);
  staged.refs.reserve(count);
  staged.values.reserve(count);
  if (!batch.times.empty()) staged.times.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kPrefetchRows < count) pages_.prefetch(batch.series[i + kPrefetchRows].slot);
    const model::SeriesHandle series = batch.series[i];
    if (series.slot >= slot_end ||
        pages_.control(series.slot).generation.load(std::memory_order_relaxed) !=
            series.generation) {
      report.verdicts[i] = RowVerdict::kGone;
      continue;
    }
    const TimeMs time = row_time(batch, i);
    RowVerdict verdict = RowVerdict::kAppended;
    if (time > future || time < oldest_allowed) {
      verdict = RowVerdict::kOutOfBounds;
      // An old sample of a series with newer ones is out of order first.
      const PageLock lock(pages_.control(batch.series[i].slot));
      const SeriesHot& line = pages_.line(batch.series[i].slot);
      if (time <= future && line.n != 0 && time <= line.last_t)
        verdict = compare_newest(line, time, batch.values[i]);
    }
    report.verdicts[i] = verdict;
    if (verdict != RowVerdict::kAppended) continue;
    staged.rows.push_back(static_cast<std::uint32_t>(i));
    staged.refs.push_back(registry_->ref(batch.series[i].slot));
    staged.values.push_back(batch.values[i]);
    if (!batch.times.empty()) staged.times.push_back(time);
  }
}

Result<void> Head::write_wal(const Staged& staged) {
  WalWriter* wal = wal_.load(std::memory_order_acquire);
  if (wal == nullptr) return Error(Code::kUnavailable, "the head is not open for writing");
  std::string samples;
  encode_samples(samples, {staged.refs, staged.values, staged.time, staged.times});
  WalPayload sample_payload = make_wal_payload(std::move(samples), options_.wal_compression);

  const MutexLock lock(commit_mutex_);
  Unlogged unlogged(*registry_);
  const std::vector<Slot>& created = unlogged.slots;
  std::vector<WalPayload> payloads;
  if (!created.empty()) {
    std::string series;
    begin_series_record(series);
    for (const Slot slot : created) {
      add_series(series, registry_->ref(slot), registry_->labels(slot));
      if (series.size() < kSeriesRecordBytes && slot != created.back()) continue;
      payloads.push_back(make_wal_payload(std::move(series), options_.wal_compression));
      series.clear();
      begin_series_record(series);
    }
  }
  payloads.push_back(std::move(sample_payload));
  Result<void> logged = wal->log(payloads);
  if (logged) unlogged.slots.clear();
  return logged;
}

void Head::note_commit(SeriesHot& line, Slot slot, const Isolation::Commit& commit) {
  const bool same_commit = line.append_id == commit.id() && line.last_n != 0;
  if (same_commit && line.last_n < kLastNMax) {
    ++line.last_n;
    return;
  }
  const bool seen_by_all = line.last_n == 0 || line.append_id < commit.horizon();
  if (!seen_by_all || (line.flags & kSeriesHasHidden) != 0) {
    keep_earlier(line, slot, commit.horizon());
  }
  line.append_id = commit.id();
  line.last_n = 1;
}

// The line's last commit joins those before it. What every reader sees goes, from the front only:
// the runs say by their lengths where each of them stands.
void Head::keep_earlier(SeriesHot& line, Slot slot, std::uint64_t horizon) {
  const MutexLock lock(side_mutex_);
  std::vector<EarlierRun>& runs = side_.earlier[slot];
  if (!runs.empty() && runs.back().id == line.append_id) {
    runs.back().n += line.last_n;
  } else if (line.last_n != 0) {
    runs.push_back({line.append_id, line.last_n});
  }
  const auto kept = std::ranges::find_if(runs, [&](const auto& run) { return run.id >= horizon; });
  runs.erase(runs.begin(), kept);
  if (runs.empty()) {
    side_.earlier.erase(slot);
    line.flags &= static_cast<std::uint8_t>(~kSeriesHasHidden);
  } else {
    line.flags |= kSeriesHasHidden;
  }
  if (side_.earlier.size() >= side_.sweep_at) sweep_due_.store(true, std::memory_order_relaxed);
}

// Series that nobody writes any more keep no list. Their flag may stay: it only says "look".
void Head::sweep_earlier(std::uint64_t horizon) {
  if (!sweep_due_.exchange(false, std::memory_order_relaxed)) return;
  const MutexLock lock(side_mutex_);
  std::erase_if(side_.earlier, [horizon](const auto& entry) {
    return std::ranges::all_of(entry.second, [&](const auto& run) { return run.id < horizon; });
  });
  side_.sweep_at = std::max(SideTables().sweep_at, 2 * side_.earlier.size());
}

std::size_t Head::earlier_commits() const {
  const MutexLock lock(side_mutex_);
  std::size_t count = 0;
  for (const auto& entry : side_.earlier) count += entry.second.size();
  return count;
}

RowVerdict Head::apply_row(Slot slot, TimeMs time, double value, const Isolation::Commit& commit) {
  SeriesHot& line = pages_.line(slot);
  const RowVerdict verdict = compare_newest(line, time, value);
  if (verdict != RowVerdict::kAppended) {
    // Upstream refuses by what was there before the batch; what only comes too late within it is
    // dropped without a word.
    const bool same_commit = line.append_id == commit.id() && line.last_n != 0;
    return same_commit ? RowVerdict::kSameAgain : verdict;
  }
  note_commit(line, slot, commit);
  push_sample(line, slot, time, value);
  return RowVerdict::kAppended;
}

void Head::apply(const model::FloatBatch& batch, const Staged& staged,
                 model::AppendReport& report) {
  const Isolation::Commit commit(isolation_);
  TimeMs low = std::numeric_limits<TimeMs>::max();
  TimeMs high = std::numeric_limits<TimeMs>::min();
  for (std::size_t i = 0; i < staged.rows.size();) {
    const Slot first = batch.series[staged.rows[i]].slot;
    const PageLock lock(pages_.control(first));
    for (; i < staged.rows.size(); ++i) {
      const std::uint32_t row = staged.rows[i];
      const Slot slot = batch.series[row].slot;
      if (slot / kPageSeries != first / kPageSeries) break;
      const TimeMs time = row_time(batch, row);
      report.verdicts[row] = apply_row(slot, time, batch.values[row], commit);
      low = std::min(low, time);
      high = std::max(high, time);
    }
  }
  if (!staged.rows.empty()) widen_time(low, high);
  if (sweep_due_.load(std::memory_order_relaxed)) sweep_earlier(commit.horizon());
}

void Head::widen_time(TimeMs low, TimeMs high) {
  TimeMs seen = min_time_.load(std::memory_order_relaxed);
  while (low < seen && !min_time_.compare_exchange_weak(seen, low, std::memory_order_relaxed)) {
  }
  seen = max_time_.load(std::memory_order_relaxed);
  while (high > seen && !max_time_.compare_exchange_weak(seen, high, std::memory_order_relaxed)) {
  }
}

Result<model::AppendReport> Head::append(const model::FloatBatch& batch) {
  NX_CHECK(batch.series.size() == batch.values.size());
  NX_CHECK(batch.times.empty() || batch.times.size() == batch.values.size());
  model::AppendReport report;
  report.verdicts.resize(batch.series.size());
  Staged staged;
  check(batch, report, staged);
  if (!staged.rows.empty()) {
    const std::size_t bytes = staged.rows.size() * kRowBytesMax;
    NX_TRY_ASSIGN(const ChunkArena::Claim claim, arena_->claim(bytes));
    NX_TRY(write_wal(staged));
    apply(batch, staged, report);
  }
  for (const RowVerdict verdict : report.verdicts) count_verdict(verdict, report);
  counters_.samples_appended.fetch_add(report.appended, std::memory_order_relaxed);
  counters_.duplicates.fetch_add(report.duplicate, std::memory_order_relaxed);
  counters_.out_of_order.fetch_add(report.out_of_order, std::memory_order_relaxed);
  counters_.out_of_bounds.fetch_add(report.out_of_bounds, std::memory_order_relaxed);
  return report;
}

// To memory for at least `bytes`, not less than what is flushed.
void Head::move_chunk(SeriesHot& line, std::size_t bytes) {
  std::uint16_t capacity = 0;
  const std::uint32_t handle = arena_->allocate(bytes, capacity);
  if (line.chunk != 0) {
    std::memcpy(arena_->at(handle), arena_->at(line.chunk), line.chunk_len);
    arena_->retire(line.chunk, line.capacity);
  }
  line.chunk = handle;
  line.capacity = capacity;
}

// What an unusual chunk took, later ones give back.
void Head::fit_chunk(SeriesHot& line, std::size_t bytes) {
  if (arena_class(bytes) < line.capacity) move_chunk(line, bytes);
}

// Room for one more entry in the line's list of full chunks.
void Head::grow_closed(SeriesHot& line, Slot slot) {
  const std::size_t count = line.closed_n;
  if (count != 0 && count < closed_capacity(count)) return;
  std::uint16_t capacity = 0;
  if (count == kClosedInlineMax) {
    const auto* entries = reinterpret_cast<const ClosedChunk*>(arena_->at(line.closed));
    const std::uint32_t empty =
        arena_->allocate(closed_capacity(1) * sizeof(ClosedChunk), capacity);
    const MutexLock lock(side_mutex_);
    auto& older = side_.older[slot];
    older.insert(older.end(), entries, entries + count);
    line.flags |= kSeriesHasOlder;
    arena_->retire(std::exchange(line.closed, empty),
                   static_cast<std::uint16_t>(count * sizeof(ClosedChunk)));
    line.closed_n = 0;
    return;
  }
  const std::uint32_t handle =
      arena_->allocate(closed_capacity(count + 1) * sizeof(ClosedChunk), capacity);
  if (line.closed != 0) {
    std::memcpy(arena_->at(handle), arena_->at(line.closed), count * sizeof(ClosedChunk));
    arena_->retire(line.closed, static_cast<std::uint16_t>(count * sizeof(ClosedChunk)));
  }
  line.closed = handle;
}

// Full: finish the open chunk in a buffer of its size and move it to the list.
void Head::cut_chunk(SeriesHot& line, Slot slot) {
  fit_chunk(line, line.chunk_len + sizeof line.acc);
  xor_finish(line, arena_->at(line.chunk));
  const auto file = static_cast<std::uint16_t>(kClosedInArena | xor_chunk_bytes(line));
  grow_closed(line, slot);
  auto* entries = reinterpret_cast<ClosedChunk*>(arena_->at(line.closed));
  entries[line.closed_n] = {line.last_t - line.chunk_span, line.chunk, file, line.n};
  ++line.closed_n;
  line.chunk = 0;
  line.n = 0;
  line.chunk_len = 0;
}

void Head::push_sample(SeriesHot& line, Slot slot, TimeMs time, double value) {
  std::size_t first_bytes = kFirstChunkBytes;
  if (line.n != 0) {
    const TimeMs start = line.last_t - line.chunk_span;
    if (line.n == kSamplesPerChunk / 4) {
      line.next_at =
          static_cast<std::uint32_t>(chunk_end(start, line.last_t, start + line.next_at) - start);
      // Some more than a quarter is there: room for the rest as it goes now.
      const std::size_t expected = 4 * xor_chunk_bytes(line) + kXorSampleBytesMax;
      if (expected < line.capacity) fit_chunk(line, expected);
    }
    const bool full = xor_chunk_bytes(line) > kChunkBytesCut || time >= start + line.next_at ||
                      line.n >= 2 * kSamplesPerChunk;
    if (full) {
      first_bytes = line.chunk_len + kXorSampleBytesMax;  // the next one will be about as large
      cut_chunk(line, slot);
    }
  }
  if (line.n == 0) {
    counters_.chunks_created.fetch_add(1, std::memory_order_relaxed);
    line.next_at = static_cast<std::uint32_t>(range_end_of(time) - time);
    line.chunk_span = 0;
  } else {
    line.chunk_span = static_cast<std::uint32_t>(time - (line.last_t - line.chunk_span));
  }
  const std::size_t needed = line.chunk_len + kXorSampleBytesMax;
  if (line.n == 0) {
    move_chunk(line, std::max(needed, first_bytes));
  } else if (needed > line.capacity) {
    move_chunk(line, needed);
  }
  xor_append(line, arena_->at(line.chunk), time, value);
}

}  // namespace narthex::tsdb
