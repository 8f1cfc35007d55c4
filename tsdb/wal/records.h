// WAL records: what stands inside the framing. Format: docs/formats/wal.md; source of the fact:
// upstream tsdb/record. Encoders append to a string; decoders yield views into the record. Pure
// functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::tsdb {

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

/// The type of a record, kUnknown for an empty or newer one.
WalRecordType wal_record_type(std::span<const std::byte> record);

/// Starts a series record, then adds one series each.
void begin_series_record(std::string& out);
void add_series(std::string& out, std::uint64_t ref, const model::Labels& labels);

/// Calls `each(ref, labels)` for every series. kCorrupt: those before the damage were delivered,
/// and of a label that is too long (kWalLabelBytesMax) only its series was not.
template <typename Each>
Result<void> decode_series(std::span<const std::byte> record, Each each);

/// Rows of a samples record as columns.
struct SampleRows {
  std::vector<std::uint64_t> refs;
  std::vector<model::TimeMs> times;
  std::vector<double> values;
};

/// Replaces `rows` by the record's. kCorrupt: `rows` holds those before the damage.
Result<void> decode_samples(std::span<const std::byte> record, SampleRows& rows);

/// Row-aligned columns; the first row is the base of all deltas. `times` empty: all at `time`.
struct SampleRowsView {
  std::span<const std::uint64_t> refs;
  std::span<const double> values;
  model::TimeMs time = 0;
  std::span<const model::TimeMs> times;
};
void encode_samples(std::string& out, const SampleRowsView& rows);

namespace detail {
/// Reads one label set in the record's form into Labels' layout. False at damage.
bool read_labels(ByteReader& in, std::vector<model::LabelView>& labels);
bool fit_labels(const std::vector<model::LabelView>& labels);
model::Labels to_labels(std::vector<model::LabelView>& labels);
Error corrupt_record(std::string_view kind);
}  // namespace detail

template <typename Each>
Result<void> decode_series(std::span<const std::byte> record, Each each) {
  ByteReader in(record.subspan(1));
  std::vector<model::LabelView> labels;
  Result<void> done;
  while (in.left() > 0) {
    const std::uint64_t ref = in.be64();
    if (!detail::read_labels(in, labels)) return detail::corrupt_record("series");
    if (detail::fit_labels(labels)) {
      each(ref, detail::to_labels(labels));
    } else {
      done = Error(Code::kCorrupt, "series record has a label that is too long");
    }
  }
  return done;
}

}  // namespace narthex::tsdb
