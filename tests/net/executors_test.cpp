// Stopping a group cancels its coroutines and waits for them; exceptions cost a task, not a thread.
#include "net/executors.h"

#include <future>
#include <stdexcept>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/parallel.h"

namespace narthex::net {
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

// A reload spawns hundreds of tasks while a signal stops the group: each is cancelled, or was never
// started.
TEST(TaskGroup, MayBeStoppedWhileItSpawns) {
  Executors executors(2, 1);
  for (int round = 0; round < 300; ++round) {
    TaskGroup group(executors);
    auto spawn_many = [&group] {
      for (int i = 0; i < 40; ++i) group.spawn([] { return sleep_long(); });
    };

    run_beside(spawn_many, [&group] { group.stop(); });

    ASSERT_TRUE(group.wait(std::chrono::seconds(10))) << round;
  }
}

TEST(TaskGroup, MayCancelATaskThatHasNotBegun) {
  Executors executors(1, 1);
  for (int round = 0; round < 1000; ++round) {
    TaskGroup group(executors);

    group.spawn([] { return sleep_long(); }).cancel();

    ASSERT_TRUE(group.wait(std::chrono::seconds(10))) << round;
  }
}

// What a task holds may belong to the group's owner, who goes once wait() returns.
TEST(TaskGroup, HasLetGoOfTheTaskWhenItIsOver) {
  Executors executors(1, 1);
  for (int round = 0; round < 200; ++round) {
    TaskGroup group(executors);
    const auto held = std::make_shared<int>(round);
    group.spawn([held]() -> asio::awaitable<void> { return sleep_long(); });

    group.stop();
    ASSERT_TRUE(group.wait(std::chrono::seconds(10)));

    ASSERT_EQ(held.use_count(), 1);
  }
}

class Exceptions : public ::testing::Test {
 protected:
  std::function<void(std::string_view)> note() {
    return [this](std::string_view what) { noted_.set_value(std::string(what)); };
  }
  std::string noted() { return noted_.get_future().get(); }

 private:
  std::promise<std::string> noted_;
};

asio::awaitable<void> fail() {
  throw std::runtime_error("no luck");
  co_return;
}

// What asio does when an operation cannot begin for want of memory: the coroutine is destroyed.
asio::awaitable<void> be_dropped() {
  auto refuse = [](auto) { throw std::bad_alloc(); };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(refuse, asio::use_awaitable);
}

TEST_F(Exceptions, EndATaskAndAreReported) {
  Executors executors(1, 1);
  TaskGroup group(executors, note());

  group.spawn([] { return fail(); });

  EXPECT_EQ(noted(), "no luck");
  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
}

TEST_F(Exceptions, DoNotLeaveADroppedCoroutineInItsGroup) {
  Executors executors(1, 1);
  TaskGroup group(executors, note());

  group.spawn([] { return be_dropped(); });

  EXPECT_EQ(noted(), "no memory to go on");
  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
}

TEST_F(Exceptions, RestartALoop) {
  Executors executors(ExecutorOptions{.restart_pause = std::chrono::milliseconds(1)});
  TaskGroup group(executors);
  std::promise<void> third;
  int calls = 0;
  auto loop = [&]() -> asio::awaitable<void> {
    if (++calls == 3) {
      third.set_value();
      return sleep_long();
    }
    return calls == 1 ? fail() : be_dropped();
  };

  group.spawn(loop, AfterException::kRestart);

  third.get_future().wait();
  group.stop();
  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
}

TEST_F(Exceptions, DoNotRestartWhatIsCancelled) {
  Executors executors(ExecutorOptions{.restart_pause = std::chrono::hours(1)});
  std::promise<void> failed;
  TaskGroup group(executors, [&](std::string_view) { failed.set_value(); });
  group.spawn([] { return fail(); }, AfterException::kRestart);
  failed.get_future().wait();

  group.stop();

  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
}

TEST_F(Exceptions, DoNotEndAThread) {
  Executors executors(ExecutorOptions{.on_exception = note()});
  asio::post(executors.io(), [] { throw std::bad_alloc(); });
  EXPECT_EQ(noted(), "out of memory");
  std::promise<void> still_there;

  asio::post(executors.io(), [&] { still_there.set_value(); });

  still_there.get_future().wait();
}

TEST_F(Exceptions, ComeBackFromTheCpuPool) {
  Executors executors(1, 1);
  TaskGroup group(executors, note());
  auto body = [&]() -> asio::awaitable<void> {
    auto work = []() -> int { throw std::length_error("too long"); };
    co_await run_on(executors.cpu(), std::move(work));
  };

  group.spawn(body);

  EXPECT_EQ(noted(), "too long");
  EXPECT_TRUE(group.wait(std::chrono::seconds(10)));
}

TEST_F(Exceptions, ComeBackFromAThreadBeside) {
  const auto fail_beside = [] { run_beside([] { throw std::bad_alloc(); }, [] {}); };
  EXPECT_THROW(fail_beside(), std::bad_alloc);
}

TEST(Executors, GivesCpuThreadsTheirNiceness) {
  Executors executors(ExecutorOptions{.cpu_nice = 3});
  std::promise<int> found;

  asio::post(executors.cpu(),
             [&] { found.set_value(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()))); });

  EXPECT_EQ(found.get_future().get(), std::min(19, ::getpriority(PRIO_PROCESS, 0) + 3));
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
}  // namespace narthex::net
