// A lock is on what has the name, and one holder has it; a file without end is given up.
#include "base/fs.h"

#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "net/executors.h"
#include "tests/support/temp_dir.h"

namespace narthex {
namespace {

TEST(FileSystem, GivesTheLockBackWhenItGoes) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/lock";
  auto first = real_file_system().lock(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(real_file_system().lock(path).error().code(), Code::kUnavailable);

  first->reset();

  EXPECT_TRUE(real_file_system().lock(path));
}

// `--config.file=<(command)` is a pipe.
TEST(FileSystem, ReadsAPipeToItsEnd) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const std::string text(300'000, 'x');
  Result<std::string> content;

  run_beside([&] { std::ofstream(path) << text << std::flush; },
             [&] { content = real_file_system().read_file(path); });

  ASSERT_TRUE(content) << content.error().message();
  EXPECT_EQ(*content, text);
}

TEST(FileSystem, DoesNotWaitLongForAPipe) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);

  const Result<std::string> content = real_file_system().read_file(path);

  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().code(), Code::kTimeout);
}

TEST(FileSystem, LocksAgainAfterTheHolderRemovedTheFile) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/lock";
  const auto first = real_file_system().lock(path);
  ASSERT_TRUE(real_file_system().remove(path));

  const auto second = real_file_system().lock(path);

  ASSERT_TRUE(second);
  EXPECT_FALSE(real_file_system().lock(path));
}

// As two servers do on one data directory: each removes the file while it still holds it. Who
// waited with the old file open must not believe that it has the lock.
TEST(FileSystem, LetsOneHolderInWhenHoldersRemoveTheFile) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/lock";
  constexpr int kThreads = 4;
  std::atomic<int> holders{0};
  std::atomic<int> taken{0};
  std::atomic<int> shared{0};
  const auto run = [&] {
    for (int i = 0; i < 3000; ++i) {
      const auto lock = real_file_system().lock(path);
      if (!lock) continue;
      ++taken;
      if (holders.fetch_add(1) != 0) ++shared;
      (void)real_file_system().exists(path);  // a moment
      holders.fetch_sub(1);
      EXPECT_TRUE(real_file_system().remove(path));
    }
  };
  net::Executors executors(kThreads, 1);
  net::TaskGroup group(executors);
  auto task = [&]() -> asio::awaitable<void> { co_return run(); };
  for (int i = 0; i < kThreads; ++i) group.spawn(task);
  group.close();

  ASSERT_TRUE(group.wait(std::chrono::minutes(2)));
  EXPECT_GT(taken.load(), kThreads);
  EXPECT_EQ(shared.load(), 0);
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(FileSystem, ReadsAFileAtAnyPlaceWhileItGrowsAndIsCut) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/file";
  const auto written = *real_file_system().create(path);
  ASSERT_TRUE(written->append(bytes_of("abcdef")));
  const auto file = *real_file_system().open_read(path);
  std::string into(4, '?');
  const auto read_at = [&](std::uint64_t offset) {
    const std::size_t got = *file->read_at(offset, std::as_writable_bytes(std::span(into)));
    return into.substr(0, got);
  };

  EXPECT_EQ(read_at(0), "abcd");
  EXPECT_EQ(read_at(4), "ef");
  EXPECT_EQ(read_at(6), "");
  ASSERT_TRUE(written->append(bytes_of("gh")));
  EXPECT_EQ(read_at(4), "efgh");
  ASSERT_TRUE(written->truncate(1));
  EXPECT_EQ(read_at(0), "a");
  EXPECT_EQ(read_at(4), "");
  EXPECT_EQ(*file->size(), 1U);
  ASSERT_TRUE(real_file_system().remove(path));
  EXPECT_EQ(read_at(0), "a");
  EXPECT_EQ(real_file_system().open_read(path).error().code(), Code::kNotFound);
}

// The kernel takes a part of the bytes, then none: a limit on the size of files does that for real.
TEST(FileSystem, AShortWriteIsAnErrorThatLeavesAPrefix) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/file";
  const auto file = *real_file_system().create(path);
  ASSERT_TRUE(file->append(bytes_of("0123456789")));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 15, .rlim_max = before.rlim_max};
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);

  const Result<void> appended = file->append(bytes_of("abcdefghij"));

  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_action);
  EXPECT_FALSE(appended);
  EXPECT_EQ(file->size(), 10U);
  EXPECT_EQ(*real_file_system().read_file(path), "0123456789abcde");
  ASSERT_TRUE(file->truncate(file->size()));
  ASSERT_TRUE(file->append(bytes_of("next")));
  EXPECT_EQ(*real_file_system().read_file(path), "0123456789next");
}

TEST(FileSystem, AFullDiskIsAnError) {
  const auto file = *real_file_system().open_append("/dev/full");

  const Result<void> appended = file->append(bytes_of("x"));

  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code(), Code::kIo);
  EXPECT_NE(appended.error().message().find("no space left on device"), std::string::npos);
}

std::atomic<int> signals{0};

// A pipe that nobody empties blocks its writer, which signals then wake: EINTR, or a short write.
TEST(FileSystem, SignalsDoNotDisturbAnAppend) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  struct sigaction action{};  // without SA_RESTART
  struct sigaction before{};
  action.sa_handler = [](int) { ++signals; };
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  const auto file = *real_file_system().open_append(path);
  std::string sent;
  for (int i = 0; sent.size() < 500'000; ++i) sent += std::to_string(i) + ",";

  const pthread_t writer = ::pthread_self();
  Result<void> appended;
  std::string got;
  std::atomic<bool> done{false};
  run_beside(
      [&] {
        std::string part(4096, '?');
        for (bool last = false; !last;) {
          last = done;  // then one read more finds the pipe empty
          ::pthread_kill(writer, SIGUSR1);
          const ssize_t n = ::read(reader, part.data(), part.size());
          if (n <= 0) continue;
          got.append(part, 0, static_cast<std::size_t>(n));
          last = false;
        }
      },
      [&] {
        appended = file->append(bytes_of(sent));
        done = true;
      });

  ::sigaction(SIGUSR1, &before, nullptr);
  ::close(reader);
  EXPECT_TRUE(appended);
  EXPECT_TRUE(got == sent);
  EXPECT_GT(signals.load(), 0);
}

}  // namespace
}  // namespace narthex
