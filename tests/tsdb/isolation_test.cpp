// A reader sees whole commits, however many overlap, and what is kept for it does not outlive it.
#include "tsdb/head/isolation.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include <gtest/gtest.h>

#include "net/executors.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::SeriesHandle;
using model::TimeMs;
using model::TimeRange;

constexpr TimeRange kAll{std::numeric_limits<TimeMs>::min(), std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kStart = 1'699'999'000'000;

TEST(Isolation, SeesAnOldCommitForGood) {
  ReadSnapshot snapshot;
  snapshot.next = std::uint64_t{5} << 31;

  EXPECT_TRUE(snapshot.sees(1));
  EXPECT_TRUE(snapshot.sees(snapshot.next - 1));
  EXPECT_FALSE(snapshot.sees(snapshot.next));
}

// Who comes between two commits must find kept what the first one adds, so the second must know
// that the first was open when it began.
TEST(Isolation, HorizonIsTheOldestCommitThatSomeoneMayNotSee) {
  Isolation isolation;
  std::optional<Isolation::Commit> first(isolation);
  const Isolation::Commit second(isolation);
  EXPECT_EQ(second.horizon(), first->id());

  std::optional<Isolation::Reader> reader(isolation);
  const std::uint64_t first_id = first->id();
  first.reset();
  EXPECT_EQ(Isolation::Commit(isolation).horizon(), first_id);

  reader.reset();
  EXPECT_EQ(Isolation::Commit(isolation).horizon(), second.id());
}

class IsolationTest : public testing::Test {
 protected:
  IsolationTest() {
    wal_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
    head_ = *Head::create({}, clock_);
    head_->set_wal(wal_.get());
  }

  std::vector<SeriesHandle> series(int count) {
    std::vector<SeriesHandle> handles;
    for (int i = 0; i < count; ++i) {
      handles.push_back(
          *head_->resolve(Labels{{"__name__", "m"}, {"i", std::to_string(i)}}, model::kNoOwner));
    }
    return handles;
  }

  std::size_t append(const std::vector<SeriesHandle>& handles, TimeMs time, double value) {
    const std::vector<double> values(handles.size(), value);
    const auto report = head_->append({.series = handles, .values = values, .time = time});
    return static_cast<std::size_t>(
        std::ranges::count(report->verdicts, model::RowVerdict::kAppended));
  }

  // How many series show each value to a reader that opens now.
  std::map<double, std::size_t> seen_values() {
    const auto querier = make_head_querier(*head_, kAll);
    const auto set = *querier->select({Matcher::equal("__name__", "m")}, {});
    std::map<double, std::size_t> seen;
    for (std::size_t i = 0; i < set->size(); ++i) {
      model::SampleColumns columns;
      EXPECT_TRUE(set->read(i, kAll, columns));
      for (const double value : columns.values) ++seen[value];
    }
    return seen;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<WalWriter> wal_;
  std::unique_ptr<Head> head_;
};

// Three writers write the same series, so that their commits overlap in every order, while readers
// come and go. Each commit writes a value of its own; where another was ahead of it, a row is
// refused, and the report says so. Every reader must find all of a commit's rows or none.
TEST_F(IsolationTest, OverlappingCommitsAreSeenWholeOrNotAtAll) {
  constexpr int kWriters = 3;
  constexpr int kCommits = 600;
  const std::vector<SeriesHandle> handles = series(70);
  std::atomic<TimeMs> next_time{kStart};
  std::atomic<int> writing{kWriters};
  std::mutex mutex;
  std::map<double, std::size_t> appended;
  std::vector<std::map<double, std::size_t>> snapshots;
  const auto write = [&] {
    for (int i = 0; i < kCommits; ++i) {
      const TimeMs time = next_time.fetch_add(1);
      const auto value = static_cast<double>(time - kStart);
      const std::size_t rows = append(handles, time, value);
      const std::lock_guard lock(mutex);
      appended[value] = rows;
    }
    --writing;
  };
  const auto read = [&] {
    while (writing.load() > 0) {
      auto seen = seen_values();
      const std::lock_guard lock(mutex);
      snapshots.push_back(std::move(seen));
    }
  };
  net::Executors executors(kWriters + 2, 1);
  net::TaskGroup group(executors);
  auto writer = [&]() -> asio::awaitable<void> { co_return write(); };
  auto reader = [&]() -> asio::awaitable<void> { co_return read(); };

  for (int i = 0; i < kWriters; ++i) group.spawn(writer);
  for (int i = 0; i < 2; ++i) group.spawn(reader);
  group.close();
  ASSERT_TRUE(group.wait(std::chrono::minutes(2)));

  ASSERT_FALSE(snapshots.empty());
  for (const auto& seen : snapshots) {
    for (const auto& [value, rows] : seen) ASSERT_EQ(rows, appended[value]) << "value " << value;
  }
  for (const auto& [value, rows] : seen_values()) EXPECT_EQ(rows, appended[value]);
}

// Grafana always has some query open: lists must follow the oldest of them, not the first.
TEST_F(IsolationTest, OverlappingReadersKeepOnlyWhatTheyMayNotSee) {
  const std::vector<SeriesHandle> handles = series(5);
  std::unique_ptr<model::Querier> reader;
  for (int i = 0; i < 100; ++i) {
    auto next = make_head_querier(*head_, kAll);  // before the one before it is gone
    append(handles, kStart + i, i);
    reader = std::move(next);
  }
  EXPECT_EQ(head_->earlier_commits(), 5U);  // the last but one of each series

  reader.reset();
  for (int i = 100; i < 102; ++i) append(handles, kStart + i, i);

  EXPECT_EQ(head_->earlier_commits(), 0U);
}

// Series that nobody writes any more must not keep their lists for ever.
TEST_F(IsolationTest, ListsOfIdleSeriesGoWhenThereAreMany) {
  auto old_reader = make_head_querier(*head_, kAll);
  const std::vector<SeriesHandle> idle = series(1900);
  for (int i = 0; i < 2; ++i) append(idle, kStart + i, i);
  EXPECT_EQ(head_->earlier_commits(), 1900U);
  const auto reader = make_head_querier(*head_, kAll);
  old_reader.reset();

  std::vector<SeriesHandle> busy;
  for (int i = 0; i < 30; ++i) {
    busy.push_back(
        *head_->resolve(Labels{{"__name__", "busy"}, {"i", std::to_string(i)}}, model::kNoOwner));
  }
  for (int i = 2; i < 12; ++i) append(busy, kStart + i, i);

  EXPECT_EQ(head_->earlier_commits(), 30U * 9);  // what the reader may not see, and no more
}

// More rows of one series in one commit than the line's field counts.
TEST_F(IsolationTest, HidesALongCommitOfOneSeriesWhole) {
  const SeriesHandle handle = series(1).front();
  append({handle}, kStart, 0);
  const auto before = make_head_querier(*head_, kAll);
  const std::vector<SeriesHandle> handles(700, handle);
  std::vector<double> values;
  std::vector<TimeMs> times;
  for (int i = 1; i <= 700; ++i) {
    values.push_back(i);
    times.push_back(kStart + i);
  }
  ASSERT_TRUE(head_->append({.series = handles, .values = values, .times = times}));
  append({handle}, kStart + 701, 701);

  const auto set = *before->select({Matcher::equal("__name__", "m")}, {});
  model::SampleColumns columns;
  ASSERT_TRUE(set->read(0, kAll, columns));
  EXPECT_EQ(columns.times, std::vector<TimeMs>{kStart});
  EXPECT_EQ(seen_values().size(), 702U);
}

}  // namespace
}  // namespace narthex::tsdb
