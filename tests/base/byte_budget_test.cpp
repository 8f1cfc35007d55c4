// What is held is counted once, and given back.
#include "base/byte_budget.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

TEST(ByteBudget, RefusesWhatDoesNotFit) {
  ByteBudget budget(100);
  BudgetShare first(&budget, 0);
  {
    BudgetShare second(&budget, 0);
    EXPECT_TRUE(first.grow_to(60));
    EXPECT_FALSE(second.grow_to(41));
    EXPECT_TRUE(second.grow_to(40));
    EXPECT_FALSE(first.grow_to(61));
    EXPECT_EQ(budget.held(), 100U);
  }
  EXPECT_EQ(budget.held(), 60U);
  EXPECT_TRUE(first.grow_to(100));
  EXPECT_TRUE(first.grow_to(10)) << "a share does not shrink";
  EXPECT_EQ(budget.held(), 100U);
}

TEST(ByteBudget, DoesNotCountSmallHolders) {
  ByteBudget budget(0);
  BudgetShare share(&budget, 10);
  EXPECT_TRUE(share.grow_to(10));
  EXPECT_FALSE(share.grow_to(11));
}

}  // namespace
}  // namespace narthex
