// Selections agree with looking at every series, and nobody who reads keeps a new series waiting.
#include "tsdb/head/registry.h"

#include <atomic>
#include <random>

#include <gtest/gtest.h>

#include "net/executors.h"
#include "tests/support/fake_clock.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::Matchers;
using model::MatchType;

Matcher matcher(MatchType type, const char* name, const char* value) {
  return *Matcher::create(type, name, value);
}

class RegistryTest : public testing::Test {
 protected:
  Slot add(const Labels& labels) {
    bool is_new = false;
    const Slot slot = registry_->resolve(labels, model::kNoOwner, is_new)->slot;
    if (is_new) all_.emplace_back(slot, labels);
    return slot;
  }

  // 3,000 series: a few values of some labels, one value each of another, some labels missing.
  void fill() {
    for (int i = 0; i < 3000; ++i) {
      const std::string n = std::to_string(i);
      Labels labels{{"__name__", i % 7 == 0 ? "up" : "down"},
                    {"id", n},
                    {"job", i % 3 == 0 ? "" : "j" + std::to_string(i % 20)}};
      add(labels);
    }
  }

  std::vector<Slot> expected(const Matchers& matchers) const {
    std::vector<Slot> out;
    for (const auto& [slot, labels] : all_) {
      if (model::matches_all(matchers, labels)) out.push_back(slot);
    }
    return out;
  }

  PageTable pages_ = *PageTable::create();
  HeadEpochs epochs_;
  std::unique_ptr<SeriesRegistry> registry_ = *SeriesRegistry::create(0, pages_, epochs_);
  std::vector<std::pair<Slot, Labels>> all_;
};

TEST_F(RegistryTest, SelectsWhatTheMatchersAccept) {
  fill();
  const std::vector<Matcher> some = {matcher(MatchType::kEqual, "__name__", "up"),
                                     matcher(MatchType::kEqual, "job", ""),
                                     matcher(MatchType::kEqual, "job", "j4"),
                                     matcher(MatchType::kEqual, "job", "none"),
                                     matcher(MatchType::kNotEqual, "job", ""),
                                     matcher(MatchType::kNotEqual, "job", "j4"),
                                     matcher(MatchType::kRegex, "job", "j1.*"),
                                     matcher(MatchType::kRegex, "job", "j1|"),
                                     matcher(MatchType::kNotRegex, "job", "j1.*|j4"),
                                     matcher(MatchType::kNotRegex, "job", "|j4"),
                                     matcher(MatchType::kRegex, "id", ".*7.*"),
                                     matcher(MatchType::kNotRegex, "id", "1.*"),
                                     matcher(MatchType::kRegex, "missing", ".+"),
                                     matcher(MatchType::kNotRegex, "missing", "a"),
                                     matcher(MatchType::kRegex, "__name__", "up|down"),
                                     matcher(MatchType::kEqual, "id", "100")};

  EXPECT_EQ(registry_->select({}), expected({}));
  for (const Matcher& a : some) {
    EXPECT_EQ(registry_->select({a}), expected({a})) << a.to_string();
    for (const Matcher& b : some) {
      SCOPED_TRACE(a.to_string() + ", " + b.to_string());
      EXPECT_EQ(registry_->select({a, b}), expected({a, b}));
      const Matcher& c = some.front();
      EXPECT_EQ(registry_->select({a, b, c}), expected({a, b, c}));
    }
  }
}

