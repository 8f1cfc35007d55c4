// Who follows the log gets each record once, whole, in order, however the bytes arrive and whatever
// the writer does to its files meanwhile.
#include <atomic>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "tests/support/fault_fs.h"
#include "tests/support/temp_dir.h"
#include "tsdb/wal/tailer.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {
namespace {

using Records = std::vector<std::string>;

// Does not compress.
std::string noise(std::size_t bytes, std::uint32_t seed) {
  std::string text;
  for (std::uint32_t state = seed; text.size() < bytes;) {
    state = state * 1664525 + 1013904223;
    text += static_cast<char>(state >> 24);
  }
  return text;
}

class WalTailerTest : public testing::Test {
 protected:
  std::string path(std::uint32_t segment) const { return wal_segment_path(dir_.path(), segment); }

  std::unique_ptr<WalWriter> write_to(std::uint32_t segment,
                                      std::uint64_t segment_bytes = kWalSegmentBytes) {
    return *WalWriter::open(real_file_system(), dir_.path(), segment,
                            {.segment_bytes = segment_bytes});
  }

  static void log(WalWriter& writer, const Records& records, bool compress = false) {
    std::vector<WalPayload> payloads;
    for (const std::string& record : records)
      payloads.push_back(make_wal_payload(record, compress));
    ASSERT_TRUE(writer.log(payloads));
  }

  // Bytes behind what the file holds, as they are.
  void append(std::uint32_t segment, std::string_view bytes) {
    const auto file = *real_file_system().open_append(path(segment));
    ASSERT_TRUE(file->append(std::as_bytes(std::span(bytes))));
  }
  void cut(std::uint32_t segment, std::uint64_t bytes) {
    ASSERT_TRUE((*real_file_system().open_append(path(segment)))->truncate(bytes));
  }
  std::uint64_t size_of(std::uint32_t segment) {
    return real_file_system().read_file(path(segment))->size();
  }

  // The bytes of a segment with these records, which is taken away again.
  std::string segment_of(const Records& records) {
    auto writer = write_to(0);
    log(*writer, records);
    std::string bytes = *real_file_system().read_file(path(0));
    EXPECT_TRUE(real_file_system().remove(path(0)));
    return bytes;
  }

  WalTailer tail(WalPosition from = {}) {
    return *WalTailer::open(real_file_system(), dir_.path(), from);
  }

  // All that there is now; "torn" and "damaged" for what is no record.
  static Records read(WalTailer& tailer) {
    Records out;
    for (;;) {
      const auto item = tailer.next();
      EXPECT_TRUE(item) << (item ? "" : item.error().message());
      if (!item || !*item) return out;
      const WalItem& found = **item;
      if (found.kind == WalItem::Kind::kTorn) out.push_back("torn");
      if (found.kind == WalItem::Kind::kDamaged) out.push_back("damaged");
      if (found.kind == WalItem::Kind::kRecord)
        out.emplace_back(reinterpret_cast<const char*>(found.record.data()), found.record.size());
    }
  }

