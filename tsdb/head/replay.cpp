// Reading the WAL back.
#include "tsdb/head/replay.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/parallel.h"
#include "base/str.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

constexpr SeriesRef kDenseRefMax = 1
                                   << 24;  // tuned: 64 MiB of table at most, beyond that a hash map

/// References of WAL records to slots. Small ones index a table, which never reaches the others.
class RefMap {
 public:
  void set(SeriesRef ref, Slot slot) {
    if (ref >= kDenseRefMax) {
      sparse_[ref] = slot;
      return;
    }
    if (ref >= dense_.size()) {
      const std::size_t doubled = std::min<std::size_t>(dense_.size() * 2, kDenseRefMax);
      dense_.resize(std::max<std::size_t>(ref + 1, doubled), kNoSlot);
    }
    dense_[ref] = slot;
  }
  Slot find(SeriesRef ref) const {
    if (ref < kDenseRefMax) return ref < dense_.size() ? dense_[ref] : kNoSlot;
    const auto found = sparse_.find(ref);
    return found == sparse_.end() ? kNoSlot : found->second;
  }

 private:
  std::vector<Slot> dense_;
  std::unordered_map<SeriesRef, Slot> sparse_;
};

/// What the decoding thread found at one place of a segment.
struct Finding {
  enum class Kind : std::uint8_t { kSeries, kSamples, kOther, kHistogram, kDamaged, kTorn };
  Kind kind = Kind::kOther;
  std::uint64_t offset = 0;
  std::vector<std::pair<SeriesRef, model::Labels>> series;
  SampleRows rows;
  std::string reason;
};

/// Bounded, from the decoding thread to the applying one.
class FindingQueue {
 public:
  /// Waits for room. False once closed.
  bool push(Finding finding) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || queue_.size() < kQueuedMax; });
    if (closed_) return false;
    queue_.push_back(std::move(finding));
    changed_.notify_all();
    return true;
  }

  /// Waits for the next; nothing once closed and empty.
  std::optional<Finding> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return std::nullopt;
    Finding finding = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return finding;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  static constexpr std::size_t kQueuedMax = 64;  // tuned: bounds memory at tens of MB
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Finding> queue_;
  bool closed_ = false;
};

/// Reads one segment: checks, decompresses and decodes, and hands on what it finds.
class Decoder {
 public:
  explicit Decoder(FindingQueue& out) : out_(out) {}

  Result<void> run(std::span<const std::byte> segment) {
    WalReader reader(segment);
    while (const std::optional<WalItem> item = reader.next()) {
      if (!(item->kind == WalItem::Kind::kRecord ? record(*item) : problem(*item))) break;
    }
    out_.close();
    return {};
  }

 private:
  bool problem(const WalItem& item) {
    const bool torn = item.kind == WalItem::Kind::kTorn;
    return push(torn ? Finding::Kind::kTorn : Finding::Kind::kDamaged, item.offset, item.reason);
  }

  bool push(Finding::Kind kind, std::uint64_t offset, std::string reason = {}) {
    Finding finding;
    finding.kind = kind;
    finding.offset = offset;
    finding.reason = std::move(reason);
    return out_.push(std::move(finding));
  }

  bool record(const WalItem& item) {
    const WalRecordType type = wal_record_type(item.record);
    if (type == WalRecordType::kSeries) return series(item);
    if (type != WalRecordType::kSamples) {
      const bool has_values = wal_record_has_values(type);
      return push(has_values ? Finding::Kind::kHistogram : Finding::Kind::kOther, item.offset);
    }
    Finding finding;
    finding.kind = Finding::Kind::kSamples;
    const Result<void> decoded = decode_samples(item.record, finding.rows);
    return hand_on(std::move(finding), item.offset, decoded);
  }

  // The labels leave the record, which the other thread may meet when it is gone.
  bool series(const WalItem& item) {
    const Result<void> decoded = decode_series(item.record, rows_);
    Finding finding;
    finding.kind = Finding::Kind::kSeries;
    finding.series.reserve(rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      finding.series.emplace_back(rows_.refs[i], model::Labels::from_sorted(rows_.row(i)));
    }
    return hand_on(std::move(finding), item.offset, decoded);
  }

  // What stands before the damage in a record counts.
  bool hand_on(Finding finding, std::uint64_t offset, const Result<void>& decoded) {
    if (!out_.push(std::move(finding))) return false;
    return decoded || push(Finding::Kind::kDamaged, offset, decoded.error().message());
  }

  FindingQueue& out_;
  SeriesRows rows_;  // of the record being read
};

// Memory refused costs the replay, not the process: `work` ends in an error, and the other thread,
// which may wait at the queue, is told.
template <typename Work>
Result<void> guarded(FindingQueue& queue, Work work) {
  Result<void> done;
  try {
    done = work();
  } catch (const std::exception& e) {
    done = Error(Code::kLimit, concat("replaying the wal: ", e.what()));
  }
  if (!done) queue.close();
  return done;
}

/// Two threads a segment: one decodes, the caller's applies in order.
class Replay {
 public:
  Replay(FileSystem& fs, Head& head, Log& log, const ReplayControl& control)
      : fs_(fs), head_(head), log_(log), control_(control) {}

