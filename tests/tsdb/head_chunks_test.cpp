// The chunks of the head, as compaction and remote read will take them: decoded they are what a
// query sees at the same moment.
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/chunk/xor.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"

namespace narthex::tsdb {
namespace {

using model::ChunkList;
using model::Labels;
using model::SampleColumns;
using model::SeriesHandle;
using model::TimeMs;
using model::TimeRange;

constexpr TimeRange kAll{std::numeric_limits<TimeMs>::min(), std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kStart = 1'699'999'000'000;

class HeadChunksTest : public testing::Test {
 protected:
  HeadChunksTest() {
    wal_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
    head_ = *Head::create({.future_limit_ms = 0}, clock_);
    head_->set_wal(wal_.get());
  }
  ~HeadChunksTest() override { EXPECT_TRUE(wal_->close()); }

  SeriesHandle series(const std::string& name) {
    return *head_->resolve(Labels{{"__name__", name}}, model::kNoOwner);
  }
  void append(SeriesHandle handle, TimeMs time, double value) {
    const auto report = head_->append(
        {.series = std::span(&handle, 1), .values = std::span(&value, 1), .time = time});
    ASSERT_EQ(report->appended, 1U);
  }
  std::unique_ptr<model::ChunkSource> chunks(TimeRange range = kAll) {
    return *make_head_chunks(*head_, {}, {.range = range});
  }
  // Every chunk decoded, one after the other; checks what is said of each.
  static SampleColumns decode(const ChunkList& list) {
    SampleColumns all;
    for (const model::Chunk& chunk : list.chunks) {
      EXPECT_EQ(chunk.encoding, model::ChunkEncoding::kXor);
      SampleColumns own;
      EXPECT_TRUE(xor_decode(chunk.bytes, 10'000, kAll.min, kAll.max, own));
      EXPECT_EQ(own.times.front(), chunk.min_time);
      EXPECT_EQ(own.times.back(), chunk.max_time);
      all.times.insert(all.times.end(), own.times.begin(), own.times.end());
      all.values.insert(all.values.end(), own.values.begin(), own.values.end());
    }
    return all;
  }
  static SampleColumns read(const model::ChunkSource& source, std::size_t index,
                            TimeRange range = kAll) {
    ChunkList list;
    EXPECT_TRUE(source.read(index, range, list));
    return decode(list);
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<WalWriter> wal_;
  std::unique_ptr<Head> head_;
};

TEST_F(HeadChunksTest, HoldWhatQueriesSee) {
  const SeriesHandle handle = series("m");
  for (int i = 0; i < 1000; ++i) append(handle, kStart + i * 15'000, i * 0.5);
  const auto querier = make_head_querier(*head_, kAll);
  const auto set = *querier->select({}, {});
  SampleColumns expected;
  ASSERT_TRUE(set->read(0, kAll, expected));

  const SampleColumns found = read(*chunks(), 0);

  EXPECT_EQ(found.times, expected.times);
  EXPECT_EQ(found.values, expected.values);
}

TEST_F(HeadChunksTest, ComeInLabelOrder) {
  for (const char* name : {"m", "a", "z", "b"}) append(series(name), kStart, 1);
  series("empty");

  const auto source = chunks();

  std::vector<std::string> names;
  for (std::size_t i = 0; i < source->size(); ++i) {
    names.emplace_back(source->labels(i).get("__name__"));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "m", "z"}));
}

// A chunk that reaches into the range comes whole, the others not at all.
TEST_F(HeadChunksTest, AreThoseOfTheRange) {
  const SeriesHandle handle = series("m");
  for (int i = 0; i < 1000; ++i) append(handle, kStart + i * 15'000, i);
  const auto source = chunks();
  ChunkList all;
  ASSERT_TRUE(source->read(0, kAll, all));
  ASSERT_GT(all.chunks.size(), 4U);
  const model::Chunk second = all.chunks[1];
  const std::vector<std::byte> bytes(second.bytes.begin(), second.bytes.end());

  ChunkList list;
  for (const TimeMs at : {second.min_time, second.max_time}) {
    ASSERT_TRUE(source->read(0, {at, at}, list));
    ASSERT_EQ(list.chunks.size(), 1U);
    EXPECT_TRUE(std::ranges::equal(list.chunks[0].bytes, bytes));
  }
  ASSERT_TRUE(source->read(0, {second.max_time + 1, second.max_time + 1}, list));
  EXPECT_TRUE(list.chunks.empty());
  EXPECT_EQ(chunks({kStart - 10, kStart - 1})->size(), 0U);
}

// What came after the source was opened is in none of its chunks, neither in the open one nor in
// those that were cut since.
TEST_F(HeadChunksTest, EndWhereTheViewEnds) {
  const SeriesHandle handle = series("m");
  for (int i = 0; i < 50; ++i) append(handle, kStart + i * 15'000, i);
  const auto source = chunks();
  for (int i = 50; i < 1000; ++i) {
    append(handle, kStart + i * 15'000, i);
    if (i % 90 != 0) continue;

    const SampleColumns found = read(*source, 0);

    ASSERT_EQ(found.size(), 50U) << i;
    EXPECT_EQ(found.values.back(), 49);
  }
}

}  // namespace
}  // namespace narthex::tsdb
