// What one sample of an exposition costs, from bytes to staged rows, in three modes: template
// (every line where it was), hash (random order) and cold (nothing known). ns/sample is what users
// pay; a store that does nothing stands behind.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/str.h"
#include "scrape/ingest.h"

namespace narthex::scrape {
namespace {

// Hands out slots in order and accepts every row.
class NullAppender final : public model::Appender {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels& labels) override {
    benchmark::DoNotOptimize(labels.data().data());
    return model::SeriesHandle{.slot = next_++ & 0xFFFFFF, .generation = 0};
  }
  Result<model::AppendReport> append(const model::FloatBatch& batch) override {
    model::AppendReport report;
    report.appended = batch.series.size();
    return report;
  }

 private:
  std::uint32_t next_ = 0;
};

std::string shared_directory() {
  const char* directory = std::getenv("NARTHEX_SHARED");
  return directory == nullptr ? "../shared" : directory;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string all_types() {
  return read_text(shared_directory() + "/testdata/exposition/alltypes.237mfs.prom.txt");
}

std::string gauges() {
  std::string body = "# HELP metric_a help text\n# TYPE metric_a gauge\n";
  for (int i = 0; i < 2000; ++i)
    body += concat("metric_a{foo=\"", i, "\",bar=\"", i * 100, "\"} 1\n");
  return body;
}

std::string shuffled(const std::string& body, unsigned seed) {
  std::vector<std::string_view> lines = split(body, '\n');
  std::erase_if(lines, [](std::string_view line) { return line.empty() || line.front() == '#'; });
  std::shuffle(lines.begin(), lines.end(), std::mt19937(seed));
  std::string out;
  for (const std::string_view line : lines) out += concat(line, "\n");
  return out;
}

enum class Mode : unsigned char { kTemplate, kHash, kCold };

void run(benchmark::State& state, const std::string& body, Mode mode) {
  if (body.empty()) return state.SkipWithError("no test data: set NARTHEX_SHARED");
  NullAppender appender;
  const model::Labels target{{"instance", "localhost:9100"}, {"job", "node"}};
  Ingest ingest({}, target);
  Batch batch;
  std::vector<std::string> bodies;
  for (unsigned i = 0; i < (mode == Mode::kHash ? 8U : 1U); ++i) {
    bodies.push_back(mode == Mode::kHash ? shuffled(body, i) : body);
  }
  model::TimeMs time = 0;
  std::size_t samples = 0;
  const auto scrape = [&](std::size_t which) {
    batch.reset();
    batch.body = bodies[which % bodies.size()];
    const std::size_t size = text::pad_body(text::Format::kPrometheus, batch.body);
    const auto counts = ingest.stage(text::Format::kPrometheus, size, ++time, appender, batch);
    if (!counts) return state.SkipWithError(counts.error().message().c_str());
    ingest.commit(*counts, batch);
    samples = counts->scraped;
  };
  for (std::size_t i = 0; i < 6; ++i) scrape(i);
  std::size_t round = 0;
  for (auto _ : state) {
    if (mode == Mode::kCold) ingest = Ingest({}, target);
    scrape(round++);
  }
  const auto items =
      static_cast<std::int64_t>(samples) * static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(items);
  state.SetBytesProcessed(static_cast<std::int64_t>(body.size()) *
                          static_cast<std::int64_t>(state.iterations()));
  state.counters["ns/sample"] = benchmark::Counter(
      static_cast<double>(items) / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["B/series"] =
      static_cast<double>(ingest.lines().memory_bytes()) / static_cast<double>(samples);
}

void BM_ParseAllTypes(benchmark::State& state) {
  run(state, all_types(), static_cast<Mode>(state.range(0)));
}
void BM_ParseGauges(benchmark::State& state) {
  run(state, gauges(), static_cast<Mode>(state.range(0)));
}
BENCHMARK(BM_ParseAllTypes)->ArgName("mode")->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(BM_ParseGauges)->ArgName("mode")->Arg(0)->Arg(1)->Arg(2);

}  // namespace
}  // namespace narthex::scrape

