// Appending: stage, take the turn, log, apply.
#include "tsdb/head/head.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "tsdb/head/admission.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::RowVerdict;
using model::TimeMs;

constexpr std::size_t kPrefetchRows = 12;   // tuned: hot lines in flight
constexpr std::size_t kUnlinkSlots = 1024;  // tuned: some tens of microseconds of the commit lock
constexpr std::size_t kSeriesRecordBytes =
    1024 * 1024;  // tuned: readers of the WAL hold a record whole

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

// Rows that are in bounds and of living series, row-aligned columns, with their record.
struct Head::Staged {
  std::vector<std::uint32_t> rows;  // of the batch
  std::vector<Slot> slots;
  std::vector<std::uint32_t> generations;
  std::vector<std::uint64_t> refs;
  std::vector<double> values;
  std::vector<TimeMs> times;  // empty: the batch's time
  TimeMs time = 0;
  WalPayload record;

  AdmissionRows admission() const {
    return {
        .slots = slots, .generations = generations, .values = values, .time = time, .times = times};
  }
  void encode(bool compress) {
    std::string samples;
    encode_samples(samples, {refs, values, time, times});
    record = make_wal_payload(std::move(samples), compress);
  }
  void keep_only(std::span<const RowVerdict> verdicts, RowVerdict verdict);
};

// Of the columns, the rows with that verdict.
void Head::Staged::keep_only(std::span<const RowVerdict> verdicts, RowVerdict verdict) {
  const auto keep = [&](auto& column) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (verdicts[i] == verdict) column[kept++] = column[i];
    }
    column.resize(kept);
  };
  keep(rows);
  keep(slots);
  keep(generations);
  keep(refs);
  keep(values);
  keep(times);
}

