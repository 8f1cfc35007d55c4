// Who may run, who waits, who is sent away.
#include "query/gate.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace narthex::query {
namespace {

TEST(Gate, SendsAwayWhenFull) {
  Gate gate(1, 0);
  const Stop never;

  const Result<Gate::Pass> first = gate.enter(never);
  const Result<Gate::Pass> second = gate.enter(never);

  ASSERT_TRUE(first);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
}

TEST(Gate, OpensAgainWhenAPassIsGone) {
  Gate gate(1, 0);
  const Stop never;
  {
    const Result<Gate::Pass> first = gate.enter(never);
    ASSERT_TRUE(first);
  }

  EXPECT_TRUE(gate.enter(never));
}

TEST(Gate, LetsNobodyWaitPastTheDeadline) {
  test::FakeClock clock;
  Gate gate(1, 1);
  const Result<Gate::Pass> first = gate.enter(Stop{});
  const Stop late{.token = StopToken(clock, clock.monotonic_ns())};

  const Result<Gate::Pass> second = gate.enter(late);

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kTimeout);
}

}  // namespace
}  // namespace narthex::query
