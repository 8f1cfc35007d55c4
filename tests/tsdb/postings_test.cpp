// Lists of slots against std::set, whoever reads them meanwhile; and set algebra.
#include "tsdb/head/postings.h"

#include <atomic>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "base/parallel.h"

namespace narthex::tsdb {
namespace {

class PostingsTest : public testing::Test {
 protected:
  void expect(const PostingList& list, const std::set<Slot>& want) {
    const EpochGuard guard(epochs_);
    SlotList got;
    list.append_to(got);
    ASSERT_TRUE(std::ranges::equal(got, want)) << got.size() << " of " << want.size();
    EXPECT_EQ(list.size(), want.size());
    SlotBitmap bitmap(0);
    list.add_to(bitmap);
    EXPECT_EQ(bitmap.slots(), got);
    SlotList odd;
    for (Slot slot = 1; slot < 400'000; slot += 7) odd.push_back(slot);
    EXPECT_EQ(list.intersect(odd), intersect(got, odd));
    EXPECT_EQ(list.intersect(got), got);
  }

  Epochs epochs_;
  RetiredMemory retired_{epochs_};
};

TEST_F(PostingsTest, KeepsSlotsSortedWhateverTheOrder) {
  std::mt19937 random(3);
  // Around the sizes where a list changes its form, in one container and in many.
  for (const Slot range : {1000U, 9000U, 65'536U, 400'000U}) {
    for (const std::size_t count : {0UL, 1UL, 2UL, 3UL, 100UL, 4095UL, 4097UL, 6000UL}) {
      PostingList list;
      std::set<Slot> want;
      for (std::size_t i = 0; i < count; ++i) {
        const Slot slot = random() % range;
        if (want.insert(slot).second) list.add(slot, retired_);
      }
      expect(list, want);
    }
  }
}

TEST_F(PostingsTest, AppendsAscendingSlots) {
  PostingList list;
  std::set<Slot> want;
  for (Slot slot = 3; slot < 300'000; slot += 1 + slot % 5) {
    list.add(slot, retired_);
    want.insert(want.end(), slot);
  }
  expect(list, want);
  EXPECT_LT(list.bytes(), 5 * (8192 + 100));  // bitmaps by now
}

TEST_F(PostingsTest, RemovesWhatIsThere) {
  std::mt19937 random(5);
  for (const std::size_t count : {1UL, 2UL, 5UL, 500UL, 20'000UL}) {
    PostingList list;
    std::set<Slot> want;
    for (std::size_t i = 0; i < count; ++i) {
      const Slot slot = random() % 200'000;
      if (want.insert(slot).second) list.add(slot, retired_);
    }
    while (!want.empty()) {
      SlotList gone;
      for (const Slot slot : want) {
        if (random() % 3 == 0 || want.size() < 4) gone.push_back(slot);
      }
      gone.push_back(300'000);  // which is not there
      list.remove(gone, retired_);
      for (const Slot slot : gone) want.erase(slot);
      expect(list, want);
      if (!want.empty() && want.insert(7).second) list.add(7, retired_);
    }
    list.add(9, retired_);
    expect(list, {9});
  }
}

// A reader sees every slot that was there all the time, and none that never was.
TEST_F(PostingsTest, IsReadWhileItChanges) {
  PostingList list;
  SlotList always;
  for (Slot slot = 0; slot < 100'000; slot += 10) {
    list.add(slot, retired_);
    always.push_back(slot);
  }
  std::atomic<bool> done{false};
  std::atomic<int> rounds{0};
  const auto write = [&] {
    std::mt19937 random(1);
    for (int round = 0; round < 60 || rounds.load() < 20; ++round) {
      SlotList some;
      for (Slot slot = 5; slot < 100'000; slot += 10 * (1 + random() % 40)) some.push_back(slot);
      std::vector<Slot> shuffled(some);
      std::ranges::shuffle(shuffled, random);
      for (const Slot slot : shuffled) list.add(slot, retired_);
      list.remove(some, retired_);
    }
    done.store(true);
  };
  const auto read = [&] {
    while (!done.load()) {
      const EpochGuard guard(epochs_);
      SlotList all;
      list.append_to(all);
      ASSERT_TRUE(std::ranges::is_sorted(all));
      ASSERT_EQ(intersect(all, always).size(), always.size());
      for (const Slot slot : all) ASSERT_EQ(slot % 5, 0U);
      ASSERT_EQ(list.intersect(always).size(), always.size());
      ++rounds;
    }
  };
  run_beside(write, read);
  retired_.free_unseen();
  EXPECT_EQ(retired_.size(), 0U);
}

TEST(Postings, AlgebraAgreesWithSets) {
  std::mt19937 random(4);
  for (int round = 0; round < 100; ++round) {
    std::set<Slot> a;
    std::set<Slot> b;
    for (unsigned i = 0; i < 500; ++i) a.insert(random() % 2000);
    for (unsigned i = 0; i < (round % 2 == 0 ? 5U : 600U); ++i) b.insert(random() % 2000);
    const SlotList x(a.begin(), a.end());
    const SlotList y(b.begin(), b.end());
    SlotList both;
    SlotList less;
    std::ranges::set_intersection(a, b, std::back_inserter(both));
    std::ranges::set_difference(a, b, std::back_inserter(less));

    EXPECT_EQ(intersect(x, y), both);
    EXPECT_EQ(subtract(x, y), less);
  }
}

}  // namespace
}  // namespace narthex::tsdb
