// What was logged comes back whole; what was torn or damaged costs only itself.
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Read {
  std::vector<std::string> records;
  int damaged = 0;
  int torn = 0;
};

Read read_all(const std::string& segment) {
  Read out;
  WalReader reader(std::as_bytes(std::span(segment)));
  while (const auto item = reader.next()) {
    if (item->kind == WalItem::Kind::kRecord) out.records.push_back(text_of(item->record));
    if (item->kind == WalItem::Kind::kDamaged) ++out.damaged;
    if (item->kind == WalItem::Kind::kTorn) ++out.torn;
  }
  return out;
}

// One segment with these records, each logged by itself.
std::string write_segment(const std::vector<std::string>& records) {
  const test::TempDir dir;
  auto writer = *WalWriter::open(real_file_system(), dir.path(), 0, {});
  for (const std::string& record : records) {
    const WalPayload payload = make_wal_payload(record, true);
    EXPECT_TRUE(writer->log({&payload, 1}));
  }
  EXPECT_TRUE(writer->close());
  return *real_file_system().read_file(wal_segment_path(dir.path(), 0));
}

std::vector<std::string> sample_records() {
  std::vector<std::string> records;
  std::uint32_t state = 1;
  for (std::size_t size : {1UL, 100UL, 32754UL, 32761UL, 40000UL, 5UL, 100000UL, 7UL}) {
    std::string record;
    while (record.size() < size) {  // does not compress
      state = state * 1664525 + 1013904223;
      record += static_cast<char>(state >> 24);
    }
    records.push_back(record);
  }
  return records;
}

TEST(Wal, ReturnsRecordsOverPageEnds) {
  const std::vector<std::string> records = sample_records();

  const Read read = read_all(write_segment(records));

  EXPECT_EQ(read.records, records);
  EXPECT_EQ(read.damaged + read.torn, 0);
}

// A crash may cut the last record anywhere. Whatever was written before it must survive.
TEST(Wal, KeepsRecordsBeforeATornTail) {
  const std::vector<std::string> records = {"alpha", "beta", std::string(100, 'x') + "gamma"};
  const std::string segment = write_segment(records);
  const std::size_t last_start = write_segment({"alpha", "beta"}).size();

  for (std::size_t size = last_start + 1; size < segment.size(); ++size) {
    SCOPED_TRACE(size);
    const Read read = read_all(segment.substr(0, size));

    EXPECT_EQ(read.records, (std::vector<std::string>{"alpha", "beta"}));
    EXPECT_EQ(read.torn, 1);
  }
}

TEST(Wal, LosesOnlyThePageOfAFlippedBit) {
  const std::vector<std::string> records = sample_records();
  const std::string segment = write_segment(records);

  for (std::size_t at = 0; at < segment.size(); at += 509) {
    SCOPED_TRACE(at);
    std::string damaged = segment;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const Read read = read_all(damaged);

    EXPECT_GE(read.damaged + read.torn, 1);
    for (const std::string& record : read.records) {
      EXPECT_NE(std::ranges::find(records, record), records.end());
    }
  }
}

TEST(Wal, StartsANewSegmentWhenARecordDoesNotFit) {
  const test::TempDir dir;
  auto writer =
      *WalWriter::open(real_file_system(), dir.path(), 3, {.segment_bytes = 4 * kWalPageBytes});
  const std::string record(3 * kWalPageBytes, 'r');
  for (int i = 0; i < 3; ++i) {
    const WalPayload payload = make_wal_payload(record, false);
    ASSERT_TRUE(writer->log({&payload, 1}));
  }
  ASSERT_TRUE(writer->close());

  const auto segments = *list_wal_segments(real_file_system(), dir.path());

  ASSERT_EQ(segments.size(), 3U);
  for (const WalSegment& segment : segments) {
    EXPECT_EQ(read_all(*real_file_system().read_file(segment.path)).records,
              std::vector<std::string>{record});
  }
}

}  // namespace
}  // namespace narthex::tsdb
