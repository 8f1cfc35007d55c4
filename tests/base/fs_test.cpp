// A lock is on what has the name, and one holder has it; a file without end is given up.
#include "base/fs.h"

#include <atomic>
#include <fstream>
#include <sys/stat.h>

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

}  // namespace
}  // namespace narthex