// Longer than one hold of the lock.
TEST_F(RegistryTest, SelectsFromLongLists) {
  for (int i = 0; i < 40'000; ++i) {
    add(Labels{{"__name__", "m"}, {"half", i % 2 == 0 ? "a" : "b"}, {"id", std::to_string(i)}});
  }
  const Matchers one = {Matcher::equal("__name__", "m")};
  const Matchers both = {Matcher::equal("__name__", "m"), Matcher::equal("half", "a")};
  const Matchers regex = {Matcher::equal("half", "b"), matcher(MatchType::kRegex, "id", ".*1")};
  const Matchers values = {matcher(MatchType::kRegex, "id", ".*[13]")};

  EXPECT_EQ(registry_->select(one), expected(one));
  EXPECT_EQ(registry_->select(both), expected(both));
  EXPECT_EQ(registry_->select(regex), expected(regex));
  EXPECT_EQ(registry_->select(values), expected(values));
  EXPECT_EQ(registry_->label_values("id", {})->size(), 40'000U);
  EXPECT_EQ(registry_->label_values("id", both)->size(), 20'000U);
  EXPECT_EQ(*registry_->label_names(both), (std::vector<std::string>{"__name__", "half", "id"}));
}

// As upstream's head: cut first, then sorted.
TEST_F(RegistryTest, KeepsTheValuesThatCameFirst) {
  using Texts = std::vector<std::string>;
  for (const char* id : {"z", "b", "y", "b", "a", "x"}) {
    add(Labels{{"__name__", "m"}, {"id", id}, {"half", *id < 'x' ? "low" : "high"}});
  }
  add(Labels{{"__name__", "n"}, {"id", "0"}});
  const Matchers high = {Matcher::equal("half", "high")};
  const Matchers letters = {matcher(MatchType::kRegex, "id", "[abx]")};

  EXPECT_EQ(*registry_->label_values("id", {}, {.limit = 2}), (Texts{"b", "z"}));
  EXPECT_EQ(*registry_->label_values("id", {}, {.limit = 6}),
            (Texts{"0", "a", "b", "x", "y", "z"}));
  EXPECT_EQ(*registry_->label_values("id", high, {.limit = 2}), (Texts{"y", "z"}));
  EXPECT_EQ(*registry_->label_values("id", letters, {.limit = 2}), (Texts{"a", "b"}));
  EXPECT_EQ(*registry_->label_names({}, {.limit = 2}), (Texts{"__name__", "half"}));
  EXPECT_EQ(*registry_->label_names(high, {.limit = 1}), Texts{"__name__"});
}

// Wherever it is then, at its first value or its last.
TEST_F(RegistryTest, StopsWithinListings) {
  for (int i = 0; i < 40'000; ++i) {
    add(Labels{{"__name__", "m"}, {"id", std::to_string(i)}});
  }
  const Matchers regex = {matcher(MatchType::kRegex, "id", ".*1.*|.*[2-7]")};
  const Matchers of_other = {matcher(MatchType::kRegex, "__name__", "m|n")};
  const auto code_after = [&](std::int64_t checks, auto look_up) {
    const test::CountingClock clock;
    auto found = look_up(StopToken(clock, checks));
    return found ? std::optional<Code>() : found.error().code();
  };
  const auto checks_of = [&](auto look_up) {
    const test::CountingClock clock;
    EXPECT_TRUE(look_up(StopToken(clock, 1'000'000'000)));
    return clock.reads;
  };
  const auto test = [&](auto look_up) {
    const std::int64_t checks = checks_of(look_up);
    EXPECT_GT(checks, 300);
    for (const std::int64_t at : {std::int64_t{1}, checks / 4, checks / 2, checks - 1}) {
      EXPECT_EQ(code_after(at, look_up), Code::kTimeout) << at << " of " << checks;
    }
  };
  test([&](const StopToken& stop) { return registry_->statistics(10, stop); });
  for (const Matchers& matchers : {Matchers{}, regex, of_other}) {
    test([&](const StopToken& stop) {
      return registry_->label_values("id", matchers, {.limit = 0, .stop = stop});
    });
    if (matchers.empty()) continue;
    test([&](const StopToken& stop) {
      return registry_->label_names(matchers, {.limit = 0, .stop = stop});
    });
    test([&](const StopToken& stop) { return registry_->select(matchers, stop); });
  }
}

TEST_F(RegistryTest, CountsForTheStatusPage) {
  fill();

  const RegistryStatistics statistics = *registry_->statistics(2);

  EXPECT_EQ(statistics.series, 3000U);
  ASSERT_EQ(statistics.series_by_metric_name.size(), 2U);
  EXPECT_EQ(statistics.series_by_metric_name[0].name, "down");
  EXPECT_EQ(statistics.series_by_metric_name[0].count, 2571U);
  EXPECT_EQ(statistics.values_by_label_name[0].name, "id");
  EXPECT_EQ(statistics.values_by_label_name[0].count, 3000U);
  EXPECT_EQ(statistics.series_by_label_pair[0].name, "__name__=down");
  EXPECT_EQ(statistics.series_by_label_pair[1].name, "__name__=up");
}

// Whatever readers do without end, a new series waits for a moment of them, not for a pause.
TEST_F(RegistryTest, ReadersWithoutEndDoNotHoldUpANewSeries) {
  for (int i = 0; i < 20'000; ++i) {
    add(Labels{{"__name__", "m"}, {"id", "value-" + std::to_string(i)}});
  }
  const Matchers slow = {matcher(MatchType::kRegex, "id", ".*[a-z].*[0-9]*9.*")};
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  const auto read = [&] {
    while (!stop.load()) {
      (void)registry_->select(slow);
      (void)registry_->label_values("id", {});
      (void)registry_->statistics(10);
      ++rounds;
    }
  };
  net::Executors executors(2, 1);
  net::TaskGroup group(executors);
  auto reader = [&]() -> asio::awaitable<void> { co_return read(); };
  for (int i = 0; i < 2; ++i) group.spawn(reader);
  group.close();
  while (rounds.load() < 2) {
  }

  const int before = rounds.load();
  constexpr int kNew = 20;
  for (int i = 0; i < kNew; ++i) add(Labels{{"__name__", "new"}, {"i", std::to_string(i)}});
  const int during = rounds.load() - before;
  stop.store(true);

  EXPECT_TRUE(group.wait(std::chrono::minutes(2)));
  EXPECT_LE(during, kNew / 2);  // waiting for the readers once each would be a round each
}

}  // namespace
}  // namespace narthex::tsdb
