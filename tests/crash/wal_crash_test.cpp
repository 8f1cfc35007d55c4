// Whatever call fails while a log is written, rotated, synced and closed, and however it ends:
// after a kill every record whose log() said yes is there, after a power loss every record before
// the last sync() that said yes; in order, none invented; and the log goes on.
#include <set>

#include <gtest/gtest.h>

#include "tests/crash/plans.h"
#include "tests/support/temp_dir.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {
namespace {

using test::Fault;
using test::FaultFs;
using test::Plan;

constexpr int kCallsOfLog = 12;
constexpr int kLastRecord = 20;  // written after the crash
constexpr std::size_t kRecordBytes[] = {100, 20'000, 3'000, 40'000, 9'000};

// What one run was told.
struct Told {
  std::set<int> tried;
  std::set<int> logged;     // log() said yes
  std::set<int> durable;    // and a later sync() too
  std::set<int> given_up;   // a sync() said that these cannot be written again
  std::size_t refused = 0;  // log() said no
};

// Does not compress, so that segments end where the sizes say.
WalPayload make_record(int id) {
  std::string text = fmt::format("{:05}:", id);
  auto state = static_cast<std::uint32_t>(id);
  const std::size_t bytes = kRecordBytes[static_cast<std::size_t>(id) % std::size(kRecordBytes)];
  while (text.size() < bytes) {
    state = state * 1664525 + 1013904223;
    text += static_cast<char>(state >> 24);
  }
  return make_wal_payload(std::move(text), true);
}

const WalPayload& record(int id) {
  static const std::vector<WalPayload> all = [] {
    std::vector<WalPayload> made;
    for (int i = 0; i <= kLastRecord; ++i) made.push_back(make_record(i));
    return made;
  }();
  return all[static_cast<std::size_t>(id)];
}

class Life {
 public:
  Life(FileSystem& fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {}

  void write() {
    writer_ = open();
    if (!writer_) writer_ = open();
    if (!writer_) return;
    for (int call = 0; call < kCallsOfLog; ++call) {
      log(call % 3 == 2 ? 2 : 1);
      if (call % 4 == 3) note(writer_->sync());
    }
    note(writer_->close());
  }

  const Told& told() const { return told_; }

 private:
  std::unique_ptr<WalWriter> open() {
    auto writer = WalWriter::open(fs_, dir_, 0, {.segment_bytes = kWalPageBytes});
    return writer ? std::move(*writer) : nullptr;
  }

  void log(int count) {
    std::vector<WalPayload> payloads;
    std::vector<int> ids;
    for (; count > 0; --count) {
      ids.push_back(next_++);
      payloads.push_back(record(ids.back()));
    }
    told_.tried.insert(ids.begin(), ids.end());
    if (writer_->log(payloads)) {
      told_.logged.insert(ids.begin(), ids.end());
    } else {
      ++told_.refused;
    }
  }

  void note(const Result<void>& synced) {
    if (synced) {
      told_.durable = told_.logged;
      for (const int id : told_.given_up) told_.durable.erase(id);
    } else if (synced.error().message().find("cannot be written again") != std::string::npos) {
      std::ranges::set_difference(told_.logged, told_.durable,
                                  std::inserter(told_.given_up, told_.given_up.end()));
    }
  }

  FileSystem& fs_;
  const std::string dir_;
  std::unique_ptr<WalWriter> writer_;
  int next_ = 0;
  Told told_;
};

// The records in the log by number, as they stand.
std::vector<int> read_back(const std::string& dir) {
  std::vector<int> ids;
  const auto segments = list_wal_segments(real_file_system(), dir);
  EXPECT_TRUE(segments) << (segments ? "" : segments.error().message());
  if (!segments) return ids;
  for (const WalSegment& segment : *segments) {
    const std::string content = *real_file_system().read_file(segment.path);
    WalReader reader(std::as_bytes(std::span(content)));
    while (const auto item = reader.next()) {
      EXPECT_NE(item->kind, WalItem::Kind::kDamaged) << segment.path << " " << item->reason;
      if (item->kind != WalItem::Kind::kRecord) continue;
      const std::string text(reinterpret_cast<const char*>(item->record.data()),
                             item->record.size());
      ids.push_back(std::stoi(text.substr(0, 5)));
    }
  }
  return ids;
}

void expect_promises(const std::vector<int>& found, const Told& told, const Plan& plan) {
  std::vector<int> once;  // first appearances
  std::set<int> seen;
  for (const int id : found) {
    if (seen.insert(id).second) once.push_back(id);
  }
  const std::set<int>& promised = plan.power_loss ? told.durable : told.logged;
  EXPECT_TRUE(std::ranges::includes(seen, promised));
  EXPECT_TRUE(std::ranges::includes(told.tried, seen));
  EXPECT_TRUE(std::ranges::is_sorted(once));
  // Only a second fault, while the lost tail of a segment is written again, leaves both in place.
  if (plan.count == 1) {
    EXPECT_EQ(once.size(), found.size());
  }
}

void expect_goes_on(const std::string& dir, std::vector<int> found) {
  FaultFs plain;  // which waits for no disk
  const auto segments = *list_wal_segments(real_file_system(), dir);
  const std::uint32_t next = segments.empty() ? 0 : segments.back().number + 1;
  auto writer = *WalWriter::open(plain, dir, next, {});
  const WalPayload payload = record(kLastRecord);
  EXPECT_TRUE(writer->log({&payload, 1}));
  EXPECT_TRUE(writer->close());

  found.push_back(kLastRecord);
  EXPECT_EQ(read_back(dir), found);
}

class WalCrash : public testing::TestWithParam<Fault> {};

TEST_P(WalCrash, KeepsItsPromisesWhicheverCallFails) {
  std::vector<FaultFs::Call> calls;
  {
    const test::TempDir dir;
    FaultFs fs;
    Life life(fs, dir.path());
    life.write();
    calls = fs.calls();
    ASSERT_EQ(life.told().durable, life.told().tried);
    ASSERT_GE(list_wal_segments(real_file_system(), dir.path())->size(), 5U);
  }

  const std::size_t plans = test::for_each_plan(GetParam(), calls, [&](const Plan& plan) {
    SCOPED_TRACE(test::to_string(plan));
    const test::TempDir dir;
    FaultFs fs;
    fs.fail(plan.fault, plan.first, plan.count);
    Told told;
    {
      Life life(fs, dir.path());
      life.write();
      told = life.told();
      fs.kill();
    }
    if (plan.power_loss) fs.lose_what_was_not_synced();

    EXPECT_EQ(fs.misuse(), "");
    if (plan.count == 1) {
      EXPECT_LE(told.refused, 1U);  // a passing fault passes
    }
    const std::vector<int> found = read_back(dir.path());
    expect_promises(found, told, plan);
    expect_goes_on(dir.path(), found);
  });
  EXPECT_GE(plans, 100U);
}

INSTANTIATE_TEST_SUITE_P(EveryCall, WalCrash,
                         testing::Values(Fault::kNothing, Fault::kHalf, Fault::kAlmost,
                                         Fault::kAll),
                         [](const auto& fault) {
                           return std::string(test::fault_name(fault.param));
                         });

}  // namespace
}  // namespace narthex::tsdb
