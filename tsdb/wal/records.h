// Records of the WAL: the bytes inside the framing, and the one place that knows them. Replay,
// checkpoint, tailer, checks and remote write decode here. Format: docs/formats/wal.md; source of
// the facts: upstream tsdb/record/record.go, v3.14.0. Encoders append to a string. Decoders take
// any bytes, never read past them, and fill columns that the caller keeps from record to record,
// so that they allocate only to grow. Pure functions; the rows are thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::tsdb {

/// The first byte of a record. Decoded here: series and samples. The others are known by name, so
/// that a reader can pass over them and say what it passed over.
enum class WalRecordType : std::uint8_t {  // numbers fixed by docs/formats/wal.md
  kUnknown = 0,
  kSeries = 1,
  kSamples = 2,
  kTombstones = 3,
  kExemplars = 4,
  kMmapMarkers = 5,
  kMetadata = 6,
  kHistogramSamples = 7,
  kFloatHistogramSamples = 8,
  kCustomBucketsHistogramSamples = 9,
  kCustomBucketsFloatHistogramSamples = 10,
  kSamplesV2 = 11,
  kHistogramSamplesV2 = 12,
  kFloatHistogramSamplesV2 = 13,
};

/// A label name or value that model::Labels cannot hold is damage.
inline constexpr std::size_t kWalLabelBytesMax = model::kLabelTextBytesMax;

/// The type of a record; kUnknown for an empty one and for types newer than these.
WalRecordType wal_record_type(std::span<const std::byte> record);

/// As upstream names it, "samples_v2"; "unknown" for what is none of the above.
std::string_view wal_record_name(WalRecordType type);

/// Whether records of this type hold values of series: passing over one leaves a hole that a query
/// can see. Of kUnknown nobody knows; false.
bool wal_record_has_values(WalRecordType type);

/// Series as columns. A row's labels are as model::Labels wants them: names ascending and unique,
/// no empty values. Reused: clear() keeps the memory.
struct SeriesRows {
  std::vector<std::uint64_t> refs;
  std::vector<std::size_t> ends;         // of the rows in `labels`, half-open
  std::vector<model::LabelView> labels;  // views into the record, which must outlive their use

  std::size_t size() const { return refs.size(); }
  std::span<const model::LabelView> row(std::size_t i) const;
  void clear();
};

/// Replaces `rows` by the record's. kCorrupt: not a series record, or damaged; `rows` then holds
/// the rows before the damage, and of a label that is too long (kWalLabelBytesMax) only its row is
/// missing. Takes memory of at most 16 times the record.
Result<void> decode_series(std::span<const std::byte> record, SeriesRows& rows);

/// Starts a series record, then adds one series each.
void begin_series_record(std::string& out);
void add_series(std::string& out, std::uint64_t ref, const model::Labels& labels);

/// Samples as columns, row-aligned. Reused: clear() keeps the memory.
struct SampleRows {
  std::vector<std::uint64_t> refs;
  std::vector<model::TimeMs> times;
  std::vector<double> values;

  std::size_t size() const { return refs.size(); }
  void clear();
};

/// Replaces `rows` by the record's. kCorrupt: not a samples record (the first version), or damaged;
/// `rows` then holds the rows before the damage. Takes memory of at most 2.4 times the record.
Result<void> decode_samples(std::span<const std::byte> record, SampleRows& rows);

/// Row-aligned columns; the first row is the base of all deltas. `times` empty: all at `time`.
struct SampleRowsView {
  std::span<const std::uint64_t> refs;
  std::span<const double> values;
  model::TimeMs time = 0;
  std::span<const model::TimeMs> times;
};
/// Appends a whole samples record; one without rows is its type alone.
void encode_samples(std::string& out, const SampleRowsView& rows);

}  // namespace narthex::tsdb
