// Stopping a group cancels its coroutines and waits for them.
#include "base/executors.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

asio::awaitable<void> sleep_long() {
  co_await sleep_for_ns(std::int64_t{3600} * 1'000'000'000);
}

TEST(TaskGroup, StopCancelsAndWaits) {
  Executors executors(1, 1);
  TaskGroup group(executors);
  const TaskHandle handle = group.spawn([] { return sleep_long(); });

  group.stop();

  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
  EXPECT_TRUE(handle.done());
}

TEST(RunOn, BringsTheValueBack) {
  Executors executors(1, 1);
  std::atomic<int> seen{0};
  TaskGroup group(executors);
  auto body = [&]() -> asio::awaitable<void> {
    auto work = [] { return 42; };
    const int value = co_await run_on(executors.cpu(), std::move(work));
    seen.store(value);
  };

  group.spawn(body);
  group.close();

  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
  EXPECT_EQ(seen.load(), 42);
}

// The signal and the end of the hop race with each other; neither may touch what the other freed.
TEST(RunOn, MayBeCancelledAtAnyMoment) {
  Executors executors(2, 2);
  for (int round = 0; round < 200; ++round) {
    TaskGroup group(executors);
    auto body = [&]() -> asio::awaitable<void> {
      for (int hop = 0; hop < 20; ++hop) {
        auto work = [] { return 1; };
        co_await run_on(executors.cpu(), std::move(work));
      }
    };
    for (int i = 0; i < 4; ++i) group.spawn(body);

    group.stop();

    ASSERT_TRUE(group.wait(std::chrono::seconds(10)));
  }
}

}  // namespace
}  // namespace narthex
