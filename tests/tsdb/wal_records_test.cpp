// Records have the bytes of docs/formats/wal.md, and any other bytes are an error that costs only
// what stands behind it.
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "model/sample.h"
#include "tests/fuzz/wal_records_check.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::TimeMs;
using namespace std::string_literals;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// The examples of docs/formats/wal.md.
const std::string kSeriesExample =
    "\x01"
    "\0\0\0\0\0\0\0\x07"
    "\x02"
    "\x08__name__\x02up"
    "\x03job\x01"s
    "a";
const std::string kSamplesExample =
    "\x02"
    "\0\0\0\0\0\0\0\x07"
    "\0\0\x01\x8B\xCF\xE5\x68\0"
    "\0\0\x3F\xF0\0\0\0\0\0\0"
    "\x04\xD0\x0F\x40\x04\0\0\0\0\0\0"s;

std::string series_record(const std::vector<std::pair<std::uint64_t, Labels>>& series) {
  std::string record;
  begin_series_record(record);
  for (const auto& [ref, labels] : series) add_series(record, ref, labels);
  return record;
}

TEST(WalRecords, EncodesSeriesAsDocumented) {
  EXPECT_EQ(series_record({{7, Labels{{"__name__", "up"}, {"job", "a"}}}}), kSeriesExample);
}

TEST(WalRecords, DecodesSeriesAsDocumented) {
  SeriesRows rows;
  ASSERT_TRUE(decode_series(bytes_of(kSeriesExample), rows));

  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.refs[0], 7U);
  EXPECT_EQ(Labels::from_sorted(rows.row(0)), (Labels{{"__name__", "up"}, {"job", "a"}}));
}

TEST(WalRecords, EncodesSamplesAsDocumented) {
  const std::vector<std::uint64_t> refs = {7, 9};
  const std::vector<TimeMs> times = {1'700'000'000'000, 1'700'000'001'000};
  const std::vector<double> values = {1, 2.5};
  std::string record;
  encode_samples(record, {refs, values, 0, times});

  EXPECT_EQ(record, kSamplesExample);
}

TEST(WalRecords, DecodesSamplesAsDocumented) {
  SampleRows rows;
  ASSERT_TRUE(decode_samples(bytes_of(kSamplesExample), rows));

  EXPECT_EQ(rows.refs, (std::vector<std::uint64_t>{7, 9}));
  EXPECT_EQ(rows.times, (std::vector<TimeMs>{1'700'000'000'000, 1'700'000'001'000}));
  EXPECT_EQ(rows.values, (std::vector<double>{1, 2.5}));
}

TEST(WalRecords, KeepsTheBitsOfAStaleMarkerAndTimesAtBothEnds) {
  const std::vector<std::uint64_t> refs = {9, 3, ~std::uint64_t{0}};
  const std::vector<TimeMs> times = {std::numeric_limits<TimeMs>::max(),
                                     std::numeric_limits<TimeMs>::min(), 0};
  const std::vector<double> values = {model::stale_nan(), -0.0, 5e-324};
  std::string record;
  encode_samples(record, {refs, values, 0, times});
  SampleRows rows;

  ASSERT_TRUE(decode_samples(bytes_of(record), rows));

  EXPECT_TRUE(same_samples(rows, {refs, times, values}));
}

TEST(WalRecords, RowsWithoutTimesStandAtOne) {
  const std::vector<std::uint64_t> refs = {1, 2};
  const std::vector<double> values = {1, 2};
  std::string record;
  encode_samples(record, {refs, values, 77, {}});
  SampleRows rows;

  ASSERT_TRUE(decode_samples(bytes_of(record), rows));

  EXPECT_EQ(rows.times, (std::vector<TimeMs>{77, 77}));
}

TEST(WalRecords, ARecordWithoutRowsIsItsType) {
  std::string record;
  encode_samples(record, {});
  SampleRows rows;

  EXPECT_EQ(record, "\x02");
  EXPECT_TRUE(decode_samples(bytes_of(record), rows));
  EXPECT_EQ(rows.size(), 0U);
}

// Damage inside a record that has a right checksum: what stands before it counts.
TEST(WalRecords, ASamplesRecordCutShortKeepsItsWholeRows) {
  SampleRows rows;
  for (std::size_t size = 2; size < kSamplesExample.size(); ++size) {
    SCOPED_TRACE(size);
    const bool between_rows = size == 17 || size == 27;
    EXPECT_EQ(decode_samples(bytes_of(kSamplesExample).first(size), rows).has_value(),
              between_rows);
    EXPECT_EQ(rows.size(), size < 27 ? 0U : 1U);
  }
}

