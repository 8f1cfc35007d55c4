// Budgets: what is allocated in a scope is counted, and what does not fit is refused before it is
// had.
#include "base/budget.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "tests/support/counting.h"

namespace narthex {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

TEST(MemoryAccount, CountsWhatTheThreadAllocates) {
  SKIP_WITHOUT_COUNTING();
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 0);
  auto before = std::make_unique<std::vector<char>>(kMiB);
  const MemoryScope scope(&account);

  auto inside = std::make_unique<std::vector<char>>(4 * kMiB);

  EXPECT_GE(account.used(), 4 * kMiB);
  EXPECT_LT(account.used(), 4 * kMiB + 4096);
  inside.reset();
  EXPECT_LT(account.used(), 4096U);
  EXPECT_GE(account.peak(), 4 * kMiB);
  before.reset();  // what was not charged does not make the balance wrap
  EXPECT_EQ(account.used(), 0U);
}

TEST(MemoryAccount, LeavesOtherThreadsAndLaterAllocationsAlone) {
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 0);
  std::vector<char> kept;
  {
    const MemoryScope scope(&account);
    {
      const MemoryScope none(nullptr);
      kept.resize(kMiB);
    }
    EXPECT_EQ(MemoryScope::current(), &account);
  }
  EXPECT_EQ(MemoryScope::current(), nullptr);
  EXPECT_EQ(account.used(), 0U);
}

TEST(MemoryAccount, RefusesABulkAllocationBeforeItIsMade) {
  SKIP_WITHOUT_COUNTING();
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 8 * kMiB);

  const Result<int> done = run_charged(account, []() -> Result<int> {
    const std::vector<double> table(std::size_t{1} << 36);  // 512 GiB
    return table.empty() ? 0 : 1;
  });

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Code::kLimit);
  EXPECT_EQ(done.error().message(), "query needs more memory than one query may use (8 MiB)");
  EXPECT_LT(account.peak(), 4096U);  // but for the error's text
  EXPECT_EQ(budget.refusals(), 1U);
}

TEST(MemoryAccount, SeesManySmallAllocationsRunOver) {
  SKIP_WITHOUT_COUNTING();
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, kMiB);

  const Result<int> done = run_charged(account, [&]() -> Result<int> {
    std::vector<std::unique_ptr<std::string>> texts;
    for (;;) {
      NX_TRY(account.check());
      texts.push_back(std::make_unique<std::string>(1000, 'x'));
    }
  });

  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), Code::kLimit);
  EXPECT_LT(account.peak(), 2 * kMiB);
}

TEST(MemoryAccount, SharesABudget) {
  SKIP_WITHOUT_COUNTING();
  MemoryBudget budget("all queries", 10 * kMiB);
  MemoryAccount first(budget, 0);
  const auto take = [](std::size_t bytes) {
    return [bytes]() -> Result<std::vector<char>> { return std::vector<char>(bytes); };
  };
  Result<std::vector<char>> held = run_charged(first, take(7 * kMiB));
  ASSERT_TRUE(held);
  {
    MemoryAccount second(budget, 0);
    const Result<std::vector<char>> refused = run_charged(second, take(7 * kMiB));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(),
              "query needs more memory than all queries together may use (10 MiB)");
    EXPECT_TRUE(run_charged(second, take(2 * kMiB)));
    EXPECT_GE(budget.taken(), 9 * kMiB);
  }
  EXPECT_LT(budget.taken(), 9 * kMiB);
}

// Large requests hold all that they can get; a dashboard's small query must not fail for it.
TEST(MemoryAccount, LeavesRoomForSmallRequests) {
  MemoryBudget budget("all queries", 64 * kMiB);
  MemoryAccount large(budget, 0);
  while (large.try_charge(kMiB)) {
  }

  for (int i = 0; i < 8; ++i) {
    MemoryAccount small(budget, 0);
    EXPECT_TRUE(small.try_charge(100'000));
    EXPECT_FALSE(small.try_charge(kMiB));
  }

  EXPECT_GE(large.used(), 59 * kMiB);
  EXPECT_LE(budget.taken(), budget.limit());
}

// Were it counted until it is refused, the small one beside it would be refused too.
TEST(MemoryAccount, ARefusedRequestHarmsNoOther) {
  MemoryBudget budget("all queries", 64 * kMiB);
  std::atomic<bool> done{false};
  const auto ask_too_much = [&] {
    MemoryAccount account(budget, 0);
    while (!done) EXPECT_FALSE(account.try_charge(1'000'000 * kMiB));
  };

  run_beside(ask_too_much, [&] {
    for (int i = 0; i < 20'000; ++i) {
      MemoryAccount account(budget, 0);
      EXPECT_TRUE(account.try_charge(2 * kMiB)) << i;
    }
    done = true;
  });
}

TEST(MemoryAccount, GivesBackWhenItEnds) {
  SKIP_WITHOUT_COUNTING();
  MemoryBudget budget("all", 100 * kMiB);
  std::vector<char> outlives;
  {
    MemoryAccount account(budget, 0);
    const MemoryScope scope(&account);
    outlives.resize(20 * kMiB);
    EXPECT_GE(budget.taken(), 20 * kMiB);
  }
  EXPECT_EQ(budget.taken(), 0U);
}

// What is no matter of a budget must be logged and counted by who can.
TEST(RunCharged, LeavesToItsCallerWhatTheSystemRefuses) {
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 0);

  EXPECT_THROW(run_charged(account,
                           []() -> Result<int> {
                             std::vector<double> values;
                             values.reserve(values.max_size() + 1);
                             return 0;
                           }),
               std::length_error);
  EXPECT_THROW(run_charged(account, []() -> Result<int> { throw std::bad_alloc(); }),
               std::bad_alloc);

  EXPECT_EQ(MemoryScope::current(), nullptr);
}

TEST(AllocateZeroed, IsChargedAndZero) {
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 0);
  const MemoryScope scope(&account);

  auto* cells = static_cast<double*>(allocate_zeroed(2 * kMiB));

  EXPECT_GE(account.used(), 2 * kMiB);
  EXPECT_EQ(cells[0], 0);
  EXPECT_EQ(cells[2 * kMiB / sizeof(double) - 1], 0);
  free_zeroed(cells);
  EXPECT_EQ(account.used(), 0U);
}

// operator new has many forms; all are counted, and give what they take back.
TEST(MemoryAccount, CountsEveryFormOfNew) {
  SKIP_WITHOUT_COUNTING();
  struct alignas(128) Wide {
    char bytes[1024];
  };
  MemoryBudget budget("all", 0);
  MemoryAccount account(budget, 0);
  const MemoryScope scope(&account);
  {
    const auto wide = std::make_unique<Wide>();
    asm volatile("" : : "g"(wide.get()) : "memory");
    EXPECT_GE(account.used(), sizeof(Wide));
    const auto list = std::make_unique<Wide[]>(16);
    asm volatile("" : : "g"(list.get()) : "memory");  // or the pair would be left out
    EXPECT_GE(account.used(), 17 * sizeof(Wide));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(list.get()) % alignof(Wide), 0U);
    void* plain = ::operator new(100'000, std::nothrow);
    EXPECT_GE(account.used(), 100'000U);
    ::operator delete(plain);
  }
  EXPECT_EQ(account.used(), 0U);
}

}  // namespace
}  // namespace narthex
