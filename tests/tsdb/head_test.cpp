// Batches become visible whole, in order, and survive chunk ends, long lists of chunks and
// concurrent readers.
#include "tsdb/head/head.h"

#include <atomic>
#include <random>

#include <gtest/gtest.h>

#include "net/executors.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head_querier.h"

namespace narthex::tsdb {
namespace {

using model::FloatBatch;
using model::Labels;
using model::Matcher;
using model::RowVerdict;
using model::SampleColumns;
using model::SeriesHandle;
using model::TimeMs;
using model::TimeRange;

constexpr TimeRange kAll{std::numeric_limits<TimeMs>::min(), std::numeric_limits<TimeMs>::max()};

class HeadTest : public testing::Test {
 protected:
  HeadTest() {
    wal_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
    head_ = *Head::create({}, clock_);
    head_->set_wal(wal_.get());
  }

  SeriesHandle series(const std::string& name, const std::string& extra = "x") {
    return *head_->resolve(Labels{{"__name__", name}, {"extra", extra}}, model::kNoOwner);
  }

  RowVerdict append(SeriesHandle handle, TimeMs time, double value) {
    return head_->append({.series = {&handle, 1}, .values = {&value, 1}, .time = time})
        ->verdicts[0];
  }

  SampleColumns read(const std::string& name, TimeRange range = kAll) {
    const auto querier = make_head_querier(*head_, kAll);
    const auto set = *querier->select({Matcher::equal("__name__", name)}, {});
    SampleColumns out;
    if (set->size() == 1) EXPECT_TRUE(set->read(0, range, out));
    return out;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<WalWriter> wal_;
  std::unique_ptr<Head> head_;
  const TimeMs t0_ = 1'699'999'000'000;
};

TEST_F(HeadTest, GivesEachRowItsVerdict) {
  const SeriesHandle a = series("a");

  EXPECT_EQ(append(a, t0_, 1), RowVerdict::kAppended);
  EXPECT_EQ(append(a, t0_, 1), RowVerdict::kSameAgain);
  EXPECT_EQ(append(a, t0_, 2), RowVerdict::kDuplicate);
  EXPECT_EQ(append(a, t0_ - 1, 2), RowVerdict::kOutOfOrder);
  EXPECT_EQ(append(a, clock_.now_ms() + 11 * 60'000, 2), RowVerdict::kOutOfBounds);
  EXPECT_EQ(append(series("b"), t0_ - kChunkRangeMs, 2), RowVerdict::kOutOfBounds);
  EXPECT_EQ(append(SeriesHandle{a.slot, a.generation + 1}, t0_ + 1, 2), RowVerdict::kGone);
  EXPECT_EQ(read("a").times, std::vector<TimeMs>{t0_});
}

// Rows are refused by what was there before their batch; what only comes too late within it is
// dropped quietly, as upstream.
TEST_F(HeadTest, TakesRowsOfOneSeriesInRowOrder) {
  const SeriesHandle a = series("a");
  append(a, t0_, 0);
  const std::vector<SeriesHandle> rows(6, a);
  const std::vector<double> values = {1, 2, 3, 4, 5, 6};
  const std::vector<TimeMs> times = {t0_ - 1, t0_ + 1, t0_ + 3, t0_ + 2, t0_ + 3, t0_ + 4};

  const auto report = *head_->append({.series = rows, .values = values, .times = times});

  using enum RowVerdict;
  EXPECT_EQ(report.verdicts, (std::vector<RowVerdict>{kOutOfOrder, kAppended, kAppended, kSameAgain,
                                                      kSameAgain, kAppended}));
  EXPECT_EQ(report.out_of_order, 1U);
  EXPECT_EQ(report.duplicate, 0U);
  EXPECT_EQ(read("a").times, (std::vector<TimeMs>{t0_, t0_ + 1, t0_ + 3, t0_ + 4}));
  EXPECT_EQ(read("a").values, (std::vector<double>{0, 2, 3, 6}));
}

TEST_F(HeadTest, KeepsEverySampleOverManyChunks) {
  const SeriesHandle a = series("a");
  std::mt19937_64 random(7);
  SampleColumns want;
  TimeMs t = t0_ - 600'000;
  for (int i = 0; i < 20'000; ++i) {
    t += 1 + static_cast<TimeMs>(random() % 50);
    const double v = i % 3 == 0 ? static_cast<double>(random()) : static_cast<double>(i / 10);
    ASSERT_EQ(append(a, t, v), RowVerdict::kAppended);
    want.push(t, v);
  }

  const SampleColumns got = read("a");
  EXPECT_EQ(got.times, want.times);
  EXPECT_EQ(got.values, want.values);
  const SampleColumns part = read("a", {want.times[5000], want.times[5009]});
  EXPECT_EQ(part.size(), 10U);
}

TEST_F(HeadTest, CutsChunksAtTheTwoHourRange) {
  const SeriesHandle a = series("a");
  for (int i = 0; i < 10; ++i)
    append(a, t0_ - 9 * 900'000 + i * 900'000, i);  // crosses one boundary at least

  EXPECT_GE(head_->chunks_created(), 2U);
  EXPECT_EQ(read("a").size(), 10U);
}

TEST_F(HeadTest, SelectsByAllKindsOfMatchers) {
  for (const char* name : {"a", "b", "c"}) append(series(name, name), t0_, 1);
  const auto count = [&](model::MatchType type, const char* label, const char* value) {
    const auto querier = make_head_querier(*head_, kAll);
    return (*querier->select({*Matcher::create(type, label, value)}, {}))->size();
  };

  EXPECT_EQ(count(model::MatchType::kEqual, "extra", "a"), 1U);
  EXPECT_EQ(count(model::MatchType::kNotEqual, "extra", "a"), 2U);
  EXPECT_EQ(count(model::MatchType::kRegex, "extra", "a|b"), 2U);
  EXPECT_EQ(count(model::MatchType::kNotRegex, "extra", "a|b"), 1U);
  EXPECT_EQ(count(model::MatchType::kEqual, "missing", ""), 3U);
  EXPECT_EQ(count(model::MatchType::kNotEqual, "missing", ""), 0U);
  EXPECT_EQ(count(model::MatchType::kRegex, "missing", ".*"), 3U);
}

TEST_F(HeadTest, NewestComesWithoutDecodingAndWith) {
  const SeriesHandle a = series("a");
  for (int i = 0; i < 300; ++i) append(a, t0_ + i * 1000, i);
  const auto querier = make_head_querier(*head_, kAll);
  const auto set = *querier->select({Matcher::equal("__name__", "a")}, {});

  EXPECT_EQ((*set->read_newest(0, kAll))->value, 299);
  EXPECT_EQ((*set->read_newest(0, {t0_, t0_ + 10'500}))->value, 10);
  EXPECT_FALSE(*set->read_newest(0, {t0_ + 400'000, t0_ + 500'000}));
  EXPECT_FALSE(*set->read_newest(0, {t0_ - 10, t0_ - 1}));
}

// A querier sees the world of its opening, however many commits follow.
TEST_F(HeadTest, HidesCommitsAfterTheSnapshot) {
  const SeriesHandle a = series("a");
  append(a, t0_, 0);
  const auto querier = make_head_querier(*head_, kAll);
  for (int i = 1; i < 500; ++i) append(a, t0_ + i, i);
  const auto later = make_head_querier(*head_, kAll);
  for (int i = 500; i < 600; ++i) append(a, t0_ + i, i);

  for (const auto& [reader, want] : {std::pair(querier.get(), 1U), std::pair(later.get(), 500U)}) {
    const auto set = *reader->select({Matcher::equal("__name__", "a")}, {});
    SampleColumns out;
    ASSERT_TRUE(set->read(0, kAll, out));
    EXPECT_EQ(out.size(), want);
    EXPECT_EQ((*set->read_newest(0, kAll))->value, want - 1);
  }
}

// Promise I1: each commit writes one value to all series; no reader may see two different ones.
TEST_F(HeadTest, ReadersSeeWholeCommitsOnly) {
  std::vector<SeriesHandle> handles;
  for (int i = 0; i < 100; ++i) handles.push_back(series("iso", std::to_string(i)));
  std::atomic<bool> stop{false};
  std::atomic<int> checked{0};
  net::Executors executors(2, 1);
  net::TaskGroup group(executors);
  auto write_all = [&] {
    for (int i = 0; i < 2000; ++i) {
      const std::vector<double> values(handles.size(), i);
      (void)head_->append({.series = handles, .values = values, .time = t0_ + i});
    }
    stop.store(true);
  };
  auto check_all = [&] {
    while (!stop.load()) {
      const auto querier = make_head_querier(*head_, kAll);
      const auto set = *querier->select({Matcher::equal("__name__", "iso")}, {});
      std::optional<double> first;
      for (std::size_t i = 0; i < set->size(); ++i) {
        const auto newest = *set->read_newest(i, kAll);
        const double value = newest ? newest->value : -1;
        if (!first) first = value;
        EXPECT_EQ(value, *first) << "series " << i;
      }
      ++checked;
    }
  };
  auto writer = [&]() -> asio::awaitable<void> { co_return write_all(); };
  auto reader = [&]() -> asio::awaitable<void> { co_return check_all(); };

  group.spawn(writer);
  group.spawn(reader);
  group.close();

  EXPECT_TRUE(group.wait(std::chrono::minutes(2)));
  EXPECT_GT(checked.load(), 0);
}

// Grafana's drop-downs ask for a window: a series that ended before it must not be offered.
TEST_F(HeadTest, ListsOnlySeriesWithSamplesInTheWindow) {
  const SeriesHandle a = series("a");
  for (int i = 0; i < 300; ++i) append(a, t0_ + i * 1000, i);
  series("never");
  const auto count = [&](TimeRange range) {
    const auto querier = make_head_querier(*head_, kAll);
    const auto set = *querier->select({}, {.purpose = model::SelectPurpose::kListing});
    std::size_t found = 0;
    for (std::size_t i = 0; i < set->size(); ++i) found += set->overlaps(i, range) ? 1 : 0;
    return found;
  };

  EXPECT_EQ(count({t0_ + 100'000, t0_ + 100'000}), 1U);
  EXPECT_EQ(count({t0_ - 10, t0_}), 1U);
  EXPECT_EQ(count({t0_ - 10, t0_ - 1}), 0U);
  EXPECT_EQ(count({t0_ + 299'001, t0_ + 400'000}), 0U);
}

TEST_F(HeadTest, RefusesSeriesBeyondTheLimit) {
  const auto limited = *Head::create({.series_max = 1}, clock_);

  EXPECT_TRUE(limited->resolve(Labels{{"a", "1"}}, model::kNoOwner));
  EXPECT_TRUE(limited->resolve(Labels{{"a", "1"}}, model::kNoOwner));
  const auto second = limited->resolve(Labels{{"a", "2"}}, model::kNoOwner);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kLimit);
}

}  // namespace
}  // namespace narthex::tsdb
