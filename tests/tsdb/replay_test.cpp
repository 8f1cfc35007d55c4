// Replay finds the series of every sample, whatever the numbers and lengths in the WAL.
#include "tsdb/head/replay.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/wal/records.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::TimeMs;
using model::TimeRange;

constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min();
constexpr TimeMs kMax = std::numeric_limits<TimeMs>::max();
constexpr TimeRange kAll{kMin, kMax};

class ReplayTest : public testing::Test {
 protected:
  void log(std::string record) {
    if (!writer_) writer_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
    const WalPayload payload = make_wal_payload(std::move(record), true);
    ASSERT_TRUE(writer_->log({&payload, 1}));
  }

  void log_series(SeriesRef ref, const Labels& labels) {
    std::string record;
    begin_series_record(record);
    add_series(record, ref, labels);
    log(std::move(record));
  }

  void log_sample(SeriesRef ref, TimeMs time, double value) {
    std::string record;
    encode_samples(record, {{&ref, 1}, {&value, 1}, time, {}});
    log(std::move(record));
  }

  ReplayReport replay(HeadOptions options = {}) {
    head_ = *Head::create(options, clock_);
    auto report = replay_wal(real_file_system(), dir_.path(), *head_, null_log());
    EXPECT_TRUE(report) << (report ? "" : report.error().message());
    return report.value_or(ReplayReport());
  }

  model::SampleColumns read(const std::string& name) {
    const auto querier = make_head_querier(*head_, kAll);
    const auto set = *querier->select({Matcher::equal("__name__", name)}, {});
    model::SampleColumns out;
    for (std::size_t i = 0; i < set->size(); ++i) EXPECT_TRUE(set->read(i, kAll, out));
    return out;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  std::unique_ptr<WalWriter> writer_;
  std::unique_ptr<Head> head_;
};

// A directory that Prometheus wrote for a year has references in the millions; the table of small
// ones doubles on its way there.
TEST_F(ReplayTest, FindsSeriesByReferencesOfAnySize) {
  const std::vector<SeriesRef> refs = {
      0,          1,          9'000'000,  9'000'001,    (1 << 24) - 1, 1 << 24, (1 << 24) + 1,
      17'000'000, 18'000'001, 1ULL << 40, ~SeriesRef{0}};
  for (const SeriesRef ref : refs) {
    log_series(ref, Labels{{"__name__", "m"}, {"ref", std::to_string(ref)}});
  }
  for (const SeriesRef ref : refs) log_sample(ref, 1000, static_cast<double>(ref));

  const ReplayReport report = replay();

  EXPECT_EQ(report.unknown_refs, 0U);
  EXPECT_EQ(read("m").size(), refs.size());
  const auto full =
      head_->resolve(Labels{{"__name__", "next"}}, model::kNoOwner);  // there is no next reference
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), Code::kLimit);
}

TEST_F(ReplayTest, KeepsSeriesThatALimitOfTodayWouldRefuse) {
  for (SeriesRef ref = 1; ref <= 3; ++ref) {
    log_series(ref, Labels{{"__name__", "m"}, {"ref", std::to_string(ref)}});
    log_sample(ref, 1000, 1);
  }

  replay({.series_max = 2});

  EXPECT_EQ(read("m").size(), 3U);
  EXPECT_TRUE(head_->resolve(Labels{{"__name__", "m"}, {"ref", "3"}}, model::kNoOwner));
  EXPECT_FALSE(head_->resolve(Labels{{"__name__", "m"}, {"ref", "4"}}, model::kNoOwner));
}

TEST_F(ReplayTest, PutsLabelsRightThatNobodyWrites) {
  std::string record;
  begin_series_record(record);
  append_be64(record, 7);
  append_uvarint(record, 5);
  for (const char* text : {"b", "1", "__name__", "m", "a", "", "b", "2", "", "x"}) {
    append_text(record, text);
  }
  log(std::move(record));

  replay();

  const auto querier = make_head_querier(*head_, kAll);
  EXPECT_EQ(head_->registry().labels(0), (Labels{{"", "x"}, {"__name__", "m"}, {"b", "2"}}));
}

// A label set cannot hold a text of 16 MiB: that series is damage, its neighbours are not.
TEST_F(ReplayTest, CountsATooLongLabelAsDamage) {
  for (const bool name : {false, true}) {
    const std::string text(kWalLabelBytesMax + 1, 'x');
    std::string record;
    begin_series_record(record);
    add_series(record, 1, Labels{{"__name__", "before"}});
    append_be64(record, 2);
    append_uvarint(record, 1);
    append_text(record, name ? text : "a");
    append_text(record, name ? "a" : text);
    add_series(record, 3, Labels{{"__name__", "after"}});
    log(std::move(record));
  }
  log_sample(1, 1000, 1);
  log_sample(2, 1000, 1);
  log_sample(3, 1000, 1);

  const ReplayReport report = replay();

  EXPECT_EQ(report.damaged_records, 2U);
  EXPECT_EQ(report.unknown_refs, 1U);
  EXPECT_EQ(read("before").size() + read("after").size(), 2U);
}

TEST_F(ReplayTest, TakesTimesOfAnySize) {
  log_series(1, Labels{{"__name__", "m"}});
  const std::vector<TimeMs> times = {kMin, kMin + 1, -kChunkRangeMs, -1,       0,
                                     1,    1000,     kMax - 50,      kMax - 1, kMax};
  for (const TimeMs time : times) log_sample(1, time, 1);
  for (TimeMs i = 0; i < 100; ++i) log_sample(1, kMax, 2);  // not newer

  replay();

  EXPECT_EQ(read("m").times, times);
  EXPECT_EQ(head_->min_time(), kMin);
  EXPECT_EQ(head_->max_time(), kMax);
}

TEST_F(ReplayTest, FillsChunksAtBothEndsOfTime) {
  log_series(1, Labels{{"__name__", "m"}});
  std::vector<TimeMs> times;
  for (TimeMs i = 0; i < 300; ++i) times.push_back(kMin + i * 7);
  for (TimeMs i = 300; i > 0; --i) times.push_back(kMax - i * 7);
  for (const TimeMs time : times) log_sample(1, time, static_cast<double>(time % 11));

  replay();

  EXPECT_EQ(read("m").times, times);
}

TEST_F(ReplayTest, EndsWithAnErrorWhenThereIsNoRoom) {
  for (SeriesRef ref = 1; ref <= 2000; ++ref) {
    log_series(ref, Labels{{"__name__", "m"}, {"ref", std::to_string(ref)}});
    log_sample(ref, 1000, 1);
  }
  head_ = *Head::create({.chunk_bytes_max = 64 * 1024}, clock_);

  const auto report = replay_wal(real_file_system(), dir_.path(), *head_, null_log());

  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::kLimit);
}

}  // namespace
}  // namespace narthex::tsdb
