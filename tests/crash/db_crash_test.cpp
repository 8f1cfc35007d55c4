// Whatever call fails while a store is opened, written, rotated, synced, closed and opened again,
// and however it ends: after a kill every sample whose append said yes is there, after a power loss
// every sample before the last sync() that said yes; no sample is invented, and the store goes on.
#include <set>

#include <gtest/gtest.h>

#include "tests/crash/plans.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/db.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using model::Matcher;
using model::SampleColumns;
using model::TimeMs;
using model::TimeRange;
using test::Fault;
using test::FaultFs;
using test::Plan;

constexpr TimeRange kAll{std::numeric_limits<TimeMs>::min(), std::numeric_limits<TimeMs>::max()};
constexpr TimeMs kStart = 1'699'999'000'000;
constexpr std::size_t kLabelBytes =
    12'000;  // a segment has room for two batches that name a series

// (series, step): the time and the value follow from them.
using Samples = std::set<std::pair<std::string, int>>;

struct Told {
  Samples tried;
  Samples appended;  // append() said yes
  Samples durable;   // and a later sync() too
  Samples given_up;  // a sync() said that these cannot be written again
  int refused = 0;   // append() said no
};

std::string series_name(int s) {
  return fmt::format("{:02}", s) + std::string(kLabelBytes, 'x');
}

double value_of(const std::string& series, int step) {
  return step + std::stoi(series.substr(0, 2)) / 128.0;
}

