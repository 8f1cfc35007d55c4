// Samples that came late are read in their place, by who may see them.
#include "tsdb/head/out_of_order.h"

#include <limits>

#include <gtest/gtest.h>

#include "tsdb/head/head.h"

namespace narthex::tsdb {
namespace {

using model::SampleColumns;
using model::TimeMs;

constexpr model::TimeRange kAll{std::numeric_limits<TimeMs>::min(),
                                std::numeric_limits<TimeMs>::max()};

class OutOfOrderTest : public testing::Test {
 protected:
  OutOfOrderTest() { EXPECT_TRUE(pages_.commit(kPageSeries)); }

  void push(TimeMs time, double value) {
    const Isolation::Commit commit(isolation_);
    const auto claim = *chunks_.claim(1);
    const PageLock lock(pages_.control(kSlot));
    visibility_.note(line(), kSlot, commit);
    chunks_.push(line(), kSlot, time, value);
  }
  bool insert(TimeMs time, double value, const Isolation::Commit& commit) {
    const PageLock lock(pages_.control(kSlot));
    return lists_.insert(line(), kSlot, commit, {time, value});
  }
  bool insert(TimeMs time, double value) {
    return insert(time, value, Isolation::Commit(isolation_));
  }
  SeriesHot& line() { return pages_.line(kSlot); }

  std::vector<double> read(const Isolation::Reader& reader, model::TimeRange range = kAll) {
    SampleColumns out;
    EXPECT_TRUE(reader_.read(kSlot, reader.snapshot(), range, out));
    EXPECT_TRUE(std::ranges::is_sorted(out.times));
    return out.values;
  }
  std::vector<double> read(model::TimeRange range = kAll) {
    return read(Isolation::Reader(isolation_), range);
  }

  static constexpr Slot kSlot = 5;
  Epochs epochs_;
  PageTable pages_ = *PageTable::create();
  ChunkLists chunks_{pages_, *ChunkArena::create(epochs_)};
  Isolation isolation_;
  Visibility visibility_{pages_};
  OutOfOrderLists lists_{pages_};
  SeriesReader reader_{pages_, chunks_, visibility_, lists_, epochs_};
};

TEST_F(OutOfOrderTest, AreReadInTheirPlace) {
  for (const TimeMs time : {100, 200, 300}) push(time, static_cast<double>(time));
  EXPECT_TRUE(insert(150, 150));
  EXPECT_TRUE(insert(50, 50));
  EXPECT_FALSE(insert(150, 7));
  EXPECT_TRUE(insert(200, 7));  // the one that came in order counts

  EXPECT_EQ(read(), (std::vector<double>{50, 100, 150, 200, 300}));
  EXPECT_EQ(read({.min = 60, .max = 199}), (std::vector<double>{100, 150}));
  const Isolation::Reader reader(isolation_);
  EXPECT_EQ((*reader_.read_newest(kSlot, reader.snapshot(), kAll))->value, 300);
  EXPECT_EQ((*reader_.read_newest(kSlot, reader.snapshot(), {.min = 0, .max = 160}))->value, 150);
  EXPECT_EQ((*reader_.read_newest(kSlot, reader.snapshot(), {.min = 0, .max = 60}))->value, 50);
  EXPECT_TRUE(reader_.overlaps(kSlot, {.min = 0, .max = 60}));
}

TEST_F(OutOfOrderTest, AreHiddenFromWhoCameBefore) {
  push(100, 100);
  push(300, 300);
  const Isolation::Reader before(isolation_);
  {
    const Isolation::Commit open(isolation_);
    EXPECT_TRUE(insert(200, 200, open));
    EXPECT_EQ(read(), (std::vector<double>{100, 300}));
  }
  push(400, 400);
  EXPECT_EQ(read(before), (std::vector<double>{100, 300}));
  EXPECT_EQ(read(), (std::vector<double>{100, 200, 300, 400}));
}

TEST_F(OutOfOrderTest, LeaveInChunksThatDoNotOverlap) {
  for (TimeMs time = 0; time < 500; ++time) push(time * 10, static_cast<double>(time * 10));
  for (TimeMs time = 0; time < 300; time += 3)
    insert(time * 10 + 5, static_cast<double>(time * 10 + 5));
  const Isolation::Reader reader(isolation_);
  model::ChunkList chunks;
  ASSERT_TRUE(reader_.read_chunks(kSlot, reader.snapshot(), kAll, chunks));

  SampleColumns samples;
  TimeMs before = -1;
  for (const model::Chunk& chunk : chunks.chunks) {
    EXPECT_GT(chunk.min_time, before);
    before = chunk.max_time;
    const std::size_t first = samples.size();
    const auto count = static_cast<std::uint32_t>(std::to_integer<unsigned>(chunk.bytes[0]) << 8 |
                                                  std::to_integer<unsigned>(chunk.bytes[1]));
    ASSERT_TRUE(xor_decode(chunk.bytes, count, kAll.min, kAll.max, samples));
    EXPECT_EQ(samples.times[first], chunk.min_time);
    EXPECT_EQ(samples.times.back(), chunk.max_time);
  }
  EXPECT_EQ(samples.values, read());
  EXPECT_EQ(samples.size(), 600U);
}

TEST_F(OutOfOrderTest, AreForgottenWithTheirSeries) {
  push(100, 100);
  insert(50, 50);
  {
    const PageLock lock(pages_.control(kSlot));
    lists_.release(line(), kSlot);
  }
  EXPECT_EQ(read(), std::vector<double>{100});
}

}  // namespace
}  // namespace narthex::tsdb
