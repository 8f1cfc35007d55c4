// Range queries over a store in memory: what one cell of the result costs, decoding left out. 1,000
// series, 241 steps.
#include <string>

#include <benchmark/benchmark.h>

#include "query/engine.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

namespace narthex::query {
namespace {

constexpr int kSeries = 1000;
constexpr int kSamples = 1200;
constexpr model::DurationMs kScrapeMs = 15'000;
constexpr model::DurationMs kStepMs = 60'000;

struct Fixture {
  Fixture() {
    for (int s = 0; s < kSeries; ++s) {
      const model::Labels labels{{"__name__", "requests_total"},
                                 {"instance", "host-" + std::to_string(s)},
                                 {"path", "/p" + std::to_string(s % 10)}};
      for (int i = 0; i < kSamples; ++i) store.add(labels, i * kScrapeMs, i * 1.5 + s);
    }
  }

  static EngineOptions options() {
    EngineOptions out;
    out.samples_max = query::kSamplesUnlimited;
    return out;
  }

  test::FakeClock clock;
  Metrics metrics;
  test::MemoryStore store;
  Engine engine{options(), clock, metrics};
};

Fixture& fixture() {
  static Fixture shared;
  return shared;
}

void run(benchmark::State& state, const std::string& expression, std::int64_t start_ms,
         std::int64_t step_ms) {
  Fixture& f = fixture();
  const std::int64_t end_ms = kSamples * kScrapeMs;
  const QueryRequest request{
      .expression = expression, .start = start_ms, .end = end_ms, .step = step_ms};
  for (auto _ : state) {
    Result<QueryResult> result = f.engine.run(f.store, request);
    if (!result) state.SkipWithError(result.error().message().c_str());
    benchmark::DoNotOptimize(result);
  }
  const std::int64_t steps = step_ms == 0 ? 1 : (end_ms - start_ms) / step_ms + 1;
  const double cells = static_cast<double>(kSeries * steps);
  state.counters["ns_per_cell"] = benchmark::Counter(
      cells * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

constexpr std::int64_t kEndMs = kSamples * kScrapeMs;
constexpr std::int64_t kStartMs = kEndMs - 240 * kStepMs;

void BM_Selector(benchmark::State& state) {
  run(state, "requests_total", kStartMs, kStepMs);
}
void BM_Sum(benchmark::State& state) {
  run(state, "sum(requests_total)", kStartMs, kStepMs);
}
void BM_Rate(benchmark::State& state) {
  run(state, "rate(requests_total[5m])", kStartMs, kStepMs);
}
void BM_SumByRate(benchmark::State& state) {
  run(state, "sum by (path) (rate(requests_total[5m]))", kStartMs, kStepMs);
}
void BM_MaxOverTime(benchmark::State& state) {
  run(state, "max_over_time(requests_total[1h])", kStartMs, kStepMs);
}
void BM_SumOverTime(benchmark::State& state) {
  run(state, "sum_over_time(requests_total[1h])", kStartMs, kStepMs);
}
void BM_Topk(benchmark::State& state) {
  run(state, "topk(5, requests_total)", kStartMs, kStepMs);
}
void BM_OneToOne(benchmark::State& state) {
  run(state, "requests_total / requests_total", kStartMs, kStepMs);
}
void BM_InstantSum(benchmark::State& state) {
  run(state, "sum(requests_total)", kEndMs, 0);
}
void BM_TinyQuery(benchmark::State& state) {
  run(state, "1 + 1", kEndMs, 0);
}

BENCHMARK(BM_Selector);
BENCHMARK(BM_Sum);
BENCHMARK(BM_Rate);
BENCHMARK(BM_SumByRate);
BENCHMARK(BM_MaxOverTime);
BENCHMARK(BM_SumOverTime);
BENCHMARK(BM_Topk);
BENCHMARK(BM_OneToOne);
BENCHMARK(BM_InstantSum);
BENCHMARK(BM_TinyQuery);

}  // namespace
}  // namespace narthex::query