TEST(WalRecords, ASeriesRecordCutShortKeepsItsWholeRows) {
  const std::string record =
      series_record({{1, Labels{{"a", "b"}}}, {2, Labels{{"c", "d"}, {"e", "f"}}}});
  const std::size_t first = series_record({{1, Labels{{"a", "b"}}}}).size();
  SeriesRows rows;
  for (std::size_t size = 2; size < record.size(); ++size) {
    SCOPED_TRACE(size);
    EXPECT_EQ(decode_series(bytes_of(record).first(size), rows).has_value(), size == first);
    EXPECT_EQ(rows.size(), size < first ? 0U : 1U);
    EXPECT_EQ(rows.labels.size(), rows.size());
  }
}

TEST(WalRecords, PutsLabelsRightThatNobodyWrites) {
  std::string record;
  begin_series_record(record);
  append_be64(record, 7);
  append_uvarint(record, 6);
  for (const char* text : {"b", "1", "__name__", "m", "a", "", "b", "2", "c", "1", "c", ""}) {
    append_text(record, text);
  }
  SeriesRows rows;

  ASSERT_TRUE(decode_series(bytes_of(record), rows));

  EXPECT_EQ(Labels::from_sorted(rows.row(0)), (Labels{{"__name__", "m"}, {"b", "2"}}));
}

TEST(WalRecords, ALabelThatIsTooLongCostsItsRow) {
  std::string record = series_record({{1, Labels{{"a", "before"}}}});
  append_be64(record, 2);
  append_uvarint(record, 1);
  append_text(record, "a");
  append_text(record, std::string(kWalLabelBytesMax + 1, 'x'));
  add_series(record, 3, Labels{{"a", "after"}});
  SeriesRows rows;

  const Result<void> decoded = decode_series(bytes_of(record), rows);

  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Code::kCorrupt);
  EXPECT_EQ(rows.refs, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(rows.row(1)[0].value, "after");
}

TEST(WalRecords, ARecordOfAnotherTypeIsAnError) {
  SampleRows samples;
  SeriesRows series;

  EXPECT_FALSE(decode_samples(bytes_of(kSeriesExample), samples));
  EXPECT_FALSE(decode_series(bytes_of(kSamplesExample), series));
  EXPECT_FALSE(decode_samples({}, samples));
  EXPECT_FALSE(decode_series({}, series));
}

TEST(WalRecords, ReusedRowsForgetTheRecordBefore) {
  SampleRows samples;
  SeriesRows series;
  ASSERT_TRUE(decode_samples(bytes_of(kSamplesExample), samples));
  ASSERT_TRUE(decode_series(bytes_of(kSeriesExample), series));

  EXPECT_FALSE(decode_samples({}, samples));
  EXPECT_FALSE(decode_series({}, series));

  EXPECT_EQ(samples.size() + samples.times.size() + samples.values.size(), 0U);
  EXPECT_EQ(series.size() + series.ends.size() + series.labels.size(), 0U);
}

TEST(WalRecords, NamesEveryTypeAndKnowsWhichHoldValues) {
  const struct {
    const char* name;
    bool has_values;
  } types[] = {
      {"unknown", false},
      {"series", false},
      {"samples", true},
      {"tombstones", false},
      {"exemplars", false},
      {"mmapmarkers", false},
      {"metadata", false},
      {"histogram_samples", true},
      {"float_histogram_samples", true},
      {"custom_buckets_histogram_samples", true},
      {"custom_buckets_float_histogram_samples", true},
      {"samples_v2", true},
      {"histogram_samples_v2", true},
      {"float_histogram_samples_v2", true},
      {"unknown", false},  // 14: newer than what is known here
  };
  for (std::size_t i = 0; i < std::size(types); ++i) {
    SCOPED_TRACE(types[i].name);
    const WalRecordType type = wal_record_type(bytes_of(std::string(1, static_cast<char>(i))));
    EXPECT_EQ(wal_record_name(type), types[i].name);
    EXPECT_EQ(wal_record_has_values(type), types[i].has_values);
  }
}

TEST(WalRecords, AnEmptyRecordAndTheLastTypeByteAreUnknown) {
  EXPECT_EQ(wal_record_type({}), WalRecordType::kUnknown);
  EXPECT_EQ(wal_record_type(bytes_of("\xFF")), WalRecordType::kUnknown);
}

}  // namespace
}  // namespace narthex::tsdb
