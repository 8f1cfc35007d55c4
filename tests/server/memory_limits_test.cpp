// The memory of the machine and of the cgroups around the process.
#include "server/memory_limits.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace narthex::server {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

class MemoryLimitsTest : public testing::Test {
 protected:
  void write(const std::string& path, std::string_view text) {
    const std::string whole = dir_.path() + "/" + path;
    ASSERT_TRUE(real_file_system().make_directories(whole.substr(0, whole.rfind('/'))));
    auto file = real_file_system().create(whole);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(std::as_bytes(std::span(text))));
  }
  std::size_t memory() const {
    return machine_memory(real_file_system(), dir_.path() + "/proc", dir_.path() + "/cgroup");
  }

  test::TempDir dir_;
};

TEST_F(MemoryLimitsTest, KnowsNothingWithoutFiles) {
  EXPECT_EQ(memory(), 0U);
}

TEST_F(MemoryLimitsTest, TakesRam) {
  write("proc/meminfo", "MemTotal:       24576 kB\nMemFree:        1 kB\n");

  EXPECT_EQ(memory(), 24 * kMiB);
}

TEST_F(MemoryLimitsTest, TakesTheLeastCgroupOfVersion2) {
  write("proc/meminfo", "MemTotal:       24576 kB\n");
  write("proc/self/cgroup", "0::/system.slice/narthex.service\n");
  write("cgroup/system.slice/memory.max", "8388608\n");
  write("cgroup/system.slice/narthex.service/memory.max", "max\n");

  EXPECT_EQ(memory(), 8 * kMiB);
}

TEST_F(MemoryLimitsTest, TakesTheCgroupOfVersion1) {
  write("proc/meminfo", "MemTotal:       24576 kB\n");
  write("proc/self/cgroup", "4:memory:/pod/a\n0::/\n");
  write("cgroup/memory/pod/a/memory.limit_in_bytes", "4194304\n");
  write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

  EXPECT_EQ(memory(), 4 * kMiB);
}

// In a container the path is that of the host; the group itself is mounted at the root.
TEST_F(MemoryLimitsTest, LooksAtTheRootInAContainer) {
  write("proc/self/cgroup", "0::/kubepods/pod1/abc\n");
  write("cgroup/memory.max", "2097152");

  EXPECT_EQ(memory(), 2 * kMiB);
}

TEST(MemoryLimits, AreSharesOfTheMachine) {
  const MemoryLimits limits = memory_limits(Flags{}, 100 * kMiB);

  EXPECT_EQ(limits.query, 20 * kMiB);
  EXPECT_EQ(limits.queries, 32 * kMiB);
  EXPECT_EQ(limits.rules, 16 * kMiB);
}

TEST(MemoryLimits, FlagsWin) {
  const auto line = parse_command_line(
      {"--narthex.query.memory=0", "--narthex.query.memory-total=1GB"}, real_file_system());
  ASSERT_TRUE(line) << line.error().message();

  const MemoryLimits limits = memory_limits(line->flags, 100 * kMiB);

  EXPECT_EQ(limits.query, 0U);
  EXPECT_EQ(limits.queries, 1024 * kMiB);
  EXPECT_EQ(limits.rules, 16 * kMiB);
  EXPECT_FALSE(parse_command_line({"--narthex.query.memory=much"}, real_file_system()));
}

}  // namespace
}  // namespace narthex::server