  Result<void> directory(const std::string& dir, std::uint32_t from, bool is_log) {
    NX_TRY_ASSIGN(std::vector<WalSegment> segments, list_wal_segments(fs_, dir));
    std::erase_if(segments, [&](const WalSegment& s) { return s.number < from; });
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const bool newest = is_log && i + 1 == segments.size();
      NX_TRY(segment(segments[i], newest));
      if (!is_log) continue;
      report_.next_segment = segments[i].number + 1;
      show_current(segments[i].number);
    }
    return {};
  }

  // As upstream counts: its writer's new segment is there before the others are read. `covers` is
  // the last segment of a checkpoint.
  Result<void> show_range(const std::string& dir, std::optional<std::uint32_t> covers) const {
    if (control_.progress == nullptr) return {};
    NX_TRY_ASSIGN(const std::vector<WalSegment> segments, list_wal_segments(fs_, dir));
    const std::uint32_t first = segments.empty() ? 0 : segments.front().number;
    const std::uint32_t next = segments.empty() ? 0 : segments.back().number + 1;
    control_.progress->first = covers.value_or(first);
    control_.progress->current = covers.value_or(first);
    control_.progress->last = std::max(next, covers ? *covers + 1 : 0);
    return {};
  }
  void show_current(std::uint32_t segment) const {
    if (control_.progress != nullptr) control_.progress->current = segment;
  }

  ReplayReport& report() { return report_; }

 private:
  Result<void> segment(const WalSegment& segment, bool newest) {
    torn_at_.reset();
    if (segment.bytes > 0) {
      NX_TRY_ASSIGN(const std::unique_ptr<MappedFile> file, fs_.map(segment.path));
      FindingQueue queue;
      Decoder decoder(queue);
      Result<void> decoded;
      Result<void> applied;
      const auto decode = [&] { return decoder.run(file->bytes()); };
      const auto apply = [&] { return drain(queue, segment); };
      run_beside([&] { decoded = guarded(queue, decode); },
                 [&] { applied = guarded(queue, apply); });
      NX_TRY(applied);
      NX_TRY(decoded);
    }
    ++report_.segments;
    if (!torn_at_ || !newest) return {};
    NX_TRY_ASSIGN(const std::unique_ptr<WritableFile> file, fs_.open_append(segment.path));
    NX_TRY(file->truncate(*torn_at_));
    NX_TRY(file->sync());
    return file->close();
  }

  Result<void> drain(FindingQueue& queue, const WalSegment& segment) {
    while (const std::optional<Finding> finding = queue.pop()) {
      if (!control_.stop.check()) return Error(Code::kCancelled, "the replay was stopped");
      NX_TRY(apply(*finding, segment));
    }
    return {};
  }

  Result<void> apply(const Finding& finding, const WalSegment& segment) {
    switch (finding.kind) {
      case Finding::Kind::kSeries:
        return series(finding.series);
      case Finding::Kind::kSamples:
        return samples(finding.rows);
      case Finding::Kind::kHistogram:
        ++report_.histogram_records;
        ++report_.skipped_records;
        return {};
      case Finding::Kind::kOther:
        ++report_.skipped_records;
        return {};
      case Finding::Kind::kTorn:
        torn_at_ = finding.offset;
        break;
      case Finding::Kind::kDamaged:
        break;
    }
    ++report_.damaged_records;
    log_.warn("wal record skipped",
              {{"segment", segment.path}, {"offset", finding.offset}, {"reason", finding.reason}});
    return {};
  }

  Result<void> series(const std::vector<std::pair<SeriesRef, model::Labels>>& all) {
    for (const auto& [ref, labels] : all) {
      NX_TRY_ASSIGN(const Slot slot, head_.restore_series(labels, ref));
      refs_.set(ref, slot);
      ++report_.series;
    }
    return {};
  }

  Result<void> samples(const SampleRows& rows) {
    slots_.clear();
    for (const SeriesRef ref : rows.refs) slots_.push_back(refs_.find(ref));
    NX_TRY_ASSIGN(const std::size_t unknown,
                  head_.restore_samples(slots_, rows.times, rows.values));
    report_.unknown_refs += unknown;
    report_.samples += slots_.size() - unknown;
    return {};
  }

  FileSystem& fs_;
  Head& head_;
  Log& log_;
  const ReplayControl& control_;
  RefMap refs_;
  std::vector<Slot> slots_;
  std::optional<std::uint64_t> torn_at_;
  ReplayReport report_;
};

}  // namespace

Result<ReplayReport> replay_wal(FileSystem& fs, const std::string& dir, Head& head, Log& log,
                                const ReplayControl& control) {
  Replay replay(fs, head, log, control);
  if (!fs.exists(dir)) return replay.report();
  NX_TRY_ASSIGN(const WalCheckpoint checkpoint, find_wal_checkpoint(fs, dir));
  std::uint32_t from = 0;
  const bool has_checkpoint = !checkpoint.path.empty();
  NX_TRY(replay.show_range(dir, has_checkpoint ? std::optional(checkpoint.covers) : std::nullopt));
  if (has_checkpoint) {
    NX_TRY(replay.directory(checkpoint.path, 0, false));
    from = checkpoint.covers + 1;
    replay.report().next_segment = from;
  }
  NX_TRY(replay.directory(dir, from, true));
  replay.show_current(std::max(from, replay.report().next_segment));
  return replay.report();
}

}  // namespace narthex::tsdb
