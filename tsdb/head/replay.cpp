// Reading the WAL back.
#include "tsdb/head/replay.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "base/str.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {
namespace {

constexpr SeriesRef kDenseRefMax = 1
                                   << 24;  // tuned: 64 MiB of table at most, beyond that a hash map

/// References of WAL records to slots. Small ones index a table.
class RefMap {
 public:
  void set(SeriesRef ref, Slot slot) {
    if (ref >= kDenseRefMax) {
      sparse_[ref] = slot;
      return;
    }
    if (ref >= dense_.size())
      dense_.resize(std::max<std::size_t>(ref + 1, dense_.size() * 2), kNoSlot);
    dense_[ref] = slot;
  }
  Slot find(SeriesRef ref) const {
    if (ref < dense_.size()) return dense_[ref];
    if (ref < kDenseRefMax) return kNoSlot;
    const auto found = sparse_.find(ref);
    return found == sparse_.end() ? kNoSlot : found->second;
  }

 private:
  std::vector<Slot> dense_;
  std::unordered_map<SeriesRef, Slot> sparse_;
};

class Replay {
 public:
  Replay(FileSystem& fs, Head& head, Log& log) : fs_(fs), head_(head), log_(log) {}

  Result<void> directory(const std::string& dir, std::uint32_t from, bool is_log) {
    NX_TRY_ASSIGN(std::vector<WalSegment> segments, list_wal_segments(fs_, dir));
    std::erase_if(segments, [&](const WalSegment& s) { return s.number < from; });
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const bool newest = is_log && i + 1 == segments.size();
      NX_TRY(segment(segments[i], newest));
      if (is_log) report_.next_segment = segments[i].number + 1;
    }
    return {};
  }

  ReplayReport& report() { return report_; }

 private:
  Result<void> segment(const WalSegment& segment, bool newest) {
    std::uint64_t torn_at = 0;
    bool torn = false;
    {
      NX_TRY_ASSIGN(const std::unique_ptr<MappedFile> file, fs_.map(segment.path));
      WalReader reader(file->bytes());
      while (const std::optional<WalItem> item = reader.next()) {
        if (item->kind == WalItem::Kind::kRecord) {
          NX_TRY(record(*item, segment));
          continue;
        }
        ++report_.damaged_records;
        log_.warn("wal record skipped", {{"segment", segment.path}, {"reason", item->reason}});
        torn = item->kind == WalItem::Kind::kTorn;
        torn_at = item->offset;
      }
    }
    ++report_.segments;
    if (!torn || !newest) return {};
    NX_TRY_ASSIGN(const std::unique_ptr<WritableFile> file, fs_.open_append(segment.path));
    NX_TRY(file->truncate(torn_at));
    NX_TRY(file->sync());
    return file->close();
  }

  Result<void> record(const WalItem& item, const WalSegment& segment) {
    Result<void> decoded;
    switch (wal_record_type(item.record)) {
      case WalRecordType::kSeries:
        decoded = series(item.record);
        break;
      case WalRecordType::kSamples:
        decoded = samples(item.record);
        break;
      case WalRecordType::kHistogramSamples:
      case WalRecordType::kFloatHistogramSamples:
      case WalRecordType::kCustomBucketsHistogramSamples:
      case WalRecordType::kCustomBucketsFloatHistogramSamples:
      case WalRecordType::kSamplesV2:
      case WalRecordType::kHistogramSamplesV2:
      case WalRecordType::kFloatHistogramSamplesV2:
        ++report_.histogram_records;
        ++report_.skipped_records;
        return {};
      case WalRecordType::kUnknown:
      case WalRecordType::kTombstones:
      case WalRecordType::kExemplars:
      case WalRecordType::kMmapMarkers:
      case WalRecordType::kMetadata:
        ++report_.skipped_records;
        return {};
    }
    if (decoded) return {};
    if (decoded.error().code() != Code::kCorrupt) return decoded;
    ++report_.damaged_records;
    log_.warn("wal record skipped", {{"segment", segment.path},
                                     {"offset", item.offset},
                                     {"reason", decoded.error().message()}});
    return {};
  }

  Result<void> series(std::span<const std::byte> record) {
    Result<void> stored;
    const Result<void> decoded =
        decode_series(record, [&](SeriesRef ref, const model::Labels& labels) {
          if (!stored) return;
          const Result<Slot> slot = head_.restore_series(labels, ref);
          if (!slot) {
            stored = std::unexpected(slot.error());
            return;
          }
          refs_.set(ref, *slot);
          ++report_.series;
        });
    if (!stored) return stored;
    return decoded;
  }

  Result<void> samples(std::span<const std::byte> record) {
    const Result<void> decoded = decode_samples(record, rows_);
    slots_.clear();
    for (const SeriesRef ref : rows_.refs) slots_.push_back(refs_.find(ref));
    const std::size_t unknown = head_.restore_samples(slots_, rows_.times, rows_.values);
    report_.unknown_refs += unknown;
    report_.samples += slots_.size() - unknown;
    return decoded;
  }

  FileSystem& fs_;
  Head& head_;
  Log& log_;
  RefMap refs_;
  SampleRows rows_;
  std::vector<Slot> slots_;
  ReplayReport report_;
};

}  // namespace

Result<ReplayReport> replay_wal(FileSystem& fs, const std::string& dir, Head& head, Log& log) {
  Replay replay(fs, head, log);
  if (!fs.exists(dir)) return replay.report();
  NX_TRY_ASSIGN(const WalCheckpoint checkpoint, find_wal_checkpoint(fs, dir));
  std::uint32_t from = 0;
  if (!checkpoint.path.empty()) {
    NX_TRY(replay.directory(checkpoint.path, 0, false));
    from = checkpoint.covers + 1;
    replay.report().next_segment = from;
  }
  NX_TRY(replay.directory(dir, from, true));
  return replay.report();
}

}  // namespace narthex::tsdb
