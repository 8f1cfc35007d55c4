// What one sample of an exposition costs, from bytes to staged rows, in three modes: template
// (every line where it was), hash (random order) and cold (nothing known). ns/sample is what users
// pay; a store that does nothing stands behind.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/fs.h"
#include "base/str.h"
#include "scrape/ingest/ingest.h"

namespace narthex::scrape {
namespace {

// Hands out slots in order and accepts every row.
class NullAppender final : public model::Appender {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels& labels, model::SeriesOwner) override {
    benchmark::DoNotOptimize(labels.data().data());
    return model::SeriesHandle{.slot = next_++ & 0xFFFFFF, .generation = 0};
  }
  model::TimeMs oldest_time() const override { return std::numeric_limits<model::TimeMs>::min(); }
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
    batch.open(exposition::Format::kPrometheus);
    const auto counts = ingest.stage(++time, appender, batch);
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

// Experiment X1: pages recorded one after another from a live exporter (NARTHEX_PAGES names a
// directory of them), and the recorded pages in the shared test data. in_place is the share of
// lines that were where the template expected.
void run_pages(benchmark::State& state, const std::vector<std::string>& pages, bool hash_mode) {
  NullAppender appender;
  Ingest ingest({}, model::Labels{{"instance", "localhost:9100"}, {"job", "node"}});
  Batch batch;
  if (hash_mode) ingest.pin_hash_mode();
  model::TimeMs time = 0;
  std::size_t lines = 0;
  std::size_t misplaced = 0;
  std::size_t samples = 0;
  const auto scrape = [&](const std::string& page) {
    batch.reset();
    batch.body = page;
    batch.open(exposition::Format::kPrometheus);
    const auto counts = ingest.stage(++time, appender, batch);
    if (!counts) return state.SkipWithError(counts.error().message().c_str());
    ingest.commit(*counts, batch);
    lines += counts->lines;
    misplaced += counts->misplaced;
    samples += counts->scraped;
  };
  scrape(pages.front());
  scrape(pages.front());
  lines = misplaced = samples = 0;
  for (auto _ : state) {
    for (const std::string& page : pages) scrape(page);
  }
  state.counters["ns/sample"] =
      benchmark::Counter(static_cast<double>(samples) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["in_place"] =
      1 - static_cast<double>(misplaced) / static_cast<double>(std::max<std::size_t>(lines, 1));
  state.counters["B/line"] = static_cast<double>(ingest.lines().memory_bytes()) /
                             static_cast<double>(std::max<std::size_t>(ingest.lines().size(), 1));
}

std::vector<std::string> directory_of_pages(const std::string& directory, std::string_view suffix) {
  std::vector<std::string> out;
  const auto entries = real_file_system().list(directory);
  if (!entries) return out;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.ends_with(suffix)) out.push_back(concat(directory, "/", entry.name));
  }
  return out;
}

void register_pages(const std::string& name, const std::vector<std::string>& paths) {
  std::vector<std::string> pages;
  for (const std::string& path : paths) pages.push_back(read_text(path));
  if (pages.empty()) return;
  for (const bool hash_mode : {false, true}) {
    benchmark::RegisterBenchmark(
        concat("X1/", name, hash_mode ? "/hash" : "/template").c_str(),
        [pages, hash_mode](benchmark::State& state) { run_pages(state, pages, hash_mode); });
  }
}

const bool kRegistered = [] {
  for (const std::string& path :
       directory_of_pages(shared_directory() + "/testdata/exposition", ".prom")) {
    register_pages(path.substr(path.rfind('/') + 1), {path});
  }
  const char* recorded = std::getenv("NARTHEX_PAGES");
  if (recorded != nullptr) register_pages(recorded, directory_of_pages(recorded, ".txt"));
  return true;
}();

}  // namespace
}  // namespace narthex::scrape
