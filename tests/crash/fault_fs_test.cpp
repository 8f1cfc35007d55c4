// The disk that the crash tests believe in: only what was synced outlives the machine, and all that
// was written outlives the process.
#include "tests/support/fault_fs.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace narthex::test {
namespace {

class FaultFsTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return dir_.path() + "/" + name; }

  void write(const std::string& name, const std::string& text, bool sync) {
    const auto file = *fs_.open_append(path(name));
    ASSERT_TRUE(file->append(std::as_bytes(std::span(text))));
    if (sync) ASSERT_TRUE(file->sync());
    ASSERT_TRUE(file->close());
  }

  // "<none>" when it is missing.
  std::string content(const std::string& name) const {
    return real_file_system().read_file(path(name)).value_or("<none>");
  }

  TempDir dir_;
  FaultFs fs_;
};

TEST_F(FaultFsTest, APowerLossCutsFilesToWhatWasSynced) {
  write("a", "synced", true);
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));
  write("a", " and not", false);

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("a"), "synced");
}

TEST_F(FaultFsTest, AKillKeepsWhatWasWritten) {
  write("a", "not synced", false);

  fs_.kill();

  EXPECT_EQ(content("a"), "not synced");
  EXPECT_FALSE(fs_.remove(path("a")));
  EXPECT_EQ(content("a"), "not synced");
}

TEST_F(FaultFsTest, APowerLossTakesNewNamesBack) {
  write("a", "synced", true);
  ASSERT_TRUE(fs_.make_directories(path("x/y")));
  write("x/y/b", "synced", true);
  ASSERT_TRUE(fs_.sync_directory(path("x/y")));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("a"), "<none>");
  EXPECT_FALSE(real_file_system().exists(path("x")));
}

TEST_F(FaultFsTest, APowerLossBringsRemovedFilesBack) {
  write("a", "kept", true);
  ASSERT_TRUE(fs_.make_directories(path("x")));
  write("x/b", "inside", true);
  ASSERT_TRUE(fs_.sync_directory(path("x")));
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));
  write("a", " not synced", false);
  ASSERT_TRUE(fs_.remove(path("a")));
  ASSERT_TRUE(fs_.remove_all(path("x")));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("a"), "kept");
  EXPECT_EQ(content("x/b"), "inside");
}

TEST_F(FaultFsTest, ASyncOfTheDirectoryMakesRemovalsLast) {
  write("a", "kept", true);
  ASSERT_TRUE(fs_.remove(path("a")));
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("a"), "<none>");
}

TEST_F(FaultFsTest, APowerLossTakesRenamesBack) {
  write("old", "before", true);
  write("new", "after", true);
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));
  ASSERT_TRUE(fs_.rename(path("new"), path("old")));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("old"), "before");
  EXPECT_EQ(content("new"), "after");
}

TEST_F(FaultFsTest, ASyncOfTheDirectoryMakesRenamesLast) {
  write("old", "before", true);
  write("new", "after", true);
  ASSERT_TRUE(fs_.rename(path("new"), path("old")));
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("old"), "after");
  EXPECT_EQ(content("new"), "<none>");
}

// The renamed file keeps what is known of its bytes.
TEST_F(FaultFsTest, ARenamedFileIsCutToo) {
  write("new", "synced", true);
  write("new", " and not", false);
  ASSERT_TRUE(fs_.rename(path("new"), path("old")));
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));

  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("old"), "synced");
}

TEST_F(FaultFsTest, WhatAFailedSyncGaveUpIsLostThoughLaterOnesSucceed) {
  const auto file = *fs_.create(path("a"));
  ASSERT_TRUE(fs_.sync_directory(dir_.path()));
  ASSERT_TRUE(file->append(std::as_bytes(std::span("text", 4))));
  fs_.fail(Fault::kNothing, fs_.calls().size());
  EXPECT_FALSE(file->sync());

  EXPECT_TRUE(file->sync());
  fs_.lose_what_was_not_synced();

  EXPECT_EQ(content("a"), "");
  EXPECT_NE(fs_.misuse(), "");
}

TEST_F(FaultFsTest, FaultsDoTheirPartOfAnAppend) {
  const struct {
    Fault fault;
    const char* written;
  } cases[] = {
      {Fault::kNothing, ""}, {Fault::kHalf, "ab"}, {Fault::kAlmost, "abc"}, {Fault::kAll, "abcd"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.written);
    const auto file = *fs_.create(path("a"));
    fs_.fail(c.fault, fs_.calls().size());

    EXPECT_FALSE(file->append(std::as_bytes(std::span("abcd", 4))));

    EXPECT_EQ(content("a"), c.written);
    EXPECT_EQ(file->size(), 0U);
  }
}

TEST_F(FaultFsTest, FailsTheCallsWithTheseNumbers) {
  fs_.fail(Fault::kNothing, 1, 2);

  EXPECT_TRUE(fs_.list(dir_.path()));
  EXPECT_FALSE(fs_.list(dir_.path()));
  EXPECT_FALSE(fs_.create(path("a")));
  EXPECT_TRUE(fs_.create(path("a")));
}

TEST_F(FaultFsTest, ACallMayBeDoneAndFailAllTheSame) {
  fs_.fail(Fault::kAll, 0);

  EXPECT_FALSE(fs_.create(path("a")));

  EXPECT_EQ(content("a"), "");
}

}  // namespace
}  // namespace narthex::test
