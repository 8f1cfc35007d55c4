// Encoding and decoding of records.
#include "tsdb/wal/records.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSampleBytesMin = 10;  // fixed by the format: two varints and a value
constexpr std::size_t kSampleBytesMax = 28;  // fixed by the format: varints take ten at most

// Wraps, as the decoder does: times may be as far apart as they like.
std::int64_t delta(model::TimeMs time, model::TimeMs base) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time) -
                                   static_cast<std::uint64_t>(base));
}

model::TimeMs add_delta(model::TimeMs base, std::int64_t delta) {
  return static_cast<model::TimeMs>(static_cast<std::uint64_t>(base) +
                                    static_cast<std::uint64_t>(delta));
}

Error cut_short(std::string_view kind) {
  return Error(Code::kCorrupt, concat(kind, " record is cut short"));
}

// The reader stands behind the type. kCorrupt: the record is of another one.
Result<void> expect_type(ByteReader& in, WalRecordType type) {
  if (in.u8() == static_cast<std::uint8_t>(type)) return {};
  return Error(Code::kCorrupt, concat("not a ", wal_record_name(type), " record"));
}

// Appends one label set as it stands in the record. False at damage.
bool read_labels(ByteReader& in, std::vector<model::LabelView>& labels) {
  const std::uint64_t count = in.uvarint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (in.ok()) labels.push_back({name, value});
  }
  return in.ok();
}

bool fits(const model::LabelView& label) {
  return label.name.size() <= kWalLabelBytesMax && label.value.size() <= kWalLabelBytesMax;
}

// Every writer leaves labels sorted. Anything else is put right: of a repeated name the last
// counts, that which stands behind.
void put_right(std::vector<model::LabelView>& labels, std::size_t from) {
  const auto first = labels.begin() + static_cast<std::ptrdiff_t>(from);
  const auto misplaced = [](const model::LabelView& a, const model::LabelView& b) {
    return a.name >= b.name;
  };
  const auto is_empty = [](const model::LabelView& label) { return label.value.empty(); };
  const bool is_right = std::adjacent_find(first, labels.end(), misplaced) == labels.end() &&
                        std::none_of(first, labels.end(), is_empty);
  if (is_right) return;
  std::sort(first, labels.end(), [](const model::LabelView& a, const model::LabelView& b) {
    return a.name != b.name ? a.name < b.name : a.value.data() > b.value.data();
  });
  const auto same_name = [](const model::LabelView& a, const model::LabelView& b) {
    return a.name == b.name;
  };
  labels.erase(std::unique(first, labels.end(), same_name), labels.end());
  labels.erase(
      std::remove_if(labels.begin() + static_cast<std::ptrdiff_t>(from), labels.end(), is_empty),
      labels.end());
}

void append_type(std::string& out, WalRecordType type) {
  append_u8(out, static_cast<std::uint8_t>(type));
}

}  // namespace

WalRecordType wal_record_type(std::span<const std::byte> record) {
  if (record.empty()) return WalRecordType::kUnknown;
  const auto type = std::to_integer<std::uint8_t>(record.front());
  if (type > static_cast<std::uint8_t>(WalRecordType::kFloatHistogramSamplesV2))
    return WalRecordType::kUnknown;
  return static_cast<WalRecordType>(type);
}

std::string_view wal_record_name(WalRecordType type) {
  switch (type) {
    case WalRecordType::kUnknown:
      break;
    case WalRecordType::kSeries:
      return "series";
    case WalRecordType::kSamples:
      return "samples";
    case WalRecordType::kTombstones:
      return "tombstones";
    case WalRecordType::kExemplars:
      return "exemplars";
    case WalRecordType::kMmapMarkers:
      return "mmapmarkers";
    case WalRecordType::kMetadata:
      return "metadata";
    case WalRecordType::kHistogramSamples:
      return "histogram_samples";
    case WalRecordType::kFloatHistogramSamples:
      return "float_histogram_samples";
    case WalRecordType::kCustomBucketsHistogramSamples:
      return "custom_buckets_histogram_samples";
    case WalRecordType::kCustomBucketsFloatHistogramSamples:
      return "custom_buckets_float_histogram_samples";
    case WalRecordType::kSamplesV2:
      return "samples_v2";
    case WalRecordType::kHistogramSamplesV2:
      return "histogram_samples_v2";
    case WalRecordType::kFloatHistogramSamplesV2:
      return "float_histogram_samples_v2";
  }
  return "unknown";
}

