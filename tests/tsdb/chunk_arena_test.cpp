// Memory that a reader may still look at is not given out again, and what is full says so before a
// promise is made.
#include "tsdb/head/chunk_arena.h"

#include <set>

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

class ChunkArenaTest : public testing::Test {
 protected:
  std::uint32_t allocate(std::size_t bytes) {
    std::uint16_t capacity = 0;
    const auto claim = arena_.claim(arena_class(bytes));
    EXPECT_TRUE(claim);
    const std::uint32_t handle = arena_.allocate(bytes, capacity);
    EXPECT_EQ(capacity, arena_class(bytes));
    return handle;
  }

  // Enough of them that limbo is looked through.
  void retire(const std::vector<std::uint32_t>& handles, std::size_t bytes) {
    for (const std::uint32_t handle : handles) arena_.retire(handle, arena_class(bytes));
  }

  std::vector<std::uint32_t> allocate_many() {
    std::vector<std::uint32_t> handles;
    for (int i = 0; i < 4096; ++i) handles.push_back(allocate(64));
    return handles;
  }

  Epochs epochs_;
  ChunkArena arena_ = *ChunkArena::create(epochs_);
};

TEST_F(ChunkArenaTest, GivesTheSmallestClassThatHoldsTheBytes) {
  std::size_t before = 0;
  for (const std::uint16_t size : kArenaClasses) {
    EXPECT_EQ(arena_class(before + 1), size);
    EXPECT_EQ(arena_class(size), size);
    before = size;
  }
}

TEST_F(ChunkArenaTest, PiecesDoNotOverlap) {
  std::vector<std::pair<std::uint32_t, std::size_t>> pieces;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t bytes = 1 + i * 37 % 1072;
    pieces.emplace_back(allocate(bytes), bytes);
    std::fill_n(arena_.at(pieces.back().first), bytes, static_cast<std::byte>(i));
  }

  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto [handle, bytes] = pieces[i];
    EXPECT_NE(handle, 0U);
    EXPECT_EQ(std::count(arena_.at(handle), arena_.at(handle) + bytes, static_cast<std::byte>(i)),
              static_cast<std::ptrdiff_t>(bytes));
  }
}

TEST_F(ChunkArenaTest, GivesRetiredMemoryOutAgain) {
  const std::vector<std::uint32_t> handles = allocate_many();
  const std::uint64_t used = arena_.used_bytes();

  retire(handles, 64);

  EXPECT_LT(arena_.used_bytes(), used);
  const std::set<std::uint32_t> old(handles.begin(), handles.end());
  EXPECT_TRUE(old.contains(allocate(64)));
}

TEST_F(ChunkArenaTest, WaitsForReadersThatWereThere) {
  const std::vector<std::uint32_t> handles = allocate_many();
  const std::uint64_t used = arena_.used_bytes();
  {
    const EpochGuard reader(epochs_);
    retire(handles, 64);

    EXPECT_EQ(arena_.used_bytes(), used);
    const std::set<std::uint32_t> old(handles.begin(), handles.end());
    EXPECT_FALSE(old.contains(allocate(64)));
  }

  retire(allocate_many(), 64);

  EXPECT_LT(arena_.used_bytes(), used);
}

TEST(ChunkArenaLimit, RefusesAClaimThatDoesNotFit) {
  Epochs epochs;
  ChunkArena arena = *ChunkArena::create(epochs, std::size_t{1} << 20);

  {
    const auto large = arena.claim((std::size_t{1} << 20) - 1000);
    ASSERT_TRUE(large);
    const auto more = arena.claim(1000);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code(), Code::kLimit);
  }

  EXPECT_TRUE(arena.claim(1000));  // the claim was given back
}

}  // namespace
}  // namespace narthex::tsdb