// The commit closes before the pages go to the next turn: so of a series' commits a reader sees
// all up to some one, and none after it.
struct Head::Turn {
  Turn(Isolation& isolation, PageTable& table, WalPosition from)
      : commit(std::in_place, isolation, from), pages(table, commit->id()) {}
  ~Turn() { commit.reset(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  std::optional<Isolation::Commit> commit;
  AdmissionTurn pages;
};

Result<std::unique_ptr<Head>> Head::create(HeadOptions options, const Clock& clock) {
  auto epochs = std::make_unique<HeadEpochs>();
  NX_TRY_ASSIGN(PageTable table, PageTable::create());
  auto pages = std::make_unique<PageTable>(std::move(table));
  NX_TRY_ASSIGN(auto registry, SeriesRegistry::create(options.series_max, *pages, *epochs));
  NX_TRY_ASSIGN(ChunkArena arena, ChunkArena::create(epochs->reads, options.chunk_bytes_max));
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
      out_of_order_(*pages_),
      reader_(*pages_, chunks_, visibility_, out_of_order_, epochs_->reads) {}

Head::~Head() = default;

void Head::set_wal(WalWriter* wal) {
  wal_.store(wal, std::memory_order_release);
}

Result<model::SeriesHandle> Head::resolve(const model::Labels& labels, model::SeriesOwner owner) {
  bool is_new = false;
  NX_TRY_ASSIGN(const model::SeriesHandle series, registry_->resolve(labels, owner, is_new));
  if (is_new) counters_.series_created.fetch_add(1, std::memory_order_relaxed);
  return series;
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

// Whether a row's time may be at all. An old sample of a series with newer ones is out of order
// first.
RowVerdict Head::judge_time(const model::FloatBatch& batch, std::size_t row,
                            model::TimeRange allowed) const {
  const TimeMs time = batch.times.empty() ? batch.time : batch.times[row];
  if (time >= allowed.min && time <= allowed.max) [[likely]]
    return RowVerdict::kAppended;
  if (time > allowed.max) return RowVerdict::kOutOfBounds;
  const auto [slot, generation] = batch.series[row];
  const PageControl& page = pages_->control(slot);
  const PageLock lock(pages_->control(slot));
  if (page.generation.load(std::memory_order_relaxed) != generation) return RowVerdict::kGone;
  const RowVerdict verdict = compare_newest(pages_->line(slot), time, batch.values[row]);
  return verdict == RowVerdict::kAppended ? RowVerdict::kOutOfBounds : verdict;
}

void Head::stage(const model::FloatBatch& batch, model::AppendReport& report,
                 Staged& staged) const {
  const std::size_t count = batch.series.size();
  const Slot slot_end = registry_->slot_end();
  const model::TimeRange allowed{
      .min = oldest_time(),
      .max = options_.future_limit_ms == 0
                 ? std::numeric_limits<TimeMs>::max()
                 : model::add_time(clock_.now_ms(), options_.future_limit_ms)};
  staged.time = batch.time;
  staged.rows.reserve(count);
  staged.slots.reserve(count);
  staged.generations.reserve(count);
  staged.refs.reserve(count);
  staged.values.reserve(count);
  if (!batch.times.empty()) staged.times.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const model::SeriesHandle series = batch.series[i];
    const bool is_there = series.slot < slot_end &&
                          pages_->control(series.slot).generation.load(std::memory_order_relaxed) ==
                              series.generation;
    report.verdicts[i] = is_there ? judge_time(batch, i, allowed) : RowVerdict::kGone;
    if (report.verdicts[i] != RowVerdict::kAppended) continue;
    staged.rows.push_back(static_cast<std::uint32_t>(i));
    staged.slots.push_back(series.slot);
    staged.generations.push_back(series.generation);
    staged.refs.push_back(registry_->ref(series.slot));
    staged.values.push_back(batch.values[i]);
    if (!batch.times.empty()) staged.times.push_back(batch.times[i]);
  }
  if (!staged.rows.empty()) staged.encode(options_.wal_compression);
}

Result<void> Head::write_wal(WalWriter& wal, WalPayload samples) {
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
  payloads.push_back(std::move(samples));
  Result<void> logged = wal.log(payloads);
  if (logged) unlogged.slots.clear();
  return logged;
}

WalPosition Head::applied_position() {
  const MutexLock lock(commit_mutex_);  // no commit opens
  const WalWriter* wal = wal_.load(std::memory_order_acquire);
  const WalPosition end = wal == nullptr ? WalPosition() : wal->position();
  return std::min(end, isolation_.oldest_open().value_or(end));
}

// False when no row is good: then nothing is logged.
Result<bool> Head::admit_and_log(WalWriter& wal, Turn& turn, Staged& staged,
                                 model::AppendReport& report) {
  std::vector<RowVerdict> verdicts(staged.rows.size());
  const std::size_t admitted = turn.pages.judge(staged.admission(), verdicts);
  if (admitted < verdicts.size()) {
    for (std::size_t i = 0; i < verdicts.size(); ++i) report.verdicts[staged.rows[i]] = verdicts[i];
    if (admitted == 0) return false;
    staged.keep_only(verdicts, RowVerdict::kAppended);
    staged.encode(options_.wal_compression);
  }
  NX_TRY(write_wal(wal, std::move(staged.record)));
  return true;
}

void Head::apply(const model::FloatBatch& batch, const Staged& staged,
                 const Isolation::Commit& commit, model::AppendReport& report) {
  TimeMs low = std::numeric_limits<TimeMs>::max();
  TimeMs high = std::numeric_limits<TimeMs>::min();
  const std::size_t count = staged.slots.size();
  for (std::size_t i = 0; i < count;) {
    const Slot page = staged.slots[i] / kPageSeries;
    PageControl& control = pages_->control(staged.slots[i]);
    const PageLock lock(control);
    const std::uint32_t generation = control.generation.load(std::memory_order_relaxed);
    for (; i < count && staged.slots[i] / kPageSeries == page; ++i) {
      const Slot slot = staged.slots[i];
      if (batch.series[staged.rows[i]].generation != generation) {
        report.verdicts[staged.rows[i]] = RowVerdict::kGone;  // between its turn and now
        continue;
      }
      const TimeMs time = staged.times.empty() ? staged.time : staged.times[i];
      SeriesHot& line = pages_->line(slot);
      visibility_.note(line, slot, commit);
      chunks_.push(line, slot, time, staged.values[i]);
      low = std::min(low, time);
      high = std::max(high, time);
    }
  }
  if (low <= high) widen_time(low, high);
}

// No turn holds its page, and none begins.
bool Head::unlink_if_idle(Slot slot, TimeMs time) {
  PageControl& page = pages_->control(slot);
  wait_for_turn(page);
  const PageLock lock(page);
  SeriesHot& line = pages_->line(slot);
  if (line.n != 0 && line.last_t >= time) return false;
  line.flags |= kSeriesIsUnlinked;
  return true;
}

// In parts, so that nobody who appends waits for long. Between marking and unlinking a series has
// the mark already: it takes nothing that would be lost.
std::size_t Head::unlink_idle(TimeMs time) {
  const EpochGuard guard(epochs_->holds);
  SlotList slots = registry_->select({});
  std::ranges::sort(slots);
  std::size_t unlinked = 0;
  for (std::size_t at = 0; at < slots.size(); at += kUnlinkSlots) {
    SlotList idle;
    const MutexLock lock(commit_mutex_);
    for (const Slot slot :
         std::span(slots).subspan(at, std::min(kUnlinkSlots, slots.size() - at))) {
      if (unlink_if_idle(slot, time)) idle.push_back(slot);
    }
    registry_->unlink(idle);
    unlinked += idle.size();
  }
  return unlinked;
}

std::size_t Head::free_unlinked() {
  const std::vector<Slot> slots = registry_->take_unheld();
  for (const Slot slot : slots) {
    const MutexLock lock(commit_mutex_);  // no row of it is between its turn and its page
    PageControl& page = pages_->control(slot);
    wait_for_turn(page);
    {
      const PageLock page_lock(page);
      SeriesHot& line = pages_->line(slot);
      chunks_.release(line, slot);
      out_of_order_.release(line, slot);
      line = SeriesHot{.flags = kSeriesIsUnlinked};
    }
    registry_->give_back(slot, [&](Slot first) {
      const PageLock page_lock(page);
      visibility_.forget_page(page);
      for (Slot i = 0; i < kPageSeries; ++i) pages_->line(first + i) = SeriesHot{};
      page.generation.fetch_add(1, std::memory_order_relaxed);
    });
  }
  registry_->free_unused();
  return slots.size();
}

void Head::widen_time(TimeMs low, TimeMs high) {
  TimeMs seen = min_time_.load(std::memory_order_relaxed);
  while (low < seen && !min_time_.compare_exchange_weak(seen, low, std::memory_order_relaxed)) {
  }
  seen = max_time_.load(std::memory_order_relaxed);
  while (high > seen && !max_time_.compare_exchange_weak(seen, high, std::memory_order_relaxed)) {
  }
}

void Head::count(model::AppendReport& report) {
  for (const RowVerdict verdict : report.verdicts) count_verdict(verdict, report);
  counters_.samples_appended.fetch_add(report.appended, std::memory_order_relaxed);
  counters_.duplicates.fetch_add(report.duplicate, std::memory_order_relaxed);
  counters_.out_of_order.fetch_add(report.out_of_order, std::memory_order_relaxed);
  counters_.out_of_bounds.fetch_add(report.out_of_bounds, std::memory_order_relaxed);
}

Result<model::AppendReport> Head::append(const model::FloatBatch& batch) {
  NX_CHECK(batch.series.size() == batch.values.size());
  NX_CHECK(batch.times.empty() || batch.times.size() == batch.values.size());
  if (batch.histograms != nullptr && !batch.histograms->empty()) {
    return Error(Code::kInvalid, "not implemented yet: native histograms (in the head)");
  }
  model::AppendReport report;
  report.verdicts.resize(batch.series.size());
  Staged staged;
  stage(batch, report, staged);
  if (!staged.rows.empty()) {
    NX_TRY_ASSIGN(const ChunkArena::Claim claim, chunks_.claim(staged.rows.size()));
    std::optional<Turn> turn;
    bool is_logged = false;
    {
      const MutexLock lock(commit_mutex_);
      WalWriter* wal = wal_.load(std::memory_order_acquire);
      if (wal == nullptr) return Error(Code::kUnavailable, "the head is not open for writing");
      turn.emplace(isolation_, *pages_, wal->position());
      NX_TRY_ASSIGN(is_logged, admit_and_log(*wal, *turn, staged, report));
    }
    if (is_logged) apply(batch, staged, *turn->commit, report);
    const std::uint64_t horizon = turn->commit->horizon();
    turn.reset();
    visibility_.sweep(horizon);
  }
  count(report);
  return report;
}

}  // namespace narthex::tsdb