bool wal_record_has_values(WalRecordType type) {
  switch (type) {
    case WalRecordType::kSamples:
    case WalRecordType::kHistogramSamples:
    case WalRecordType::kFloatHistogramSamples:
    case WalRecordType::kCustomBucketsHistogramSamples:
    case WalRecordType::kCustomBucketsFloatHistogramSamples:
    case WalRecordType::kSamplesV2:
    case WalRecordType::kHistogramSamplesV2:
    case WalRecordType::kFloatHistogramSamplesV2:
      return true;
    case WalRecordType::kUnknown:
    case WalRecordType::kSeries:
    case WalRecordType::kTombstones:
    case WalRecordType::kExemplars:
    case WalRecordType::kMmapMarkers:
    case WalRecordType::kMetadata:
      return false;
  }
  return false;
}

std::span<const model::LabelView> SeriesRows::row(std::size_t i) const {
  const std::size_t from = i == 0 ? 0 : ends[i - 1];
  return std::span(labels).subspan(from, ends[i] - from);
}

void SeriesRows::clear() {
  refs.clear();
  ends.clear();
  labels.clear();
}

Result<void> decode_series(std::span<const std::byte> record, SeriesRows& rows) {
  rows.clear();
  ByteReader in(record);
  NX_TRY(expect_type(in, WalRecordType::kSeries));
  Result<void> done;
  while (in.left() > 0) {
    const std::size_t from = rows.labels.size();
    const std::uint64_t ref = in.be64();
    if (!read_labels(in, rows.labels)) {
      rows.labels.resize(from);
      return cut_short("series");
    }
    if (!std::ranges::all_of(std::span(rows.labels).subspan(from), fits)) {
      rows.labels.resize(from);
      done = Error(Code::kCorrupt, "series record has a label that is too long");
      continue;
    }
    put_right(rows.labels, from);
    rows.refs.push_back(ref);
    rows.ends.push_back(rows.labels.size());
  }
  return done;
}

void begin_series_record(std::string& out) {
  append_type(out, WalRecordType::kSeries);
}

void add_series(std::string& out, std::uint64_t ref, const model::Labels& labels) {
  append_be64(out, ref);
  append_uvarint(out, labels.size());
  for (const auto [name, value] : labels) {
    append_text(out, name);
    append_text(out, value);
  }
}

void SampleRows::clear() {
  refs.clear();
  times.clear();
  values.clear();
}

Result<void> decode_samples(std::span<const std::byte> record, SampleRows& rows) {
  rows.clear();
  ByteReader in(record);
  NX_TRY(expect_type(in, WalRecordType::kSamples));
  if (in.left() == 0) return {};
  const std::uint64_t base_ref = in.be64();
  const auto base_time = static_cast<model::TimeMs>(in.be64());
  if (!in.ok()) return cut_short("samples");
  const std::size_t rows_max = in.left() / kSampleBytesMin;
  rows.refs.reserve(rows_max);
  rows.times.reserve(rows_max);
  rows.values.reserve(rows_max);
  while (in.left() > 0) {
    const auto ref = base_ref + static_cast<std::uint64_t>(in.varint());
    const model::TimeMs time = add_delta(base_time, in.varint());
    const double value = in.f64();
    if (!in.ok()) return cut_short("samples");
    rows.refs.push_back(ref);
    rows.times.push_back(time);
    rows.values.push_back(value);
  }
  return {};
}

void encode_samples(std::string& out, const SampleRowsView& rows) {
  append_type(out, WalRecordType::kSamples);
  if (rows.refs.empty()) return;
  const std::uint64_t base_ref = rows.refs.front();
  const model::TimeMs base_time = rows.times.empty() ? rows.time : rows.times.front();
  append_be64(out, base_ref);
  append_be64(out, static_cast<std::uint64_t>(base_time));
  const std::size_t start = out.size();
  out.resize(start + rows.refs.size() * kSampleBytesMax);
  char* at = out.data() + start;
  for (std::size_t i = 0; i < rows.refs.size(); ++i) {
    at = write_uvarint(at, zigzag(static_cast<std::int64_t>(rows.refs[i] - base_ref)));
    at = write_uvarint(at, rows.times.empty() ? 0 : zigzag(delta(rows.times[i], base_time)));
    store_be64(at, std::bit_cast<std::uint64_t>(rows.values[i]));
    at += 8;
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
}

}  // namespace narthex::tsdb