  test::TempDir dir_;
};

TEST_F(WalTailerTest, HasNothingYetAtTheEndAndGoesOn) {
  auto writer = write_to(0);
  WalTailer tailer = tail();
  EXPECT_EQ(read(tailer), Records{});

  log(*writer, {"a", "b"});
  EXPECT_EQ(read(tailer), (Records{"a", "b"}));
  EXPECT_EQ(read(tailer), Records{});

  log(*writer, {"c"});
  EXPECT_EQ(read(tailer), Records{"c"});
}

TEST_F(WalTailerTest, FollowsIntoTheNextSegments) {
  auto writer = write_to(3, kWalPageBytes);
  WalTailer tailer = tail({.segment = 3});
  Records all;
  for (std::uint32_t i = 0; i < 5; ++i) {
    all.push_back(noise(20'000, i));
    log(*writer, {all.back()});
  }

  EXPECT_EQ(read(tailer), all);
  EXPECT_EQ(tailer.position(), (WalPosition{7, size_of(7)}));
}

// The last record ends where a page does, or so near to it that zeros follow.
TEST_F(WalTailerTest, FollowsOverEveryEndOfAPage) {
  for (std::size_t room = 0; room < 10; ++room) {
    SCOPED_TRACE(room);
    const Records records = {noise(kWalPageBytes - kWalFragmentHeaderBytes - room, 1), "next",
                             noise(2 * kWalPageBytes, 2), "last"};
    auto writer = write_to(static_cast<std::uint32_t>(room));
    WalTailer tailer = tail({.segment = static_cast<std::uint32_t>(room)});
    for (const std::string& record : records) {
      log(*writer, {record});
      EXPECT_EQ(read(tailer), Records{record});
    }
  }
}

// A write is seen while it is under way: whatever stands there, no record comes before its last
// byte, and each comes with it.
TEST_F(WalTailerTest, HandsOutARecordWithItsLastByte) {
  const Records records = {"x", noise(100, 1), noise(32'632, 2), "over zeros", noise(40'000, 3),
                           "",  "last"};
  const std::string bytes = segment_of(records);
  std::vector<std::size_t> ends;
  for (std::size_t i = 1; i <= records.size(); ++i)
    ends.push_back(segment_of({records.begin(), records.begin() + static_cast<long>(i)}).size());
  ASSERT_EQ(ends.back(), bytes.size());
  append(0, "");
  WalTailer tailer = tail();

  Records got;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto near = [at](std::size_t place) { return at + 200 > place && at < place + 20; };
    const bool slow = std::ranges::any_of(ends, near) || at % kWalPageBytes < 20 ||
                      at % kWalPageBytes + 200 > kWalPageBytes;
    const std::size_t step = std::min<std::size_t>(slow ? 1 : 101, bytes.size() - at);
    append(0, std::string_view(bytes).substr(at, step));
    at += step;
    for (std::string& record : read(tailer)) got.push_back(std::move(record));
    const auto whole = std::ranges::count_if(ends, [at](std::size_t end) { return end <= at; });
    ASSERT_EQ(got.size(), static_cast<std::size_t>(whole)) << at;
  }

  EXPECT_EQ(got, records);
}

TEST_F(WalTailerTest, KeepsUpWithAWriterOnAnotherThread) {
  constexpr std::uint32_t kRecords = 2'000;
  const auto record = [](std::uint32_t i) {
    const std::size_t bytes = i % 50 == 0 ? 50'000 : i % 700;
    return std::to_string(i) + ":" + (i % 3 == 0 ? noise(bytes, i) : std::string(bytes, 'x'));
  };
  auto writer = write_to(0, 4 * kWalPageBytes);
  WalTailer tailer = tail();
  std::atomic<bool> done{false};
  Records got;

  const auto write = [&] {
    for (std::uint32_t i = 0; i < kRecords; i += 2) {
      log(*writer, {record(i), record(i + 1)}, true);
      if (i % 100 == 0) EXPECT_TRUE(writer->sync());
    }
    EXPECT_TRUE(writer->close());
    done = true;
  };
  run_beside(write, [&] {
    for (bool last = false; !last;) {
      last = done;
      for (std::string& text : read(tailer)) got.push_back(std::move(text));
    }
  });

  ASSERT_EQ(got.size(), kRecords);
  for (std::uint32_t i = 0; i < kRecords; ++i) ASSERT_EQ(got[i], record(i)) << i;
  EXPECT_GT(tailer.position().segment, 5U);
}

// While the segment is the newest, what looks torn may be under way.
TEST_F(WalTailerTest, ATornTailIsOneOnlyOnceTheNextSegmentIsThere) {
  for (std::size_t cut_bytes = 1; cut_bytes <= 11; ++cut_bytes) {
    SCOPED_TRACE(cut_bytes);
    {
      log(*write_to(0), {"a", "torn"});
    }
    cut(0, size_of(0) - cut_bytes);
    WalTailer tailer = tail();
    EXPECT_EQ(read(tailer), Records{"a"});
    EXPECT_EQ(read(tailer), Records{});

    auto writer = write_to(1);
    log(*writer, {"b"});

    const bool any_left = cut_bytes < 11;  // a header and four bytes
    EXPECT_EQ(read(tailer), (any_left ? Records{"torn", "b"} : Records{"b"}));
    ASSERT_TRUE(real_file_system().remove(path(1)));
  }
}

// A start cuts the torn tail off and opens a new segment.
TEST_F(WalTailerTest, FollowsAWriterThatStartsAgain) {
  {
    log(*write_to(0), {"a", "torn"});
  }
  const std::uint64_t torn_from = segment_of({"a"}).size();
  {
    log(*write_to(0), {"a", "torn"});
  }
  cut(0, size_of(0) - 2);
  WalTailer tailer = tail();
  EXPECT_EQ(read(tailer), Records{"a"});

  cut(0, torn_from);
  auto writer = write_to(1);
  log(*writer, {"b"});

  EXPECT_EQ(read(tailer), Records{"b"});
}

TEST_F(WalTailerTest, GoesOnFromWhereItSaysItIs) {
  auto writer = write_to(0, 2 * kWalPageBytes);
  Records all;
  for (std::uint32_t i = 0; i < 12; ++i) {
    all.push_back(noise(i % 4 == 0 ? 40'000 : 3'000, i));
    log(*writer, {all.back()});
  }
  WalTailer tailer = tail();
  for (std::size_t i = 0; i <= all.size(); ++i) {
    SCOPED_TRACE(i);
    WalTailer other = tail(tailer.position());
    EXPECT_EQ(read(other), Records(all.begin() + static_cast<long>(i), all.end()));
    if (i < all.size()) ASSERT_TRUE(*tailer.next());
  }
}

TEST_F(WalTailerTest, ASegmentThatIsGoneIsNotFound) {
  {
    log(*write_to(1), {"a"});
  }

  for (const std::uint32_t segment : {0U, 2U}) {
    const auto tailer = WalTailer::open(real_file_system(), dir_.path(), {.segment = segment});
    ASSERT_FALSE(tailer);
    EXPECT_EQ(tailer.error().code(), Code::kNotFound);
  }
}

// A checkpoint removes segments. The one that is being read is read to its end all the same.
TEST_F(WalTailerTest, SaysWhenSegmentsWentBeforeTheyWereRead) {
  for (std::uint32_t i = 0; i < 4; ++i) log(*write_to(i), {std::to_string(i)});
  WalTailer tailer = tail();
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(real_file_system().remove(path(i)));

  const auto first = tailer.next();
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->record.size(), 1U);
  for (int i = 0; i < 2; ++i) {
    const auto next = tailer.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), Code::kNotFound);
  }
}

