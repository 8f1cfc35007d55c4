// Block directories are recognised strictly.
#include <gtest/gtest.h>

#include "tsdb/block/directory.h"

namespace narthex::tsdb {
namespace {

TEST(Block, KnowsUlids) {
  EXPECT_TRUE(is_ulid("01BKGV7JBM69T2G1BGBGM6KB12"));
  EXPECT_FALSE(is_ulid("01BKGV7JBM69T2G1BGBGM6KB1"));
  EXPECT_FALSE(is_ulid("81BKGV7JBM69T2G1BGBGM6KB12"));
  EXPECT_FALSE(is_ulid("01BKGV7JBM69T2G1BGBGM6KBIL"));
}

TEST(Block, ReadsMeta) {
  const auto meta = parse_block_meta(
      R"({"ulid":"01BKGV7JBM69T2G1BGBGM6KB12","minTime":5,"maxTime":9,"version":1,"stats":{"numSamples":3}})");

  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->min_time, 5);
  EXPECT_EQ(meta->samples, 3U);
}

TEST(Block, RefusesOtherMeta) {
  EXPECT_FALSE(parse_block_meta(""));
  EXPECT_FALSE(parse_block_meta("{}"));
  EXPECT_FALSE(parse_block_meta(R"({"ulid":"x","minTime":5,"maxTime":9,"version":2})"));
  EXPECT_FALSE(parse_block_meta(R"({"ulid":"x","minTime":"5","maxTime":9,"version":1})"));
}

}  // namespace
}  // namespace narthex::tsdb
