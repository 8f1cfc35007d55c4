// What holds for any bytes that are taken for a record of the WAL: they are rows or an error, rows
// are aligned and never more than the bytes can hold, and what was decoded comes back equal when it
// is encoded and decoded again. The fuzzer and the unit suite call this.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <string>

#include "base/check.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {

/// Bit for bit: NaNs differ in their payload only.
inline bool same_samples(const SampleRows& a, const SampleRows& b) {
  const auto bits = [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  };
  return a.refs == b.refs && a.times == b.times && std::ranges::equal(a.values, b.values, bits);
}

inline void check_samples_record(std::span<const std::byte> record) {
  SampleRows rows;
  const Result<void> decoded = decode_samples(record, rows);
  NX_CHECK(rows.times.size() == rows.size() && rows.values.size() == rows.size());
  NX_CHECK(rows.size() <= record.size() / 10);  // docs/formats/wal.md: two varints and a value
  NX_CHECK(!decoded || wal_record_type(record) == WalRecordType::kSamples);
  std::string encoded;
  encode_samples(encoded, {rows.refs, rows.values, 0, rows.times});
  SampleRows again;
  NX_CHECK(decode_samples(std::as_bytes(std::span(encoded)), again).has_value());
  NX_CHECK(same_samples(rows, again));
}

inline void check_series_record(std::span<const std::byte> record) {
  SeriesRows rows;
  const Result<void> decoded = decode_series(record, rows);
  NX_CHECK(rows.ends.size() == rows.size());
  NX_CHECK(rows.size() <= record.size() / 9);  // a reference and a count
  NX_CHECK(rows.labels.size() <= record.size() / 2);
  NX_CHECK(!decoded || wal_record_type(record) == WalRecordType::kSeries);
  std::string encoded;
  begin_series_record(encoded);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = rows.row(i);
    const auto misplaced = [](const auto& a, const auto& b) { return a.name >= b.name; };
    NX_CHECK(std::ranges::adjacent_find(row, misplaced) == row.end());
    add_series(encoded, rows.refs[i], model::Labels::from_sorted(row));
  }
  SeriesRows again;
  NX_CHECK(decode_series(std::as_bytes(std::span(encoded)), again).has_value());
  NX_CHECK(again.refs == rows.refs && again.ends == rows.ends && again.labels == rows.labels);
}

inline void check_record(std::span<const std::byte> record) {
  NX_CHECK(!wal_record_name(wal_record_type(record)).empty());
  check_samples_record(record);
  check_series_record(record);
}

}  // namespace narthex::tsdb
