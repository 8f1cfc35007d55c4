// Appending: check, write-ahead log, apply, publish.
//
// A batch is checked against the hot lines without locks, written to the WAL, and applied page by
// page. Between the check and the apply another batch may have written the same series, so apply
// has the last word. A commit's id is open while rows are applied; readers that started before hide
// the samples it adds (isolation.h).
#include "tsdb/head/head.h"

#include <algorithm>

#include "base/check.h"
#include "base/str.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::RowVerdict;
using model::TimeMs;

constexpr std::size_t kPrefetchRows = 12;  // tuned: hot lines in flight while checking
constexpr std::size_t kSeriesRecordBytes =
    1024 * 1024;  // tuned: readers of the WAL hold a record whole
TimeMs row_time(const model::FloatBatch& batch, std::size_t row) {
  return batch.times.empty() ? batch.time : batch.times[row];
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
  auto epochs = std::make_unique<Epochs>();
  NX_TRY_ASSIGN(PageTable table, PageTable::create());
  auto pages = std::make_unique<PageTable>(std::move(table));
  NX_TRY_ASSIGN(auto registry, SeriesRegistry::create(options.series_max, *pages));
  NX_TRY_ASSIGN(ChunkArena arena, ChunkArena::create(*epochs, options.chunk_bytes_max));
  return std::make_unique<Head>(
      options, clock,
      Memory{std::move(epochs), std::move(pages), std::move(registry), std::move(arena)});
}

Head::Head(HeadOptions options, const Clock& clock, Memory memory)
    : options_(options),
      clock_(clock),
      epochs_(std::move(memory.epochs)),
      pages_(std::move(memory.pages)),
      registry_(std::move(memory.registry)),
      chunks_(*pages_, std::move(memory.arena)),
      visibility_(*pages_),
      reader_(*pages_, chunks_, visibility_, *epochs_) {}

Head::~Head() = default;

void Head::set_wal(WalWriter* wal) {
  wal_.store(wal, std::memory_order_release);
}

Result<model::SeriesHandle> Head::resolve(const model::Labels& labels) {
  bool is_new = false;
  NX_TRY_ASSIGN(const Slot slot, registry_->resolve(labels, is_new));
  if (is_new) counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return model::SeriesHandle{slot,
                             pages_->control(slot).generation.load(std::memory_order_relaxed)};
}

TimeMs Head::oldest_time() const {
  return model::subtract_time(max_time(), kChunkRangeMs / 2);
}

Result<Slot> Head::restore_series(const model::Labels& labels, SeriesRef ref) {
  NX_TRY_ASSIGN(const Slot slot, registry_->restore(labels, ref));
  counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

Result<std::size_t> Head::restore_samples(std::span<const Slot> slots,
                                          std::span<const TimeMs> times,
                                          std::span<const double> values) {
  NX_TRY_ASSIGN(const ChunkArena::Claim claim, chunks_.claim(slots.size()));
  std::size_t unknown = 0;
  TimeMs low = std::numeric_limits<TimeMs>::max();
  TimeMs high = std::numeric_limits<TimeMs>::min();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i + kPrefetchRows < slots.size() && slots[i + kPrefetchRows] != kNoSlot) {
      pages_->prefetch(slots[i + kPrefetchRows]);
    }
    if (slots[i] == kNoSlot) {
      ++unknown;
      continue;
    }
    SeriesHot& line = pages_->line(slots[i]);
    if (line.n != 0 && times[i] <= line.last_t) continue;
    chunks_.push(line, slots[i], times[i], values[i]);
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
                            : model::add_time(clock_.now_ms(), options_.future_limit_ms);
  staged.time = batch.time;
  staged.rows.reserve(count);
  staged.refs.reserve(count);
  staged.values.reserve(count);
  if (!batch.times.empty()) staged.times.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kPrefetchRows < count) pages_->prefetch(batch.series[i + kPrefetchRows].slot);
    const model::SeriesHandle series = batch.series[i];
    if (series.slot >= slot_end ||
        pages_->control(series.slot).generation.load(std::memory_order_relaxed) !=
            series.generation) {
      report.verdicts[i] = RowVerdict::kGone;
      continue;
    }
    const TimeMs time = row_time(batch, i);
    RowVerdict verdict = RowVerdict::kAppended;
    if (time > future || time < oldest_allowed) {
      verdict = RowVerdict::kOutOfBounds;
      // An old sample of a series with newer ones is out of order first.
      const PageLock lock(pages_->control(batch.series[i].slot));
      const SeriesHot& line = pages_->line(batch.series[i].slot);
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

RowVerdict Head::apply_row(Slot slot, TimeMs time, double value, const Isolation::Commit& commit) {
  SeriesHot& line = pages_->line(slot);
  const RowVerdict verdict = compare_newest(line, time, value);
  if (verdict != RowVerdict::kAppended) {
    // Upstream refuses by what was there before the batch; what only comes too late within it is
    // dropped without a word.
    const bool same_commit = line.append_id == commit.id() && line.last_n != 0;
    return same_commit ? RowVerdict::kSameAgain : verdict;
  }
  visibility_.note(line, slot, commit);
  chunks_.push(line, slot, time, value);
  return RowVerdict::kAppended;
}

void Head::apply(const model::FloatBatch& batch, const Staged& staged,
                 model::AppendReport& report) {
  const Isolation::Commit commit(isolation_);
  TimeMs low = std::numeric_limits<TimeMs>::max();
  TimeMs high = std::numeric_limits<TimeMs>::min();
  for (std::size_t i = 0; i < staged.rows.size();) {
    const Slot first = batch.series[staged.rows[i]].slot;
    const PageLock lock(pages_->control(first));
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
  visibility_.sweep(commit.horizon());
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
    NX_TRY_ASSIGN(const ChunkArena::Claim claim, chunks_.claim(staged.rows.size()));
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

}  // namespace narthex::tsdb
