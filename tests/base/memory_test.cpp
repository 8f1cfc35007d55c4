// Reserving costs nothing, committing what it says.
#include "base/memory.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/fs.h"

namespace narthex {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// KiB of private memory that this process may write to: what vm.overcommit_memory=2 counts.
long writable_kib() {
  const std::string status = *real_file_system().read_file("/proc/self/status");
  return std::atol(status.c_str() + status.find("VmData:") + 7);
}

TEST(ReservedMemory, IsNotPromisedBeforeItIsCommitted) {
  const long before = writable_kib();
  auto memory = *ReservedMemory::reserve(64 * 1024 * kMiB);
  EXPECT_LT(writable_kib() - before, 64 * 1024);

  ASSERT_TRUE(memory.commit(10 * kMiB));

  EXPECT_LT(writable_kib() - before, 64 * 1024);
  memory.data()[10 * kMiB - 1] = std::byte{1};
}

TEST(ReservedMemory, GrowsInPlaceToItsSize) {
  constexpr std::size_t kSize = 5 * kMiB / 2 + 4096;
  auto memory = *ReservedMemory::reserve(kSize);
  const std::byte* at = memory.data();
  for (std::size_t bytes = 1; bytes <= kSize; bytes += 4093) {
    ASSERT_TRUE(memory.commit(bytes));
    EXPECT_EQ(memory.data()[bytes - 1], std::byte{0});
    memory.data()[bytes - 1] = std::byte{7};
  }

  EXPECT_TRUE(memory.commit(kSize));
  EXPECT_EQ(memory.data(), at);
  EXPECT_EQ(memory.data()[0], std::byte{7});
  const auto more = memory.commit(kSize + 1);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), Code::kLimit);
}

}  // namespace
}  // namespace narthex
