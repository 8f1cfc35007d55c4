// Replay finds the series of every sample, whatever the numbers and lengths in the WAL.
#include "tsdb/head/replay.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/wal/record.h"

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
  const std::vector<SeriesRef> refs = {1,       9'000'000,     9'000'001,  (1 << 24) - 1,
                                       1 << 24, (1 << 24) + 1, 17'000'000, 1ULL << 40};
  for (const SeriesRef ref : refs) {
    log_series(ref, Labels{{"__name__", "m"}, {"ref", std::to_string(ref)}});
  }
  for (const SeriesRef ref : refs) log_sample(ref, 1000, static_cast<double>(ref));

  const ReplayReport report = replay();

  EXPECT_EQ(report.unknown_refs, 0U);
  EXPECT_EQ(read("m").size(), refs.size());
}

}  // namespace
}  // namespace narthex::tsdb
