// A batch on its way through the head: check, WAL, apply; the lock granularity of experiment X3;
// and replay. Unit: ns per sample.
#include <atomic>
#include <string>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "base/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/head/head.h"
#include "tsdb/head/replay.h"

namespace narthex::tsdb {
namespace {

using model::TimeMs;

constexpr TimeMs kStart = 1'699'000'000'000;

struct Store {
  test::TempDir dir;
  test::FakeClock clock{kStart + 1'000'000'000};
  std::unique_ptr<WalWriter> wal;
  std::unique_ptr<Head> head;
  std::vector<model::SeriesHandle> handles;
  std::vector<double> values;

  explicit Store(int series) {
    wal = *WalWriter::open(real_file_system(), dir.path(), 0, {});
    head = *Head::create({}, clock);
    head->set_wal(wal.get());
    for (int i = 0; i < series; ++i) {
      handles.push_back(
          *head->resolve(model::Labels{{"__name__", "bench_metric_" + std::to_string(i / 100)},
                                       {"instance", "host:9100"},
                                       {"job", "node"},
                                       {"cpu", std::to_string(i % 100)}},
                         model::kNoOwner));
      values.push_back(i);
    }
  }

  void scrape(TimeMs t) {
    for (std::size_t i = 0; i < values.size(); i += 2) values[i] += static_cast<double>(i % 7);
    NX_CHECK(head->append({.series = handles, .values = values, .time = t}).has_value());
  }
};

void per_sample(benchmark::State& state, double samples) {
  state.counters["ns/sample"] =
      benchmark::Counter(samples * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_AppendCommit(benchmark::State& state) {
  Store store(static_cast<int>(state.range(0)));
  TimeMs t = kStart;
  for (auto _ : state) store.scrape(t += 5000);
  per_sample(state, static_cast<double>(state.iterations()) * static_cast<double>(state.range(0)));
}
BENCHMARK(BM_AppendCommit)->Arg(100)->Arg(2500)->Arg(250'000);

void BM_CreateSeries(benchmark::State& state) {
  int next = 0;
  Store store(0);
  for (auto _ : state) {
    ++next;
    NX_CHECK(
        store.head
            ->resolve(model::Labels{{"__name__", "bench_metric_" + std::to_string(next / 1000)},
                                    {"instance", "host:9100"},
                                    {"job", "node"},
                                    {"cpu", std::to_string(next % 1000)},
                                    {"mode", "idle"}},
                      model::kNoOwner)
            .has_value());
  }
}
BENCHMARK(BM_CreateSeries);

void BM_Replay(benchmark::State& state) {
  Store store(25'000);
  constexpr int kScrapes = 40;
  for (int i = 0; i < kScrapes; ++i) store.scrape(kStart + i * 5000);
  for (auto _ : state) {
    auto head = *Head::create({}, store.clock);
    NX_CHECK(replay_wal(real_file_system(), store.dir.path(), *head, null_log()).has_value());
  }
  per_sample(state, static_cast<double>(state.iterations()) * 25'000 * kScrapes);
}
BENCHMARK(BM_Replay)->Unit(benchmark::kMillisecond);

// ---- X3: one lock for 32 series, or one each ----

constexpr std::size_t kLinesMax = 10'000'000;

struct Locks {
  std::vector<PageControl> pages = std::vector<PageControl>(kLinesMax / kPageSeries);
  std::vector<std::atomic<std::uint8_t>> bits = std::vector<std::atomic<std::uint8_t>>(kLinesMax);
  std::vector<SeriesHot> lines = std::vector<SeriesHot>(kLinesMax);
};

Locks& locks() {
  static Locks all;
  return all;
}

void touch(SeriesHot& line) {
  line.last_t += 1;
  line.last_v += 1;
  line.acc ^= 0x55;
}

// Thread 0 appends scrape by scrape, the others copy lines as queries do.
void read_lines(benchmark::State& state, bool by_page) {
  const auto lines = static_cast<std::size_t>(state.range(0));
  std::size_t at = static_cast<std::size_t>(state.thread_index()) * 977;
  for (auto _ : state) {
    at = (at + 31) % lines;
    SeriesHot copy;
    if (by_page) {
      const PageLock lock(locks().pages[at / kPageSeries]);
      copy = locks().lines[at];
    } else {
      while (locks().bits[at].exchange(1, std::memory_order_acquire) != 0) __builtin_ia32_pause();
      copy = locks().lines[at];
      locks().bits[at].store(0, std::memory_order_release);
    }
    benchmark::DoNotOptimize(copy);
  }
}

void write_lines(benchmark::State& state, bool by_page) {
  const auto lines = static_cast<std::size_t>(state.range(0));
  std::size_t at = 0;
  for (auto _ : state) {
    if (by_page) {
      const PageLock lock(locks().pages[at / kPageSeries]);
      for (std::size_t i = 0; i < kPageSeries; ++i) touch(locks().lines[at + i]);
    } else {
      for (std::size_t i = at; i < at + kPageSeries; ++i) {
        while (locks().bits[i].exchange(1, std::memory_order_acquire) != 0) __builtin_ia32_pause();
        touch(locks().lines[i]);
        locks().bits[i].store(0, std::memory_order_release);
      }
    }
    at = (at + kPageSeries) % lines;
  }
  if (state.thread_index() == 0)
    per_sample(state, static_cast<double>(state.iterations()) * kPageSeries);
}

void BM_LockPage(benchmark::State& state) {
  state.thread_index() == 0 ? write_lines(state, true) : read_lines(state, true);
}
void BM_LockSeries(benchmark::State& state) {
  state.thread_index() == 0 ? write_lines(state, false) : read_lines(state, false);
}
void lock_sizes(benchmark::internal::Benchmark* b) {
  for (const int lines : {1 << 16, static_cast<int>(kLinesMax)}) b->Arg(lines);
  b->Threads(1)->Threads(2)->UseRealTime();
}
BENCHMARK(BM_LockPage)->Apply(lock_sizes);
BENCHMARK(BM_LockSeries)->Apply(lock_sizes);

}  // namespace
}  // namespace narthex::tsdb
