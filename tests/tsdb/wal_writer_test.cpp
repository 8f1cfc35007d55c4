// What the writer does when the disk fails or is slow: nothing acknowledged is lost, nothing that
// failed is believed, and nobody who logs waits for the disk.
#include <atomic>
#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "tests/support/fault_fs.h"
#include "tests/support/temp_dir.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {
namespace {

using test::FaultFs;

constexpr std::size_t kRecordBytes = 20 * 1024;  // with the segments below: one a segment

Error disk_error() {
  return Error(Code::kIo, "injected");
}

class WalWriterTest : public testing::Test {
 protected:
  WalWriterTest() {
    writer_ = *WalWriter::open(fs_, dir_.path(), 0, {.segment_bytes = kWalPageBytes});
    fs_.clear_calls();
  }
  ~WalWriterTest() override { EXPECT_EQ(fs_.misuse(), ""); }

  Result<void> log(const std::string& name) {
    const WalPayload payload = make_wal_payload(name + std::string(kRecordBytes, 'x'), false);
    return writer_->log({&payload, 1});
  }

  // The next call of this name fails, and the `count - 1` after it.
  void fail(const std::string& name, int count = 1) {
    auto left = std::make_shared<std::atomic<int>>(count);
    fs_.set_hook([name, left](const FaultFs::Call& call) -> Result<void> {
      if (call.name == name && left->fetch_sub(1) > 0) return disk_error();
      return {};
    });
  }

  // The names of the records on disk, in order.
  std::vector<std::string> read_back() {
    std::vector<std::string> names;
    const auto segments = list_wal_segments(real_file_system(), dir_.path());
    EXPECT_TRUE(segments) << (segments ? "" : segments.error().message());
    for (const WalSegment& segment : *segments) {
      const std::string content = *real_file_system().read_file(segment.path);
      WalReader reader(std::as_bytes(std::span(content)));
      while (const auto item = reader.next()) {
        EXPECT_EQ(item->kind, WalItem::Kind::kRecord) << item->reason;
        const std::string text(reinterpret_cast<const char*>(item->record.data()),
                               item->record.size());
        names.push_back(text.substr(0, text.find('x')));
      }
    }
    return names;
  }

  std::vector<std::string> read_back_after_a_power_cut() {
    writer_.reset();
    fs_.lose_what_was_not_synced();
    return read_back();
  }

  using Names = std::vector<std::string>;
  test::TempDir dir_;
  FaultFs fs_;
  std::unique_ptr<WalWriter> writer_;
};

TEST_F(WalWriterTest, LogsOverSegmentEndsWithoutWaitingForTheDisk) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(log(name));
  EXPECT_EQ(fs_.count("sync") + fs_.count("sync_directory"), 0U);

  ASSERT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "b", "c"}));
}

// The disk takes its time with one segment while others are begun.
TEST_F(WalWriterTest, ASegmentEndsWhileItIsSynced) {
  ASSERT_TRUE(log("a"));
  std::promise<void> syncing;
  std::promise<void> logged;
  std::atomic<bool> first{true};
  fs_.set_hook([&](const FaultFs::Call& call) -> Result<void> {
    if (call.name != "sync" || !first.exchange(false)) return {};
    syncing.set_value();
    logged.get_future().wait();
    return {};
  });

  Result<void> synced;
  const auto sync = [&] { synced = writer_->sync(); };
  run_beside(sync, [&] {
    syncing.get_future().wait();
    for (const char* name : {"b", "c", "d"}) EXPECT_TRUE(log(name));
    logged.set_value();
  });

  EXPECT_TRUE(synced);
  EXPECT_TRUE(writer_->sync());
  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "b", "c", "d"}));
}

TEST_F(WalWriterTest, FullSegmentsAreSyncedByWhoLogsWhenNobodyElseDoes) {
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(log("r"));

  EXPECT_GE(fs_.count("close"), 25U);  // not one descriptor each for ever
  EXPECT_GE(read_back_after_a_power_cut().size(), 25U);
}

TEST_F(WalWriterTest, GoesOnAfterASegmentCouldNotBeCreated) {
  ASSERT_TRUE(log("a"));
  fail("create", 2);

  EXPECT_FALSE(log("b"));
  EXPECT_FALSE(log("c"));
  EXPECT_TRUE(log("d"));
  EXPECT_TRUE(log("e"));
  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "d", "e"}));
}

TEST_F(WalWriterTest, LeavesASegmentThatCannotBeCutBack) {
  ASSERT_TRUE(writer_->sync());
  const WalPayload small = make_wal_payload("smallx", false);
  ASSERT_TRUE(writer_->log({&small, 1}));
  fs_.set_hook([failed = std::make_shared<std::atomic<int>>(0)](const FaultFs::Call& call) {
    const bool fails = (call.name == "append" || call.name == "truncate") && (*failed)++ < 2;
    return fails ? Result<void>(disk_error()) : Result<void>();
  });

  EXPECT_FALSE(writer_->log({&small, 1}));
  EXPECT_TRUE(log("b"));
  EXPECT_TRUE(writer_->sync());

  const std::string first = *real_file_system().read_file(wal_segment_path(dir_.path(), 0));
  WalReader reader(std::as_bytes(std::span(first)));
  EXPECT_EQ(reader.next()->kind, WalItem::Kind::kRecord);
  EXPECT_EQ(reader.next()->kind, WalItem::Kind::kTorn);
  const std::string second = *real_file_system().read_file(wal_segment_path(dir_.path(), 1));
  WalReader after(std::as_bytes(std::span(second)));
  EXPECT_EQ(after.next()->kind, WalItem::Kind::kRecord);
}

