// Series that leave: who reads them goes on, who writes them gets new ones, and slots, chunks and
// texts come back when nobody can see them any more.
#include <atomic>
#include <limits>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "base/str.h"
#include "model/append_again.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/slot_runs.h"

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

class UnlinkTest : public testing::Test {
 protected:
  UnlinkTest() { head_->set_wal(wal_.get()); }
  ~UnlinkTest() override { EXPECT_TRUE(wal_->close()); }

  static Labels labels(std::string_view name, int i) {
    return {{"__name__", name}, {"i", std::to_string(i)}};
  }
  std::vector<SeriesHandle> make(std::string_view name, int count,
                                 model::SeriesOwner owner = model::kNoOwner) {
    std::vector<SeriesHandle> out;
    for (int i = 0; i < count; ++i) out.push_back(*head_->resolve(labels(name, i), owner));
    return out;
  }
  model::AppendReport append(const std::vector<SeriesHandle>& series, TimeMs time, double value) {
    const std::vector<double> values(series.size(), value);
    return *head_->append({.series = series, .values = values, .time = time});
  }
  void free_all() {
    for (int i = 0; i < 4; ++i) head_->free_unlinked();
  }
  static std::size_t count(model::Querier& querier, const char* name) {
    return (*querier.select({Matcher::equal("__name__", name)}, {.range = kAll}))->size();
  }

  test::TempDir dir_;
  test::FakeClock clock_{kStart};
  std::unique_ptr<WalWriter> wal_ = *WalWriter::open(real_file_system(), dir_.path(), 0, {});
  std::unique_ptr<Head> head_ = *Head::create({}, clock_);
};

TEST_F(UnlinkTest, HidesIdleSeriesFromWhoComesLater) {
  const auto old = make("old", 100);
  const auto kept = make("kept", 50);
  append(old, kStart, 1);
  append(kept, kStart + 1000, 2);
  const auto before = make_head_querier(*head_, kAll);
  const auto found = *before->select({Matcher::equal("__name__", "old")}, {.range = kAll});
  ASSERT_EQ(found->size(), 100U);

  EXPECT_EQ(head_->unlink_idle(kStart + 1), 100U);
  free_all();

  const auto after = make_head_querier(*head_, kAll);
  EXPECT_EQ(count(*after, "old"), 0U);
  EXPECT_EQ(count(*after, "kept"), 50U);
  EXPECT_EQ(head_->registry().series_count(), 50U);
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_EQ(found->labels(i).get("__name__"), "old");
    model::SampleColumns samples;
    ASSERT_TRUE(found->read(i, kAll, samples));
    EXPECT_EQ(samples.values, std::vector<double>{1});
  }
}

TEST_F(UnlinkTest, TellsWhoWritesThatASeriesIsGone) {
  const auto old = make("m", 3);
  append(old, kStart, 1);
  head_->unlink_idle(kStart + 1);
  EXPECT_EQ(append(old, kStart + 1000, 2).gone, 3U);
  free_all();
  EXPECT_EQ(append(old, kStart + 1000, 2).gone, 3U);

  const std::vector<double> values(3, 2);
  const model::FloatBatch rows{.series = old, .values = values, .time = kStart + 1000};
  model::AppendReport report = *head_->append(rows);
  const auto resolve = [&](std::size_t row) -> Result<std::optional<SeriesHandle>> {
    NX_TRY_ASSIGN(const SeriesHandle made,
                  head_->resolve(labels("m", static_cast<int>(row)), model::kNoOwner));
    return std::optional(made);
  };
  ASSERT_TRUE(model::append_again(rows, resolve, *head_, report));
  EXPECT_EQ(report.appended, 3U);
  EXPECT_EQ(report.gone, 0U);
}