class Store {
 public:
  Store(FaultFs& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

  bool open() {
    Options options{.path = path_, .wal_segment_bytes = kWalPageBytes};
    options.head.wal_compression = false;
    metrics_ = std::make_unique<Metrics>();
    const std::size_t before = fs_.calls().size();
    auto db = Db::open(std::move(options), fs_, clock_, *metrics_, null_log());
    // A start that cannot make durable what a run before left says so in the log and goes on. The
    // bytes that a failed sync gave up cannot be told from others by the next start.
    const auto calls = fs_.calls();
    const auto failed = [&](const FaultFs::Call& call) {
      return call.failed && (db ? call.name != "sync_directory" : call.name == "sync");
    };
    if (std::any_of(calls.begin() + static_cast<std::ptrdiff_t>(before), calls.end(), failed))
      give_up();
    if (!db) return false;
    db_ = std::move(*db);
    return true;
  }

  // One sample each of an old series and of one that this step is the first to name.
  void append(int step) {
    std::vector<std::string> names = {series_name(0)};
    if (step % 2 == 1) names.push_back(series_name(step));
    std::vector<model::SeriesHandle> handles;
    std::vector<double> values;
    for (const std::string& name : names) {
      const auto handle = db_->resolve(Labels{{"__name__", "m"}, {"s", name}}, model::kNoOwner);
      ASSERT_TRUE(handle);
      handles.push_back(*handle);
      values.push_back(value_of(name, step));
      told_.tried.emplace(name, step);
    }
    const auto report =
        db_->append({.series = handles, .values = values, .time = kStart + step * 1000});
    if (!report) {
      ++told_.refused;
      return;
    }
    for (const std::string& name : names) told_.appended.emplace(name, step);
  }

  void sync() { note(db_->sync()); }

  void close() {
    note(db_->close());
    db_.reset();
  }

  // As a kill leaves it. What a failed sync gave up goes with the process that knew it.
  void leave() {
    db_.reset();
    if (owes_) give_up();
  }

  Samples read() {
    Samples out;
    const auto querier = *db_->querier(kAll);
    const auto set = *querier->select({Matcher::equal("__name__", "m")}, {});
    for (std::size_t i = 0; i < set->size(); ++i) {
      const std::string name(set->labels(i).get("s"));
      SampleColumns columns;
      EXPECT_TRUE(set->read(i, kAll, columns));
      for (std::size_t n = 0; n < columns.size(); ++n) {
        const int step = static_cast<int>((columns.times[n] - kStart) / 1000);
        EXPECT_EQ(columns.values[n], value_of(name, step));
        EXPECT_TRUE(out.emplace(name, step).second) << "twice";
      }
    }
    return out;
  }

  const Told& told() const { return told_; }

 private:
  void note(const Result<void>& synced) {
    owes_ = !synced;
    if (synced) {
      told_.durable = told_.appended;
      for (const auto& sample : told_.given_up) told_.durable.erase(sample);
    } else if (synced.error().message().find("cannot be written again") != std::string::npos) {
      give_up();
    }
  }

  void give_up() {
    std::ranges::set_difference(told_.appended, told_.durable,
                                std::inserter(told_.given_up, told_.given_up.end()));
  }

  FaultFs& fs_;
  const std::string path_;
  test::FakeClock clock_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Db> db_;
  Told told_;
  bool owes_ = false;  // a sync() said no, and none has said yes since
};

// Two lives of a store, a kill in between. A query sees all that was appended, and what the first
// left behind is durable with the second's sync.
void live(Store& store) {
  if (!store.open() && !store.open()) return;
  for (int step = 0; step < 9; ++step) {
    store.append(step);
    if (step % 3 == 2 && step < 8) store.sync();
  }
  EXPECT_EQ(store.read(), store.told().appended);
  store.leave();
  if (!store.open() && !store.open()) return;
  EXPECT_TRUE(std::ranges::includes(store.read(), store.told().appended));
  for (int step = 9; step < 12; ++step) store.append(step);
  store.sync();
  store.append(12);
  store.close();
}

// Whether the directories above the store could not be synced when they were made, nor when the
// next start tried again: that start goes on all the same (not every file system can sync one).
bool is_name_in_doubt(const FaultFs& fs, const std::string& path) {
  const auto calls = fs.calls();
  const auto is_it = [&](const FaultFs::Call& call) {
    return call.failed && call.name == "sync_directory" && !call.path.starts_with(path);
  };
  return std::ranges::count_if(calls, is_it) > 1;
}

void expect_promises(const std::string& path, const Samples& promised, const Samples& tried) {
  FaultFs plain;  // which waits for no disk
  Store store(plain, path);
  ASSERT_TRUE(store.open());
  const Samples found = store.read();
  EXPECT_TRUE(std::ranges::includes(found, promised));
  EXPECT_TRUE(std::ranges::includes(tried, found));

  store.append(20);
  store.close();
  ASSERT_TRUE(store.open());
  Samples later = found;
  later.emplace(series_name(0), 20);
  EXPECT_EQ(store.read(), later);
}

class DbCrash : public testing::TestWithParam<Fault> {};

TEST_P(DbCrash, KeepsItsPromisesWhicheverCallFails) {
  std::vector<FaultFs::Call> calls;
  {
    const test::TempDir dir;
    FaultFs fs;
    Store store(fs, dir.path() + "/new/data");
    live(store);
    calls = fs.calls();
    ASSERT_EQ(store.told().durable, store.told().tried);
    ASSERT_GE(list_wal_segments(real_file_system(), dir.path() + "/new/data/wal")->size(), 4U);
  }

  const std::size_t plans = test::for_each_plan(GetParam(), calls, [&](const Plan& plan) {
    SCOPED_TRACE(test::to_string(plan));
    const test::TempDir dir;
    const std::string path = dir.path() + "/new/data";
    FaultFs fs;
    fs.fail(plan.fault, plan.first, plan.count);
    Told told;
    {
      Store store(fs, path);
      live(store);
      told = store.told();
      fs.kill();
    }
    Samples promised = told.appended;
    if (plan.power_loss) {
      fs.lose_what_was_not_synced();
      promised = is_name_in_doubt(fs, path) ? Samples() : told.durable;
    }

    EXPECT_EQ(fs.misuse(), "");
    if (plan.count == 1) {
      EXPECT_LE(told.refused, 1);  // a passing fault passes
    }
    expect_promises(path, promised, told.tried);
  });
  EXPECT_GE(plans, 100U);
}

INSTANTIATE_TEST_SUITE_P(
    EveryCall, DbCrash, testing::Values(Fault::kNothing, Fault::kHalf, Fault::kAlmost, Fault::kAll),
    [](const auto& fault) { return std::string(test::fault_name(fault.param)); });

}  // namespace
}  // namespace narthex::tsdb
