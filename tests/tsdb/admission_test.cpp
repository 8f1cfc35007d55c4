// What is in the log is what the head took, in the order in which it took it.
#include "tsdb/head/admission.h"

#include <atomic>
#include <map>

#include <gtest/gtest.h>

#include "net/executors.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/replay.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::RowVerdict;
using model::SeriesHandle;
using model::TimeMs;

constexpr model::TimeRange kAll{std::numeric_limits<TimeMs>::min(),
                                std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kStart = 1'699'999'000'000;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    wal_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
    head_ = *Head::create({}, clock_);
    head_->set_wal(wal_.get());
  }
  ~AdmissionTest() override { EXPECT_TRUE(wal_->close()); }

  SeriesHandle series(int i) {
    return *head_->resolve(Labels{{"__name__", "m"}, {"i", std::to_string(i)}}, model::kNoOwner);
  }
  std::vector<RowVerdict> append(std::vector<SeriesHandle> handles, std::vector<TimeMs> times,
                                 std::vector<double> values) {
    return head_->append({.series = handles, .values = values, .times = times})->verdicts;
  }

  // Values in the log by series and time, in the log's order.
  std::vector<double> logged() {
    std::vector<double> values;
    const auto segment = real_file_system().map(dir_.path() + "/00000000");
    WalReader reader((*segment)->bytes());
    while (const auto item = reader.next()) {
      if (wal_record_type(item->record) != WalRecordType::kSamples) continue;
      SampleRows rows;
      EXPECT_TRUE(decode_samples(item->record, rows));
      values.insert(values.end(), rows.values.begin(), rows.values.end());
    }
    return values;
  }

  using Content = std::map<std::string, std::vector<std::pair<TimeMs, double>>>;
  static Content content(const Head& head) {
    const auto querier = make_head_querier(head, kAll);
    const auto set = *querier->select({Matcher::equal("__name__", "m")}, {});
    Content out;
    for (std::size_t i = 0; i < set->size(); ++i) {
      model::SampleColumns columns;
      EXPECT_TRUE(set->read(i, kAll, columns));
      auto& samples = out[set->labels(i).to_string()];
      for (std::size_t k = 0; k < columns.size(); ++k) {
        samples.emplace_back(columns.times[k], columns.values[k]);
      }
    }
    return out;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<WalWriter> wal_;
  std::unique_ptr<Head> head_;
};

TEST_F(AdmissionTest, LogsOnlyWhatTheHeadTakes) {
  const SeriesHandle a = series(0);
  const SeriesHandle b = series(1);
  append({a, b}, {kStart, kStart}, {1, 2});

  const auto verdicts = append(
      {a, b, a, b, a}, {kStart - 1, kStart, kStart, kStart + 1, kStart + 2}, {10, 11, 1, 12, 13});

  EXPECT_EQ(verdicts,
            (std::vector{RowVerdict::kOutOfOrder, RowVerdict::kDuplicate, RowVerdict::kSameAgain,
                         RowVerdict::kAppended, RowVerdict::kAppended}));
  EXPECT_EQ(logged(), (std::vector<double>{1, 2, 12, 13}));
}

TEST_F(AdmissionTest, LogsNothingOfABatchThatIsRefusedWhole) {
  const SeriesHandle a = series(0);
  append({a}, {kStart}, {1});

  append({a, a}, {kStart - 1, kStart}, {10, 11});

  EXPECT_EQ(logged(), std::vector<double>{1});
}

// Within a batch rows are taken in row order; what comes too late there is not logged either.
TEST_F(AdmissionTest, JudgesRowsOfOneSeriesAgainstEachOther) {
  const SeriesHandle a = series(0);
  const SeriesHandle b = series(1);

  const auto verdicts =
      append({a, b, a, a, b, b, a},
             {kStart + 5, kStart, kStart + 3, kStart + 6, kStart, kStart + 1, kStart + 6},
             {1, 2, 3, 4, 5, 6, 7});

  EXPECT_EQ(verdicts,
            (std::vector{RowVerdict::kAppended, RowVerdict::kAppended, RowVerdict::kSameAgain,
                         RowVerdict::kAppended, RowVerdict::kSameAgain, RowVerdict::kAppended,
                         RowVerdict::kSameAgain}));
  EXPECT_EQ(logged(), (std::vector<double>{1, 2, 4, 6}));
}

