// A query over several sources gives what it gives over one that has everything.
#include "model/merge.h"

#include <random>

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/support/memory_store.h"

namespace narthex::model {
namespace {

using test::MemoryStore;

constexpr TimeRange kAll{0, 1'000'000};

std::unique_ptr<Querier> merged(std::vector<MemoryStore>& stores) {
  std::vector<std::unique_ptr<Querier>> queriers;
  for (MemoryStore& store : stores) queriers.push_back(*store.querier(kAll));
  return merge_queriers(std::move(queriers));
}

Labels labels_of(int i) {
  return Labels{{"__name__", concat("m", i % 3)}, {"i", std::to_string(i)}};
}

// Each sample goes to one, two or all of the stores, and to the one that has everything.
class MergeTest : public testing::TestWithParam<int> {
 protected:
  MergeTest() : random_(static_cast<unsigned>(GetParam())) {
    for (int i = 0; i < 40; ++i) {
      const unsigned own = 1 + random_() % 7;  // stores that have this series, as bits
      TimeMs time = 0;
      for (int k = 0; k < 30; ++k) {
        time += 1 + static_cast<TimeMs>(random_() % 1000);
        const unsigned chosen = own & (1 + random_() % 7);
        for (unsigned s = 0; s < stores_.size(); ++s) {
          if ((chosen >> s & 1) != 0) stores_[s].add(labels_of(i), time, i * 1000 + k);
        }
        if (chosen != 0) whole_.add(labels_of(i), time, i * 1000 + k);
      }
    }
  }

  std::mt19937 random_;
  std::vector<MemoryStore> stores_{3};
  MemoryStore whole_;
};

TEST_P(MergeTest, ReadsWhatOneSourceWouldHave) {
  const auto querier = merged(stores_);
  const auto whole_querier = *whole_.querier(kAll);
  const Matchers matchers{Matcher::equal("__name__", "m1")};
  const auto set = *querier->select(matchers, {});
  const auto whole = *whole_querier->select(matchers, {});
  std::map<Labels, std::size_t> by_labels;
  for (std::size_t i = 0; i < whole->size(); ++i) by_labels[whole->labels(i)] = i;

  ASSERT_EQ(set->size(), by_labels.size());
  auto expected = by_labels.begin();
  for (std::size_t i = 0; i < set->size(); ++i, ++expected) {
    EXPECT_EQ(set->labels(i), expected->first);
    for (int k = 0; k < 20; ++k) {
      const auto from = static_cast<TimeMs>(random_() % 20'000);
      const TimeRange range{from, from + static_cast<TimeMs>(random_() % 10'000)};
      SampleColumns got;
      SampleColumns want;
      got.push(-1, 7);  // what was there stays
      ASSERT_TRUE(set->read(i, range, got));
      ASSERT_TRUE(whole->read(expected->second, range, want));
      EXPECT_EQ(std::vector(got.times.begin() + 1, got.times.end()), want.times);
      EXPECT_EQ(std::vector(got.values.begin() + 1, got.values.end()), want.values);
      const auto newest = *set->read_newest(i, range);
      EXPECT_EQ(newest.has_value(), want.size() > 0);
      if (newest && want.size() > 0) EXPECT_EQ(newest->time, want.times.back());
      EXPECT_EQ(set->overlaps(i, range), want.size() > 0);
    }
  }
}

TEST_P(MergeTest, MapsIdsOfValues) {
  const auto querier = merged(stores_);
  const auto set = *querier->select({}, {});
  for (const char* name : {"__name__", "i", "absent"}) {
    std::vector<std::uint32_t> ids(set->size());
    set->label_value_ids(name, ids);
    for (std::size_t a = 0; a < ids.size(); ++a) {
      EXPECT_EQ(ids[a] == 0, set->labels(a).get(name).empty());
      for (std::size_t b = 0; b < a; ++b) {
        EXPECT_EQ(ids[a] == ids[b], set->labels(a).get(name) == set->labels(b).get(name));
      }
    }
  }
}

TEST_P(MergeTest, ListsNamesAndValuesOnce) {
  const auto querier = merged(stores_);

  EXPECT_EQ(*querier->label_values("__name__", {}, {}),
            (std::vector<std::string>{"m0", "m1", "m2"}));
  EXPECT_EQ(*querier->label_values("__name__", {}, {.limit = 2}),
            (std::vector<std::string>{"m0", "m1"}));
  EXPECT_EQ(*querier->label_names({}, {}), (std::vector<std::string>{"__name__", "i"}));
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergeTest, testing::Range(1, 6));

TEST(Merge, TakesTheEarlierSourcesSample) {
  std::vector<MemoryStore> stores(2);
  stores[0].add(labels_of(1), 10, 1);
  stores[1].add(labels_of(1), 5, 0);
  stores[1].add(labels_of(1), 10, 2);
  const auto querier = merged(stores);
  const auto set = *querier->select({}, {});

  SampleColumns samples;
  ASSERT_TRUE(set->read(0, kAll, samples));

  EXPECT_EQ(samples.values, (std::vector<double>{0, 1}));
  EXPECT_EQ((*set->read_newest(0, kAll))->value, 1);
}

TEST(Merge, StopsWhenTold) {
  std::vector<MemoryStore> stores(2);
  for (int i = 0; i < 2000; ++i) stores[0].add(labels_of(i), 10, 1);
  const auto querier = merged(stores);
  const SystemClock clock;
  const StopToken stop(clock, 0);

  EXPECT_EQ(querier->select({}, {.stop = stop}).error().code(), Code::kTimeout);
}

}  // namespace
}  // namespace narthex::model
