// Set algebra on slots, against std::set.
#include "tsdb/head/postings.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

TEST(Postings, KeepsSlotsSortedWhateverTheOrder) {
  std::mt19937 random(3);
  for (const std::size_t count : {0UL, 1UL, 2UL, 3UL, 100UL}) {
    Postings postings;
    std::set<Slot> want;
    for (std::size_t i = 0; i < count; ++i) {
      const Slot slot = random() % 1000;
      if (want.insert(slot).second) postings.add(5, slot);
    }

    const auto got = postings.of(5);
    EXPECT_TRUE(std::ranges::equal(got, want));
    EXPECT_TRUE(postings.of(4).empty());
    EXPECT_TRUE(postings.of(999).empty());
  }
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
    SlotList any;
    std::ranges::set_intersection(a, b, std::back_inserter(both));
    std::ranges::set_difference(a, b, std::back_inserter(less));
    std::ranges::set_union(a, b, std::back_inserter(any));

    EXPECT_EQ(intersect(x, y), both);
    EXPECT_EQ(subtract(x, y), less);
    EXPECT_EQ(unite({x, y}, 2000), any);
    EXPECT_EQ(unite(std::vector<std::span<const Slot>>(10, x), 2000), x);
  }
}

}  // namespace
}  // namespace narthex::tsdb
