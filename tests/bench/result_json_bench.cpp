// Query results as JSON: what one point of a range query costs, by kind of value. 100 series, 1,000
// steps.
#include <cmath>
#include <string>

#include <benchmark/benchmark.h>

#include "web/api/result_json.h"

namespace narthex::web {
namespace {

constexpr int kSeries = 100;
constexpr int kSteps = 1000;
constexpr query::TimeMs kStart = 1'700'000'000'123;
constexpr query::DurationMs kStep = 15'000;

template <typename ValueOf>
void encode(benchmark::State& state, ValueOf value_of) {
  query::MatrixValue matrix;
  for (int s = 0; s < kSeries; ++s) {
    query::MatrixSeries series;
    series.labels = {{"__name__", "requests_total"}, {"instance", "host-" + std::to_string(s)}};
    for (int i = 0; i < kSteps; ++i) {
      series.times.push_back(kStart + i * kStep);
      series.values.push_back(value_of(s, i));
    }
    matrix.series.push_back(std::move(series));
  }
  const query::Value value = std::move(matrix);
  const StepGrid grid{.start = kStart, .end = kStart + kStep * (kSteps - 1), .step = kStep};
  std::size_t bytes = 0;
  for (auto _ : state) {
    ValueJson json(value, grid);
    std::string piece;
    bytes = 0;
    for (bool is_last = false; !is_last; bytes += piece.size()) {
      piece.clear();
      is_last = *json.next(piece);
      benchmark::DoNotOptimize(piece.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * kSeries * kSteps);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void BM_ResultJsonIntegers(benchmark::State& state) {  // counters and up
  encode(state, [](int s, int i) { return s * 1000.0 + i; });
}
void BM_ResultJsonDecimals(benchmark::State& state) {  // gauges such as 21.75
  encode(state, [](int s, int i) { return s + i * 0.25; });
}
void BM_ResultJsonRates(benchmark::State& state) {  // 17 digits
  encode(state, [](int s, int i) { return std::sqrt(s * 1000.0 + i + 2); });
}

BENCHMARK(BM_ResultJsonIntegers);
BENCHMARK(BM_ResultJsonDecimals);
BENCHMARK(BM_ResultJsonRates);

}  // namespace
}  // namespace narthex::web
