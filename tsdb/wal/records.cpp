// Encoding and decoding of records.
#include "tsdb/wal/records.h"

#include <algorithm>

#include "base/str.h"

namespace narthex::tsdb {

WalRecordType wal_record_type(std::span<const std::byte> record) {
  if (record.empty()) return WalRecordType::kUnknown;
  const auto type = std::to_integer<std::uint8_t>(record.front());
  if (type > static_cast<std::uint8_t>(WalRecordType::kFloatHistogramSamplesV2))
    return WalRecordType::kUnknown;
  return static_cast<WalRecordType>(type);
}

void begin_series_record(std::string& out) {
  append_u8(out, static_cast<std::uint8_t>(WalRecordType::kSeries));
}

void add_series(std::string& out, std::uint64_t ref, const model::Labels& labels) {
  append_be64(out, ref);
  append_uvarint(out, labels.size());
  for (const auto [name, value] : labels) {
    append_text(out, name);
    append_text(out, value);
  }
}

namespace {

// Wraps, as the decoder does: times may be as far apart as they like.
std::int64_t delta(model::TimeMs time, model::TimeMs base) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time) -
                                   static_cast<std::uint64_t>(base));
}

}  // namespace

void encode_samples(std::string& out, const SampleRowsView& rows) {
  append_u8(out, static_cast<std::uint8_t>(WalRecordType::kSamples));
  const std::uint64_t base_ref = rows.refs.front();
  const model::TimeMs base_time = rows.times.empty() ? rows.time : rows.times.front();
  append_be64(out, base_ref);
  append_be64(out, static_cast<std::uint64_t>(base_time));
  const std::size_t start = out.size();
  out.resize(start + rows.refs.size() * 28);  // two varints of at most 10 bytes and a value
  char* at = out.data() + start;
  for (std::size_t i = 0; i < rows.refs.size(); ++i) {
    at = write_uvarint(at, zigzag(static_cast<std::int64_t>(rows.refs[i] - base_ref)));
    at = write_uvarint(at, rows.times.empty() ? 0 : zigzag(delta(rows.times[i], base_time)));
    store_be64(at, std::bit_cast<std::uint64_t>(rows.values[i]));
    at += 8;
  }
  out.resize(static_cast<std::size_t>(at - out.data()));
}

Result<void> decode_samples(std::span<const std::byte> record, SampleRows& rows) {
  rows.refs.clear();
  rows.times.clear();
  rows.values.clear();
  ByteReader in(record.subspan(1));
  const std::uint64_t base_ref = in.be64();
  const auto base_time = static_cast<model::TimeMs>(in.be64());
  if (!in.ok()) return detail::corrupt_record("samples");
  const std::size_t rows_max = in.left() / 10 + 1;  // a row takes at least ten bytes
  rows.refs.reserve(rows_max);
  rows.times.reserve(rows_max);
  rows.values.reserve(rows_max);
  while (in.left() > 0) {
    const auto ref = base_ref + static_cast<std::uint64_t>(in.varint());
    const auto time = static_cast<model::TimeMs>(static_cast<std::uint64_t>(base_time) +
                                                 static_cast<std::uint64_t>(in.varint()));
    const double value = in.f64();
    if (!in.ok()) return detail::corrupt_record("samples");
    rows.refs.push_back(ref);
    rows.times.push_back(time);
    rows.values.push_back(value);
  }
  return {};
}

namespace detail {

bool read_labels(ByteReader& in, std::vector<model::LabelView>& labels) {
  labels.clear();
  const std::uint64_t count = in.uvarint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (in.ok()) labels.push_back({name, value});
  }
  return in.ok();
}

bool fit_labels(const std::vector<model::LabelView>& labels) {
  return std::ranges::all_of(labels, [](const model::LabelView& label) {
    return label.name.size() <= kWalLabelBytesMax && label.value.size() <= kWalLabelBytesMax;
  });
}

model::Labels to_labels(std::vector<model::LabelView>& labels) {
  const auto misplaced = [](const model::LabelView& a, const model::LabelView& b) {
    return a.name >= b.name;
  };
  const auto is_empty = [](const model::LabelView& label) { return label.value.empty(); };
  const bool sorted = std::ranges::adjacent_find(labels, misplaced) == labels.end() &&
                      std::ranges::none_of(labels, is_empty);
  if (sorted) return model::Labels::from_sorted(labels);  // as every writer leaves them
  // Anything else is put right: of a repeated name the last counts, that which stands behind.
  std::ranges::sort(labels, [](const model::LabelView& a, const model::LabelView& b) {
    return a.name != b.name ? a.name < b.name : a.value.data() < b.value.data();
  });
  std::vector<model::LabelView> kept;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool last = i + 1 == labels.size() || labels[i + 1].name != labels[i].name;
    if (last && !labels[i].value.empty()) kept.push_back(labels[i]);
  }
  return model::Labels::from_sorted(kept);
}

Error corrupt_record(std::string_view kind) {
  return Error(Code::kCorrupt, concat(kind, " record is cut short"));
}

}  // namespace detail

}  // namespace narthex::tsdb
