// What a WAL directory looks like, whatever else lies in it.
#include <gtest/gtest.h>

#include "tests/support/fault_fs.h"
#include "tests/support/temp_dir.h"
#include "tsdb/wal/segment.h"

namespace narthex::tsdb {
namespace {

class WalSegmentTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& text = "") {
    const auto file = *fs_.create(dir_.path() + "/" + name);
    ASSERT_TRUE(file->append(std::as_bytes(std::span(text))));
    ASSERT_TRUE(file->close());
  }
  void put_directory(const std::string& name) {
    ASSERT_TRUE(fs_.make_directories(dir_.path() + "/" + name));
  }

  test::TempDir dir_;
  test::FaultFs fs_;
};

TEST_F(WalSegmentTest, ListsSegmentsByNumberAndNothingElse) {
  for (const char* name : {"00000010", "00000009", "lock", "00000011.tmp", "1x"}) put(name, "abc");
  put_directory("checkpoint.00000008");
  put_directory("00000012");

  const auto segments = *list_wal_segments(fs_, dir_.path());

  ASSERT_EQ(segments.size(), 2U);
  EXPECT_EQ(segments[0].number, 9U);
  EXPECT_EQ(segments[1].number, 10U);
  EXPECT_EQ(segments[1].path, wal_segment_path(dir_.path(), 10));
  EXPECT_EQ(segments[1].bytes, 3U);
}

TEST_F(WalSegmentTest, AGapIsCorruption) {
  put("00000001");
  put("00000003");

  const auto segments = list_wal_segments(fs_, dir_.path());

  ASSERT_FALSE(segments);
  EXPECT_EQ(segments.error().code(), Code::kCorrupt);
  EXPECT_NE(segments.error().message().find("1 is followed by 3"), std::string::npos);
}

TEST_F(WalSegmentTest, FindsTheNewestCheckpoint) {
  EXPECT_EQ(find_wal_checkpoint(fs_, dir_.path())->path, "");
  for (const char* name : {"checkpoint.00000002", "checkpoint.00000010", "checkpoint.00000011.tmp"})
    put_directory(name);
  put("checkpoint.00000012");  // a file

  const WalCheckpoint newest = *find_wal_checkpoint(fs_, dir_.path());

  EXPECT_EQ(newest.path, dir_.path() + "/checkpoint.00000010");
  EXPECT_EQ(newest.covers, 10U);
}

TEST_F(WalSegmentTest, MakesWhatIsThereDurable) {
  put("00000000", "left by a killed run");
  put("00000001", "and this");
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));

  ASSERT_TRUE(sync_wal_segments(fs_, dir_.path()));
  fs_.lose_what_was_not_synced();

  EXPECT_EQ(*fs_.read_file(dir_.path() + "/00000000"), "left by a killed run");
  EXPECT_EQ(*fs_.read_file(dir_.path() + "/00000001"), "and this");
}

// One segment on a bad spot of the disk does not cost the others.
TEST_F(WalSegmentTest, SyncsTheOthersWhenOneFails) {
  put("00000000", "lost");
  put("00000001", "kept");
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));
  const std::string first = wal_segment_path(dir_.path(), 0);
  fs_.set_hook([&](const test::FaultFs::Call& call) {
    const bool fails = call.name == "sync" && call.path == first;
    return fails ? Result<void>(Error(Code::kIo, "injected")) : Result<void>();
  });

  EXPECT_FALSE(sync_wal_segments(fs_, dir_.path()));
  fs_.lose_what_was_not_synced();

  EXPECT_EQ(*fs_.read_file(first), "");
  EXPECT_EQ(*fs_.read_file(dir_.path() + "/00000001"), "kept");
}

TEST(WalCrc, IsCastagnolis) {  // RFC 3720, section B.4
  const std::string zeros(32, '\0');
  const std::string digits = "123456789";

  EXPECT_EQ(wal_crc(zeros.data(), zeros.size()), 0x8A9136AAU);
  EXPECT_EQ(wal_crc(digits.data(), digits.size()), 0xE3069283U);
}

}  // namespace
}  // namespace narthex::tsdb
