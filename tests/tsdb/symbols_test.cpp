// Tables that are searched while they grow, and texts and pairs that are given back.
#include "tsdb/head/symbols.h"

#include <atomic>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "base/str.h"

namespace narthex::tsdb {
namespace {

TEST(IdTable, FindsWhatIsThereAfterAnyChanges) {
  Epochs epochs;
  RetiredMemory retired(epochs);
  IdTable table;
  // Few hashes, so that chains are long.
  const auto hash_of = [](std::uint32_t id) { return id % 97; };
  const auto find = [&](std::uint32_t id) {
    return table.find(hash_of(id), [id](std::uint32_t other) { return other == id; });
  };
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (std::uint32_t id = 1; id <= 3000; ++id) {
      if (find(id) == 0) table.insert(hash_of(id), id, retired);
    }
    for (std::uint32_t id = 1 + round; id <= 3000; id += 2) table.erase(hash_of(id), id);
    for (std::uint32_t id = 1; id <= 3000; ++id) {
      const bool is_erased = id >= 1 + round && (id - 1 - round) % 2 == 0;
      ASSERT_EQ(find(id), is_erased ? 0 : id) << round;
    }
  }
  EXPECT_LE(table.bytes(), 8192U * 8);  // what was erased does not make it grow
}

class SymbolsTest : public testing::Test {
 protected:
  PairId add(std::string_view name, std::string_view value, Slot slot) {
    EXPECT_TRUE(table_->make_room(model::Labels{{name, value}}));
    const PairId id = table_->intern_pair(name, value);
    table_->add_series({{id}}, slot);
    return id;
  }
  // As often as something can take a step.
  void free_all() {
    for (int i = 0; i < 4; ++i) table_->free_unused();
  }

  Epochs reads_;
  Epochs holds_;
  std::unique_ptr<SymbolTable> table_ = *SymbolTable::create(reads_, holds_);
};

TEST_F(SymbolsTest, GivesBackWhatNoSeriesHas) {
  add("stays", "a", 1);
  const PairId id = add("leaves", "some longer text", 2);
  const std::size_t bytes = table_->text_bytes();
  table_->remove_series(id, {{2}});
  EXPECT_EQ(table_->find_pair("leaves", "some longer text"), id);
  free_all();
  EXPECT_EQ(table_->find_pair("leaves", "some longer text"), 0U);
  EXPECT_EQ(table_->find("some longer text"), 0U);
  EXPECT_TRUE(table_->find_name("leaves") == nullptr);
  EXPECT_LT(table_->text_bytes(), bytes);
  EXPECT_EQ(table_->pair_count(), 1U);

  EXPECT_EQ(add("enters", "other text of 16", 3), id);  // the id and the memory of both texts
  EXPECT_EQ(table_->text_bytes(), bytes);
  EXPECT_EQ(table_->find_name("enters")->pairs.view().size(), 1U);
}

TEST_F(SymbolsTest, KeepsWhatSomebodyHolds) {
  const PairId id = add("n", "v", 1);
  const Symbol value = table_->pair(id).value;
  std::optional<EpochGuard> holder(std::in_place, holds_);
  table_->remove_series(id, {{1}});
  free_all();
  EXPECT_EQ(table_->find_pair("n", "v"), id);
  EXPECT_EQ(table_->text(value), "v");

  // It has a series again before it went: nothing happens to it.
  table_->add_series({{id}}, 5);
  holder.reset();
  free_all();
  EXPECT_EQ(table_->find_pair("n", "v"), id);
  EXPECT_EQ(table_->pair(id).series.size(), 1U);

  table_->remove_series(id, {{5}});
  table_->free_unused();   // out of the tables
  holder.emplace(holds_);  // who comes now cannot have found it
  free_all();
  EXPECT_EQ(add("n", "w", 6), id);
}

// A text is used by many pairs, and by so many that they are not counted.
TEST_F(SymbolsTest, CountsTheUsesOfATextUpToABound) {
  for (const int count : {3, 300}) {
    std::vector<PairId> ids;
    const std::string shared = concat("shared by ", count);
    for (int i = 0; i < count; ++i) ids.push_back(add(concat("n", i), shared, 1));
    for (const PairId id : ids) {
      EXPECT_NE(table_->find(shared), 0U);
      table_->remove_series(id, {{1}});
      free_all();
    }
    EXPECT_EQ(table_->find(shared) == 0, count == 3);
  }
}

TEST_F(SymbolsTest, IsReadWhileItChanges) {
  for (int i = 0; i < 100; ++i) add("fixed", concat("v", i), 1);
  std::atomic<bool> done{false};
  std::atomic<int> rounds{0};
  const auto write = [&] {
    for (int round = 0; round < 50 || rounds.load() < 20; ++round) {
      std::vector<PairId> ids;
      for (int i = 0; i < 300; ++i) {
        ids.push_back(add(concat("n", i % 7), concat("changes ", round, " ", i), 2));
      }
      for (const PairId id : ids) table_->remove_series(id, {{2}});
      table_->free_unused();
    }
    done.store(true);
  };
  const auto read = [&] {
    while (!done.load()) {
      const EpochGuard holds(holds_);
      const EpochGuard reads(reads_);
      for (int i = 0; i < 100; ++i) ASSERT_NE(table_->find_pair("fixed", concat("v", i)), 0U);
      for (const LabelName* name : table_->names()) {
        const std::string_view text = table_->text(name->symbol);
        for (const PairId id : name->pairs.view()) {
          const Pair& pair = table_->pair(id);
          ASSERT_EQ(table_->text(pair.name), text);
          ASSERT_EQ(table_->text(pair.value).starts_with("v"), text == "fixed");
        }
      }
      ++rounds;
    }
  };
  run_beside(write, read);
}

}  // namespace
}  // namespace narthex::tsdb
