// What the head does at its edges: times before 1970 and at the ends of their type, no more room,
// chunks that shrink again, and what is refused leaves nothing behind.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/replay.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::RowVerdict;
using model::SeriesHandle;
using model::TimeMs;
using model::TimeRange;

constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min();
constexpr TimeMs kMax = std::numeric_limits<TimeMs>::max();
constexpr TimeRange kAll{kMin, kMax};
constexpr TimeMs kHour = 60LL * 60 * 1000;
constexpr TimeMs kStart = 1'699'999'000'000;

class HeadLimitsTest : public testing::Test {
 protected:
  HeadLimitsTest() { open({}); }

  void open(HeadOptions options) {
    wal_ = *WalWriter::open(real_file_system(), dir_.path(), segments_++, {});
    head_ = *Head::create(options, clock_);
    head_->set_wal(wal_.get());
  }

  SeriesHandle series(const std::string& name) {
    return *head_->resolve(Labels{{"__name__", name}}, model::kNoOwner);
  }

  RowVerdict append(SeriesHandle handle, TimeMs time, double value = 1) {
    const auto report =
        head_->append({.series = {&handle, 1}, .values = {&value, 1}, .time = time});
    return report ? report->verdicts[0] : RowVerdict::kGone;
  }

  std::vector<TimeMs> times(const std::string& name) {
    const auto querier = make_head_querier(*head_, kAll);
    const auto set = *querier->select({Matcher::equal("__name__", name)}, {});
    model::SampleColumns out;
    for (std::size_t i = 0; i < set->size(); ++i) EXPECT_TRUE(set->read(i, kAll, out));
    return out.times;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::uint32_t segments_ = 0;
  std::unique_ptr<WalWriter> wal_;
  std::unique_ptr<Head> head_;
};

// The head's newest time is that of its first sample, not of an empty head.
TEST_F(HeadLimitsTest, BeginsBefore1970) {
  const SeriesHandle a = series("a");
  const SeriesHandle b = series("b");

  EXPECT_EQ(append(a, -10 * kHour), RowVerdict::kAppended);
  EXPECT_EQ(append(a, -9 * kHour), RowVerdict::kAppended);
  EXPECT_EQ(append(b, -9 * kHour), RowVerdict::kAppended);
  EXPECT_EQ(append(a, -9 * kHour - 1), RowVerdict::kOutOfOrder);
  EXPECT_EQ(append(series("c"), -11 * kHour), RowVerdict::kOutOfBounds);
  EXPECT_EQ(append(a, -1), RowVerdict::kAppended);
  EXPECT_EQ(append(a, 0), RowVerdict::kAppended);
  EXPECT_EQ(append(a, 1), RowVerdict::kAppended);
  EXPECT_EQ(append(a, kStart), RowVerdict::kAppended);

  EXPECT_EQ(times("a"), (std::vector<TimeMs>{-10 * kHour, -9 * kHour, -1, 0, 1, kStart}));
  EXPECT_EQ(head_->min_time(), -10 * kHour);
  EXPECT_EQ(head_->max_time(), kStart);
}

TEST_F(HeadLimitsTest, TakesTimesAtTheEndsOfTheirType) {
  open({.future_limit_ms = 0});
  const SeriesHandle a = series("a");
  const std::vector<TimeMs> want = {kMin, kMin + 1, -1, 0, kMax - 1, kMax};

  for (const TimeMs time : want) EXPECT_EQ(append(a, time), RowVerdict::kAppended) << time;

  EXPECT_EQ(append(a, kMin), RowVerdict::kOutOfOrder);
  EXPECT_EQ(append(series("b"), kMin), RowVerdict::kOutOfBounds);
  EXPECT_EQ(times("a"), want);
}

// One batch, so that the WAL holds their differences.
TEST_F(HeadLimitsTest, LogsTimesAnyDistanceApart) {
  open({.future_limit_ms = 0});
  const std::vector<SeriesHandle> handles = {series("a"), series("b"), series("a")};
  const std::vector<double> values = {1, 2, 3};
  const std::vector<TimeMs> batch = {kMin, kMax, kMax};
  ASSERT_TRUE(head_->append({.series = handles, .values = values, .times = batch}));
  ASSERT_TRUE(wal_->close());

  head_ = *Head::create({}, clock_);
  ASSERT_TRUE(replay_wal(real_file_system(), dir_.path(), *head_, null_log()));

  EXPECT_EQ(times("a"), (std::vector<TimeMs>{kMin, kMax}));
  EXPECT_EQ(times("b"), (std::vector<TimeMs>{kMax}));
}

TEST_F(HeadLimitsTest, KnowsOnlyHandlesThatItGave) {
  const SeriesHandle a = series("a");

  EXPECT_EQ(append(SeriesHandle{}, kStart), RowVerdict::kGone);
  EXPECT_EQ(append(SeriesHandle{a.slot + 1'000'000, 0}, kStart), RowVerdict::kGone);
}

// A page that a limit keeps out must not fill the drop-downs, nor the memory.
TEST_F(HeadLimitsTest, KeepsNothingOfARefusedSeries) {
  open({.series_max = 1});
  series("a");

  EXPECT_FALSE(head_->resolve(Labels{{"__name__", "b"}, {"new", "value"}}, model::kNoOwner));

  EXPECT_EQ(*head_->registry().label_values("__name__", {}), std::vector<std::string>{"a"});
  EXPECT_EQ(*head_->registry().label_names({}), std::vector<std::string>{"__name__"});
  EXPECT_EQ(head_->registry().find_symbol("value"), 0U);
  EXPECT_EQ(head_->registry().statistics(10)->label_pairs, 1U);
}

TEST_F(HeadLimitsTest, RefusesBatchesWithoutRoomAndGoesOn) {
  open({.chunk_bytes_max = 128 * 1024});
  std::mt19937_64 random(5);
  std::vector<SeriesHandle> handles;
  for (int i = 0; i < 20; ++i) handles.push_back(series("s" + std::to_string(i)));
  std::vector<TimeMs> want;
  TimeMs time = kStart;
  bool refused = false;
  for (int i = 0; i < 500 && !refused; ++i) {
    std::vector<double> values;
    for (std::size_t s = 0; s < handles.size(); ++s) {
      values.push_back(std::bit_cast<double>(random() >> 2));
    }
    time += 1000;
    const auto report = head_->append({.series = handles, .values = values, .time = time});
    refused = !report;
    if (report) want.push_back(time);
    if (refused) EXPECT_EQ(report.error().code(), Code::kLimit);
  }

  EXPECT_TRUE(refused);
  EXPECT_EQ(times("s0"), want);
  EXPECT_EQ(times("s19"), want);
  EXPECT_TRUE(head_->resolve(Labels{{"__name__", "other"}}, model::kNoOwner));
  ASSERT_TRUE(wal_->close());
  open({});  // what was refused is not in the WAL either
  ASSERT_TRUE(replay_wal(real_file_system(), dir_.path(), *head_, null_log()));
  EXPECT_EQ(times("s0"), want);
}

// Bytes of chunks that a series takes for `count` more samples 15 s apart.
class HeadShrinkTest : public HeadLimitsTest {
 protected:
  double bytes_for(SeriesHandle handle, int count, bool noisy) {
    const std::uint64_t before = head_->chunk_bytes();
    for (int i = 0; i < count; ++i) {
      time_ += 15'000;
      clock_.advance_ms(15'000);
      const double value = noisy ? std::bit_cast<double>(random_() >> 2) : 1;
      EXPECT_EQ(append(handle, time_, value), RowVerdict::kAppended);
    }
    return static_cast<double>(head_->chunk_bytes()) - static_cast<double>(before);
  }

  std::mt19937_64 random_{9};
  TimeMs time_ = kStart;
};

TEST_F(HeadShrinkTest, OneNoisyChunkDoesNotMakeLaterOnesLarge) {
  const SeriesHandle calm = series("calm");
  const SeriesHandle shaken = series("shaken");
  bytes_for(calm, 240, false);
  bytes_for(shaken, 240, true);
  bytes_for(shaken, 240, false);

  // Blocks that were replaced are counted until readers have passed: the same for both.
  const double normal = bytes_for(calm, 1200, false);
  const double after = bytes_for(shaken, 1200, false);

  EXPECT_LE(after, normal * 1.2);
}

}  // namespace
}  // namespace narthex::tsdb