// What a failed sync gave up is not on the disk, though another sync of the file would say yes.
TEST_F(WalWriterTest, WhatAFailedSyncGaveUpIsDurableWithTheNext) {
  ASSERT_TRUE(log("a"));
  ASSERT_TRUE(writer_->sync());
  for (const char* name : {"b", "c", "d"}) ASSERT_TRUE(log(name));
  fail("sync");

  EXPECT_FALSE(writer_->sync());
  EXPECT_TRUE(log("e"));
  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "b", "c", "d", "e"}));
}

TEST_F(WalWriterTest, SameWhenOnlyTheNewestSegmentFails) {
  for (const char* name : {"a", "b"}) ASSERT_TRUE(log(name));
  fs_.set_hook([last = wal_segment_path(dir_.path(), 1)](const FaultFs::Call& call) {
    const bool fails = call.name == "sync" && call.path == last;
    return fails ? Result<void>(disk_error()) : Result<void>();
  });

  EXPECT_FALSE(writer_->sync());
  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "b"}));
}

TEST_F(WalWriterTest, SameWhenTheDirectoryFails) {
  for (const char* name : {"a", "b"}) ASSERT_TRUE(log(name));
  fail("sync_directory");

  EXPECT_FALSE(writer_->sync());
  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "b"}));
}

// A process that dies has lost nothing either way.
TEST_F(WalWriterTest, KeepsEveryRecordOnceAfterAFailedSync) {
  for (const char* name : {"a", "b"}) ASSERT_TRUE(log(name));
  fail("sync");
  EXPECT_FALSE(writer_->sync());
  writer_.reset();

  EXPECT_EQ(read_back(), (Names{"a", "b"}));
}

// The new segment cannot be made at once: it comes later, and before anything else.
TEST_F(WalWriterTest, WritesWhatWasLostBeforeWhatComesNext) {
  ASSERT_TRUE(log("a"));
  fs_.set_hook([](const FaultFs::Call& call) {
    const bool fails = call.name == "sync" || call.name == "create";
    return fails ? Result<void>(disk_error()) : Result<void>();
  });
  EXPECT_FALSE(writer_->sync());
  EXPECT_FALSE(log("b"));
  fail("append");  // the new segment is there, but nothing fits
  EXPECT_FALSE(log("c"));
  fs_.set_hook({});

  EXPECT_TRUE(log("d"));
  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), (Names{"a", "d"}));
}

// As long as it is nowhere on the disk, a sync must not say that it is.
TEST_F(WalWriterTest, NoSyncSucceedsBeforeWhatWasLostIsWrittenAgain) {
  ASSERT_TRUE(log("a"));
  fs_.set_hook([](const FaultFs::Call& call) {
    const bool fails = call.name == "sync" || call.name == "create";
    return fails ? Result<void>(disk_error()) : Result<void>();
  });
  EXPECT_FALSE(writer_->sync());
  fail("create", 2);
  EXPECT_FALSE(writer_->sync());
  EXPECT_FALSE(writer_->sync());

  EXPECT_TRUE(writer_->sync());

  EXPECT_EQ(read_back_after_a_power_cut(), Names{"a"});
}

TEST_F(WalWriterTest, ACloseThatLosesWhatWasLoggedFails) {
  ASSERT_TRUE(log("a"));
  fs_.set_hook([](const FaultFs::Call& call) {
    const bool fails = call.name == "sync" || call.name == "create";
    return fails ? Result<void>(disk_error()) : Result<void>();
  });
  EXPECT_FALSE(writer_->sync());

  EXPECT_FALSE(writer_->close());
  EXPECT_FALSE(writer_->close());
}

TEST_F(WalWriterTest, SaysWhatCouldNotBeReadBack) {
  ASSERT_TRUE(log("a"));
  fs_.set_hook([](const FaultFs::Call& call) {
    const bool fails = call.name == "sync" || call.name == "map";
    return fails ? Result<void>(disk_error()) : Result<void>();
  });
  EXPECT_FALSE(writer_->sync());
  fs_.set_hook({});

  const Result<void> synced = writer_->sync();
  ASSERT_FALSE(synced);
  EXPECT_NE(synced.error().message().find("cannot be written again"), std::string::npos);
  EXPECT_TRUE(writer_->sync());
}

TEST_F(WalWriterTest, AFailedCloseStaysFailed) {
  ASSERT_TRUE(log("a"));
  fail("sync");

  EXPECT_FALSE(writer_->close());
  EXPECT_FALSE(writer_->close());
  EXPECT_FALSE(log("b"));
}

}  // namespace
}  // namespace narthex::tsdb