// Series that come a second time after others came for the first.
TEST_F(AdmissionTest, KnowsEverySeriesOfABatchOnceOneCameTwice) {
  std::vector<SeriesHandle> handles;
  std::vector<TimeMs> times;
  std::vector<double> values;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      handles.push_back(series(i));
      times.push_back(kStart + (round == 2 ? 0 : round));
      values.push_back(round * 100 + i);
      if (round == 0) {  // at once again
        handles.push_back(series(i));
        times.push_back(kStart);
        values.push_back(-1);
      }
    }
  }

  const auto verdicts = append(handles, times, values);

  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    const bool taken = values[i] >= 0 && values[i] < 200;
    EXPECT_EQ(verdicts[i], taken ? RowVerdict::kAppended : RowVerdict::kSameAgain) << i;
  }
}

// Writers that race for the same series, with and without other pages between: whatever order they
// got, a replay of the log must give what queries gave.
TEST_F(AdmissionTest, AReplayGivesWhatTheHeadHad) {
  constexpr int kWriters = 4;
  constexpr int kCommits = 400;
  std::vector<SeriesHandle> all;
  for (int i = 0; i < 100; ++i) all.push_back(series(i));
  std::atomic<TimeMs> next_time{kStart};
  const auto write = [&](int writer) {
    for (int i = 0; i < kCommits; ++i) {
      const TimeMs time = next_time.fetch_add(i % 3 == 0 ? 0 : 1);  // also the same one twice
      std::vector<SeriesHandle> handles;
      for (std::size_t k = 0; k < all.size(); k += static_cast<std::size_t>(1 + (i + writer) % 5)) {
        handles.push_back(all[(k * 37 + static_cast<std::size_t>(writer)) % all.size()]);
      }
      const std::vector<double> values(handles.size(), writer * 1'000'000 + i);
      EXPECT_TRUE(head_->append({.series = handles, .values = values, .time = time}));
    }
  };
  net::Executors executors(kWriters, 1);
  net::TaskGroup group(executors);
  std::atomic<int> started{0};
  for (int i = 0; i < kWriters; ++i) {
    group.spawn([&]() -> asio::awaitable<void> { co_return write(started.fetch_add(1)); });
  }
  group.close();
  ASSERT_TRUE(group.wait(std::chrono::minutes(2)));
  ASSERT_TRUE(wal_->sync());

  const auto replayed = *Head::create({}, clock_);
  ASSERT_TRUE(replay_wal(real_file_system(), dir_.path(), *replayed, null_log()));

  const Content before = content(*head_);
  EXPECT_EQ(before.size(), 100U);
  EXPECT_EQ(content(*replayed), before);
}

// An image taken after applied_position() with the log from there on is the whole head.
TEST_F(AdmissionTest, KnowsUpToWhereTheLogIsApplied) {
  EXPECT_EQ(head_->applied_position(), wal_->position());
  append({series(0)}, {kStart}, {1});
  const WalPosition end = wal_->position();
  EXPECT_EQ(head_->applied_position(), end);
  const Isolation::Commit open(head_->isolation(), {.segment = 0, .offset = end.offset - 1});

  append({series(0)}, {kStart + 1}, {2});

  EXPECT_EQ(head_->applied_position(), (WalPosition{.segment = 0, .offset = end.offset - 1}));
  const Isolation::Commit older(head_->isolation(), {.segment = 0, .offset = 3});
  EXPECT_EQ(head_->applied_position(), (WalPosition{.segment = 0, .offset = 3}));
}

// A turn that ends by an error gives its pages back.
TEST_F(AdmissionTest, GoesOnAfterAFailedWrite) {
  const SeriesHandle a = series(0);
  head_->set_wal(nullptr);
  const std::vector<double> values{1};
  EXPECT_FALSE(head_->append({.series = std::span(&a, 1), .values = values, .time = kStart}));
  head_->set_wal(wal_.get());

  EXPECT_EQ(append({a}, {kStart}, {2}), std::vector{RowVerdict::kAppended});
  EXPECT_EQ(content(*head_).begin()->second, (std::vector<std::pair<TimeMs, double>>{{kStart, 2}}));
}

}  // namespace
}  // namespace narthex::tsdb