// Round after round of other series: neither slots nor chunks nor texts grow.
TEST_F(UnlinkTest, UsesEverythingAgain) {
  Slot slots = 0;
  std::uint64_t chunks = 0;
  std::uint64_t last_ref = 0;
  for (int round = 0; round < 20; ++round) {
    const TimeMs time = kStart + round * 10'000;
    const auto series = make(concat("round ", round), 320, 7);
    ASSERT_EQ(append(series, time, round).appended, 320U);
    ASSERT_EQ(append(series, time + 1, round).appended, 320U);
    EXPECT_GT(head_->registry().ref(series[0].slot), last_ref);
    last_ref = head_->registry().ref(series.back().slot);
    EXPECT_EQ(head_->unlink_idle(time), round == 0 ? 0U : 320U);
    free_all();
    if (round == 4) slots = head_->registry().slot_end();
    if (round == 4) chunks = head_->chunk_bytes();
  }
  EXPECT_LE(head_->registry().slot_end(), slots);
  EXPECT_LE(head_->chunk_bytes(), 2 * chunks + 100'000);  // what waits for a look at the readers
  EXPECT_EQ(head_->registry().statistics(1)->label_pairs, 1U + 320U);
  const auto querier = make_head_querier(*head_, kAll);
  EXPECT_EQ(querier->label_values("__name__", {}, {})->size(), 1U);
}

// What is visible stays so while series come and go beside it, whoever's slots they get.
TEST_F(UnlinkTest, ReadersAndWritersGoOnBesideIt) {
  const auto steady = make("steady", 40, 1);
  std::atomic<bool> done{false};
  std::atomic<int> rounds{0};
  const auto write = [&] {
    TimeMs time = kStart;
    for (int round = 0; round < 40 || rounds.load() < 10; ++round) {
      time += 1000;
      const auto churning = make(concat("churn", round), 70, 2);
      EXPECT_EQ(append(churning, time, round).appended, 70U);
      EXPECT_EQ(append(steady, time, round).appended, 40U);
      head_->unlink_idle(time);
      head_->free_unlinked();
    }
    done.store(true);
  };
  const auto read = [&] {
    while (!done.load()) {
      const auto querier = make_head_querier(*head_, kAll);
      const auto set = *querier->select({}, {.range = kAll});
      std::size_t found = 0;
      for (std::size_t i = 0; i < set->size(); ++i) {
        const Labels labels = set->labels(i);
        model::SampleColumns samples;
        ASSERT_TRUE(set->read(i, kAll, samples));
        const std::string_view name = labels.get("__name__");
        if (name == "steady") {
          ++found;
        } else {
          ASSERT_TRUE(name.starts_with("churn")) << labels.to_string();
          // At most its own one sample, whatever its slot is used for meanwhile.
          ASSERT_LE(samples.size(), 1U) << labels.to_string();
          if (!samples.values.empty()) {
            ASSERT_EQ(name, concat("churn", samples.values[0])) << labels.to_string();
          }
        }
      }
      ASSERT_EQ(found, 40U);
      ++rounds;
    }
  };
  run_beside(write, read);
}

TEST(SlotRuns, GiveOwnersPagesOfTheirOwn) {
  SlotRuns runs;
  Slot next_page = 0;
  const auto take = [&](model::SeriesOwner owner) {
    if (!runs.has(owner)) runs.give(owner, std::exchange(next_page, next_page + kPageSeries));
    return runs.take(owner);
  };
  // Small ones share.
  for (model::SeriesOwner owner = 1; owner <= 1000; ++owner) take(owner);
  EXPECT_LE(next_page, 1000U + kPageSeries);
  // Two large ones at a time do not.
  std::map<Slot, std::set<model::SeriesOwner>> pages;
  for (int i = 0; i < 1000; ++i) {
    for (const model::SeriesOwner owner : {5001U, 5002U}) {
      const Slot slot = take(owner);
      if (i >= 32) pages[slot / kPageSeries].insert(owner);
    }
  }
  for (const auto& [page, owners] : pages) EXPECT_EQ(owners.size(), 1U);
  // What owners leave behind is used: a slot is never given twice, and few are left.
  for (model::SeriesOwner owner = 6000; owner < 8000; ++owner) {
    for (int i = 0; i < 40; ++i) take(owner);
  }
  EXPECT_LT(next_page, 3000U + 2000 * 40 + 256 * kPageSeries);
}

}  // namespace
}  // namespace narthex::tsdb
