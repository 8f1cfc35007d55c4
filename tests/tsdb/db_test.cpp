// A store that was killed answers as before; a directory it cannot read whole is refused.
#include "tsdb/db.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fault_fs.h"
#include "tests/support/temp_dir.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::SampleColumns;
using model::TimeMs;
using model::TimeRange;

constexpr TimeRange kAll{std::numeric_limits<TimeMs>::min(), std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kStart = 1'699'999'000'000;

class DbTest : public testing::Test {
 protected:
  std::unique_ptr<Db> open() {
    metrics_ = std::make_unique<Metrics>();
    auto db = Db::open({.path = dir_.path()}, real_file_system(), clock_, *metrics_, null_log());
    EXPECT_TRUE(db) << (db ? "" : db.error().message());
    return std::move(*db);
  }

  void append(Db& db, int from, int to) {
    for (int i = from; i < to; ++i) {
      std::vector<model::SeriesHandle> handles;
      std::vector<double> values;
      for (int s = 0; s < 50; ++s) {
        handles.push_back(
            *db.resolve(Labels{{"__name__", "m"}, {"s", std::to_string(s)}}, model::kNoOwner));
        values.push_back(i * 100 + s + 0.5);
      }
      ASSERT_TRUE(db.append({.series = handles, .values = values, .time = kStart + i * 1000}));
    }
  }

  std::map<std::string, SampleColumns> read(Db& db) {
    std::map<std::string, SampleColumns> out;
    const auto querier = *db.querier(kAll);
    const auto set = *querier->select({Matcher::equal("__name__", "m")}, {});
    for (std::size_t i = 0; i < set->size(); ++i) {
      EXPECT_TRUE(set->read(i, kAll, out[set->labels(i).to_string()]));
    }
    return out;
  }

  void expect_samples(Db& db, std::size_t count) {
    const auto got = read(db);
    ASSERT_EQ(got.size(), 50U);
    for (const auto& [name, columns] : got) {
      ASSERT_EQ(columns.size(), count) << name;
      EXPECT_EQ(columns.times.back(), kStart + static_cast<TimeMs>(count - 1) * 1000);
    }
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<Metrics> metrics_ = std::make_unique<Metrics>();
};

TEST_F(DbTest, TheRegistryOfMetricsMayOutliveIt) {
  auto db = open();
  append(*db, 0, 1);
  EXPECT_NE(metrics_->expose().find("prometheus_tsdb_head_series 50"), std::string::npos);
  EXPECT_TRUE(db->close());
  db.reset();
  EXPECT_NE(metrics_->expose().find("prometheus_tsdb_head_series 50"), std::string::npos);
}

TEST_F(DbTest, AnswersAsBeforeAfterAKill) {
  for (int round = 1; round <= 3; ++round) {
    auto db = open();
    append(*db, (round - 1) * 200, round * 200);
    expect_samples(*db, static_cast<std::size_t>(round) * 200);
    // No close(): destroyed as a kill would leave it, the lock apart.
  }
  auto db = open();
  expect_samples(*db, 600);
  EXPECT_TRUE(db->close());
}

TEST_F(DbTest, CutsATornTailAndGoesOn) {
  {
    auto db = open();
    append(*db, 0, 10);
  }
  const std::string segment = dir_.path() + "/wal/00000000";
  const std::uint64_t whole = real_file_system().read_file(segment)->size();
  {
    auto file = *real_file_system().open_append(segment);
    ASSERT_TRUE(file->truncate(whole - 3));
    ASSERT_TRUE(file->close());
  }

  auto db = open();

  expect_samples(*db, 9);
  append(*db, 9, 12);
  db.reset();
  expect_samples(*open(), 12);
}

// The record that names a series is in what a failed sync gave up; samples that name it come after.
TEST_F(DbTest, KnowsItsSeriesAfterASyncFailedAndThePowerWentOff) {
  test::FaultFs fs;
  {
    auto db = *Db::open({.path = dir_.path()}, fs, clock_, *metrics_, null_log());
    append(*db, 0, 2);
    fs.set_hook([](const test::FaultFs::Call& call) {
      const bool fails = call.name == "sync";
      return fails ? Result<void>(Error(Code::kIo, "injected")) : Result<void>();
    });
    EXPECT_FALSE(db->sync());
    fs.set_hook({});
    append(*db, 2, 4);
    ASSERT_TRUE(db->sync());
    append(*db, 4, 6);
  }
  fs.lose_what_was_not_synced();

  expect_samples(*open(), 4);
}

TEST_F(DbTest, IsHeldByOneProcessAtATime) {
  auto db = open();

  const auto second =
      Db::open({.path = dir_.path()}, real_file_system(), clock_, *metrics_, null_log());

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
}

TEST_F(DbTest, KnowsWhetherTheLastRunEndedWell) {
  const auto clean_start = [this] {
    return metrics_->gauge("prometheus_tsdb_clean_start", "").value();
  };
  auto db = open();
  EXPECT_EQ(clean_start(), 1);
  db.reset();  // as a kill leaves it

  db = open();
  EXPECT_EQ(clean_start(), 0);
  ASSERT_TRUE(db->close());
  EXPECT_FALSE(real_file_system().exists(dir_.path() + "/lock"));

  db = open();
  EXPECT_EQ(clean_start(), 1);
}

// A run that is told to stop while it replays ends as one that never began.
TEST_F(DbTest, StopsAReplayWhenTold) {
  {
    auto db = open();
    append(*db, 0, 100);
    ASSERT_TRUE(db->close());
  }
  const StopToken stop(clock_, std::numeric_limits<std::int64_t>::max());
  stop.cancel();

  const auto stopped = Db::open({.path = dir_.path()}, real_file_system(), clock_, *metrics_,
                                null_log(), {.stop = stop});

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), Code::kCancelled);
  EXPECT_FALSE(real_file_system().exists(dir_.path() + "/lock"));
  expect_samples(*open(), 100);
}