TEST_F(WalTailerTest, GoesOnWhenTheSegmentItHasReadGoes) {
  {
    log(*write_to(0), {"a"});
  }
  WalTailer tailer = tail();
  EXPECT_EQ(read(tailer), Records{"a"});

  {
    log(*write_to(1), {"b"});
  }
  ASSERT_TRUE(real_file_system().remove(path(0)));

  EXPECT_EQ(read(tailer), Records{"b"});
}

TEST_F(WalTailerTest, DamageCostsItsPageAlsoWhenTheNextOneComesLater) {
  const Records records = {"a", "damaged", noise(40'000, 1), "b", noise(40'000, 2), "c"};
  std::string bytes = segment_of(records);
  bytes[kWalFragmentHeaderBytes + 1 + kWalFragmentHeaderBytes] ^= 1;
  append(0, bytes.substr(0, 100));
  WalTailer tailer = tail();
  EXPECT_EQ(read(tailer), (Records{"a", "damaged"}));
  EXPECT_EQ(read(tailer), Records{});

  for (std::size_t at = 100; at < bytes.size(); at += 5'000) {
    append(0, std::string_view(bytes).substr(at, 5'000));
    if (at < 30'000) EXPECT_EQ(read(tailer), Records{});
  }

  EXPECT_EQ(read(tailer), (Records{"b", records[4], "c"}));
}

// As Prometheus ends a segment.
TEST_F(WalTailerTest, ReadsOverAPageOfZerosAtTheEndOfASegment) {
  {
    log(*write_to(0), {"a"});
  }
  WalTailer tailer = tail();
  append(0, std::string(10, '\0'));
  EXPECT_EQ(read(tailer), Records{"a"});
  append(0, std::string(kWalPageBytes - size_of(0), '\0'));
  EXPECT_EQ(read(tailer), Records{});

  {
    log(*write_to(1), {"b"});
  }

  EXPECT_EQ(read(tailer), Records{"b"});
}

// A log() that failed may have been seen before the writer cut it off. What is written in its place
// may be shorter, as long, or longer.
TEST_F(WalTailerTest, FindsItsWayWhenTheEndWasCutAndWrittenAgain) {
  for (const char* again : {"c", "dd", "ddd", "a long one, and more"}) {
    for (const bool looks_between : {false, true}) {
      SCOPED_TRACE(again);
      const std::string kept = segment_of({"a", "b"});
      append(0, segment_of({"a", "b", "cc"}));
      WalTailer tailer = tail();
      EXPECT_EQ(read(tailer), (Records{"a", "b", "cc"}));

      cut(0, kept.size());
      if (looks_between) EXPECT_EQ(read(tailer), Records{});
      append(0, segment_of({"a", "b", again, "end"}).substr(kept.size()));

      EXPECT_EQ(read(tailer), (Records{again, "end"}));
      ASSERT_TRUE(real_file_system().remove(path(0)));
    }
  }
}

// A position that was kept over a restart, which cut the end off.
TEST_F(WalTailerTest, StartsAtTheEndWhenTheFileWasCutBelowItsPosition) {
  const std::string kept = segment_of({"a"});
  const std::string longer = segment_of({"a", "b"});
  append(0, kept);
  WalTailer tailer = tail({.offset = longer.size()});
  EXPECT_EQ(read(tailer), Records{});

  append(0, longer.substr(kept.size()));
  log(*write_to(1), {"c"});

  EXPECT_EQ(read(tailer), (Records{"b", "c"}));
}

// What a failed sync gave up is written again elsewhere: it may come twice, but it comes.
TEST_F(WalTailerTest, LosesNothingWhenTheWriterMovesAnEnd) {
  for (const bool is_ahead : {false, true}) {
    SCOPED_TRACE(is_ahead);
    const test::TempDir dir;
    test::FaultFs fs;
    auto writer = *WalWriter::open(fs, dir.path(), 0, {});
    log(*writer, {"a"});
    ASSERT_TRUE(writer->sync());
    for (int i = 0; i < 100; ++i) log(*writer, {std::to_string(i)});
    auto tailer = *WalTailer::open(real_file_system(), dir.path());
    Records got = is_ahead ? read(tailer) : Records{};
    fs.fail(test::Fault::kNothing, fs.calls().size());
    EXPECT_FALSE(writer->sync());
    log(*writer, {"b"});
    EXPECT_TRUE(writer->close());

    for (std::string& record : read(tailer)) got.push_back(std::move(record));

    Records want = {"a"};
    for (int times = is_ahead ? 2 : 1; times > 0; --times) {
      for (int i = 0; i < 100; ++i) want.push_back(std::to_string(i));
    }
    want.emplace_back("b");
    EXPECT_EQ(got, want);
  }
}

TEST_F(WalTailerTest, AnErrorOfTheDiskCostsNothing) {
  test::FaultFs fs;
  auto writer = write_to(0, kWalPageBytes);
  const Records all = {"a", noise(20'000, 1), noise(20'000, 2), "b"};
  for (const std::string& record : all) log(*writer, {record});
  auto tailer = *WalTailer::open(fs, dir_.path());
  Records got;
  for (std::size_t call = 0; call < 30; ++call) {
    fs.fail(test::Fault::kNothing, fs.calls().size() + call % 3);
    for (;;) {
      const auto item = tailer.next();
      if (!item || !*item) break;
      got.emplace_back(reinterpret_cast<const char*>((*item)->record.data()),
                       (*item)->record.size());
    }
  }

  EXPECT_EQ(got, all);
}

std::string describe(const WalItem& item) {
  return std::to_string(static_cast<int>(item.kind)) + "@" + std::to_string(item.offset) + ":" +
         std::string(reinterpret_cast<const char*>(item.record.data()), item.record.size()) +
         item.reason;
}

// Whoever reads the log finds the same in it: a tailer that meets the bytes as they come, and a
// replay that has them all, whatever is damaged and however the bytes come.
TEST_F(WalTailerTest, AgreesWithReplayOnDamagedSegments) {
  Records records;
  for (std::uint32_t i = 0; i < 40; ++i) records.push_back(noise(i % 7 == 0 ? 20'000 : i * 50, i));
  const std::string whole = segment_of(records);
  std::uint32_t state = 1;
  const auto random = [&state](std::size_t below) {
    state = state * 1664525 + 1013904223;
    return static_cast<std::size_t>(state >> 8) % below;
  };
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = whole.substr(0, round % 3 == 0 ? random(whole.size()) : whole.size());
    for (std::size_t flips = random(4); flips > 0 && !bytes.empty(); --flips)
      bytes[random(bytes.size())] ^= static_cast<char>(1 << random(8));
    Records replayed;
    WalReader reader(std::as_bytes(std::span(bytes)));
    while (const auto item = reader.next()) replayed.push_back(describe(*item));

    append(0, "");
    WalTailer tailer = tail();
    Records tailed;
    const auto look = [&] {
      for (auto item = *tailer.next(); item; item = *tailer.next())
        tailed.push_back(describe(*item));
    };
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t step = std::min(1 + random(9'000), bytes.size() - at);
      append(0, std::string_view(bytes).substr(at, step));
      at += step;
      look();
    }
    append(1, "");
    look();

    EXPECT_EQ(tailed, replayed);
    ASSERT_TRUE(real_file_system().remove(path(0)));
    ASSERT_TRUE(real_file_system().remove(path(1)));
  }
}

}  // namespace
}  // namespace narthex::tsdb