// Counted as upstream does, whose writer has its new segment before the others are read.
TEST_F(DbTest, ShowsHowFarAReplayIs) {
  const auto replay = [this] {
    ReplayProgress progress;
    const auto db = Db::open({.path = dir_.path()}, real_file_system(), clock_, *metrics_,
                             null_log(), {.progress = &progress});
    EXPECT_TRUE((*db)->close());
    return std::vector<std::uint32_t>{progress.first, progress.last, progress.current};
  };

  EXPECT_EQ(replay(), (std::vector<std::uint32_t>{0, 0, 0}));
  EXPECT_EQ(replay(), (std::vector<std::uint32_t>{0, 1, 1}));
  EXPECT_EQ(replay(), (std::vector<std::uint32_t>{0, 2, 2}));
}

TEST_F(DbTest, RefusesADirectoryWithBlocks) {
  const std::string block = dir_.path() + "/01BKGV7JBM69T2G1BGBGM6KB12";
  ASSERT_TRUE(real_file_system().make_directories(block));
  const std::string meta =
      R"({"ulid":"01BKGV7JBM69T2G1BGBGM6KB12","minTime":1,"maxTime":2,"version":1})";
  auto file = *real_file_system().create(block + "/meta.json");
  ASSERT_TRUE(file->append(std::as_bytes(std::span(meta))));

  const auto db =
      Db::open({.path = dir_.path()}, real_file_system(), clock_, *metrics_, null_log());

  ASSERT_FALSE(db);
  EXPECT_NE(db.error().message().find("not implemented yet: reading blocks"), std::string::npos);
}

TEST_F(DbTest, CountsForTheStatusPage) {
  metrics_ = std::make_unique<Metrics>();
  auto db = open();
  append(*db, 0, 2);

  const DbStatistics statistics = *db->statistics(10);

  EXPECT_EQ(statistics.registry.series, 50U);
  EXPECT_EQ(statistics.registry.label_pairs, 51U);
  EXPECT_EQ(statistics.registry.series_by_metric_name.at(0).name, "m");
  EXPECT_EQ(statistics.min_time, kStart);
  EXPECT_EQ(statistics.max_time, kStart + 1000);
  EXPECT_NE(metrics_->expose().find("prometheus_tsdb_head_series 50"), std::string::npos);
}

}  // namespace
}  // namespace narthex::tsdb
