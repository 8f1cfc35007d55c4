// Opening, recovering and closing.
#include "tsdb/db.h"

#include <optional>

#include "base/metrics_refresh.h"
#include "base/str.h"
#include "base/units.h"
#include "tsdb/block/directory.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/replay.h"

namespace narthex::tsdb {

struct Db::State {
  Options options;
  FileSystem* fs = nullptr;
  const Clock* clock = nullptr;
  Log* log = nullptr;
  std::unique_ptr<DirectoryLock> lock;
  Observer* fsync_duration = nullptr;
  std::unique_ptr<Head> head;
  std::unique_ptr<WalWriter> wal;
  std::optional<MetricsRefresh> refresh;  // reads the others: ends first
};

namespace {

std::string parent_of(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');  // "data/" is "data"
  if (end == std::string::npos) return "/";
  const std::size_t slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Creates `path` and what is missing above it, outermost first, each durable before the next. What
// is there may be left of a start that failed in between, so its name is made durable too; not all
// file systems that hold one can do that, a read-only one for a mount point cannot.
Result<void> make_durable_directories(FileSystem& fs, const std::string& path) {
  if (fs.exists(path)) {
    (void)fs.sync_directory(parent_of(path));
    return {};
  }
  NX_TRY(make_durable_directories(fs, parent_of(path)));
  NX_TRY(fs.make_directories(path));
  return fs.sync_directory(parent_of(path));
}

// Answering without blocks that are there would be a wrong answer.
Result<void> refuse_blocks(FileSystem& fs, const std::string& path) {
  NX_TRY_ASSIGN(const std::vector<BlockMeta> blocks, list_blocks(fs, path));
  if (blocks.empty()) return {};
  return Error(Code::kInvalid,
               concat("not implemented yet: reading blocks; ", path, " holds ", blocks.size(),
                      " of them, the first is ", blocks.front().ulid));
}

void log_replay(Log& log, const ReplayReport& report, std::int64_t took_ns) {
  log.info("wal replay completed", {{"segments", report.segments},
                                    {"series", report.series},
                                    {"samples", report.samples},
                                    {"duration", fmt::format("{:.3f}s", to_seconds(took_ns))}});
  if (report.unknown_refs > 0)
    log.warn("wal samples of unknown series", {{"samples", report.unknown_refs}});
  if (report.histogram_records > 0) {
    log.warn("not implemented yet: native histograms and start timestamps in the wal were skipped",
             {{"records", report.histogram_records}});
  }
}

void publish_replay(Metrics& metrics, const ReplayReport& report, std::int64_t took_ns) {
  metrics
      .gauge("prometheus_tsdb_data_replay_duration_seconds",
             "Time taken to replay the data on disk.")
      .set(to_seconds(took_ns));
  metrics.counter("prometheus_tsdb_wal_corruptions_total", "Total number of WAL corruptions.")
      .add(static_cast<double>(report.damaged_records));
  metrics
      .counter("prometheus_tsdb_wal_replay_unknown_refs_total",
               "Total number of unknown series references encountered during WAL replay.",
               {{"type", "samples"}})
      .add(static_cast<double>(report.unknown_refs));
}

// 1: the last run ended well, 0: it left its lock behind, -1: nobody knows.
void publish_start(Metrics& metrics, bool locks, bool lock_was_there) {
  metrics
      .gauge("prometheus_tsdb_clean_start",
             "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: "
             "lockfile creation was clean")
      .set(!locks           ? -1
           : lock_was_there ? 0
                            : 1);
}

// Bytes of the log's files; 0 when they cannot be read.
double directory_bytes(FileSystem& fs, const std::string& path) {
  const auto entries = fs.list(path);
  if (!entries) return 0;
  double bytes = 0;
  for (const DirectoryEntry& entry : *entries) bytes += static_cast<double>(entry.size);
  return bytes;
}

// What upstream's dashboards and alerts ask for, of parts that are not there yet and so never fail.
void publish_absent_parts(Metrics& metrics, model::DurationMs retention_ms) {
  metrics.gauge("prometheus_tsdb_blocks_loaded", "Number of currently loaded data blocks").set(0);
  metrics
      .gauge("prometheus_tsdb_storage_blocks_bytes",
             "The number of bytes that are currently used for local storage by all blocks.")
      .set(0);
  metrics.counter("prometheus_tsdb_compactions_total",
                  "Total number of compactions that were executed for the partition.");
  metrics.counter("prometheus_tsdb_compactions_failed_total",
                  "Total number of compactions that failed for the partition.");
  metrics.counter("prometheus_tsdb_reloads_failures_total",
                  "Number of times the database failed to reload block data from disk.");
  metrics.counter("prometheus_tsdb_head_series_removed_total",
                  "Total number of series removed in the head");
  metrics.counter("prometheus_tsdb_head_chunks_removed_total",
                  "Total number of chunks removed in the head");
  metrics
      .gauge("prometheus_tsdb_retention_limit_seconds",
             "How long to retain samples in storage. 0 means retention is disabled.")
      .set(static_cast<double>(retention_ms) / 1000);
}

// Counters and gauges that are read from the head rather than kept.
void publish_times(Metrics& metrics, const Head& head) {
  const auto set = [&metrics](std::string_view name, std::string_view help, double value) {
    metrics.gauge(name, help).set(value);
  };
  const auto low = static_cast<double>(head.min_time());
  const auto high = static_cast<double>(head.max_time());
  set("prometheus_tsdb_head_min_time", "Minimum time bound of the head block.", low);
  set("prometheus_tsdb_head_min_time_seconds", "Minimum time bound of the head block.", low / 1000);
  set("prometheus_tsdb_head_max_time", "Maximum timestamp of the head block.", high);
  set("prometheus_tsdb_head_max_time_seconds", "Maximum timestamp of the head block.", high / 1000);
  set("prometheus_tsdb_lowest_timestamp", "Lowest timestamp value stored in the database.", low);
  set("prometheus_tsdb_lowest_timestamp_seconds", "Lowest timestamp value stored in the database.",
      low / 1000);
}

void publish_head(Metrics& metrics, const Head& head, const WalWriter& wal) {
  publish_times(metrics, head);
  const auto set = [&metrics](std::string_view name, std::string_view help, double value) {
    metrics.gauge(name, help).set(value);
  };
  const auto count = [&metrics](std::string_view name, std::string_view help, std::uint64_t now,
                                Metrics::LabelList labels = {}) {
    Counter& counter = metrics.counter(name, help, labels);
    counter.add(static_cast<double>(now) - counter.value());
  };
  const HeadCounters& c = head.counters();
  const auto get = [](const std::atomic<std::uint64_t>& n) {
    return n.load(std::memory_order_relaxed);
  };
  set("prometheus_tsdb_head_series", "Total number of series in the head block.",
      static_cast<double>(head.registry().series_count()));
  set("prometheus_tsdb_head_chunks", "Total number of chunks in the head block.",
      static_cast<double>(head.chunks_created()));
  set("prometheus_tsdb_wal_segment_current", "WAL segment index that TSDB is currently writing to.",
      static_cast<double>(wal.segment()));
  set("narthex_tsdb_head_chunk_bytes", "Bytes of open and full chunks held in memory.",
      static_cast<double>(head.chunk_bytes()));
  count("prometheus_tsdb_head_series_created_total", "Total number of series created in the head.",
        get(c.series_created));
  count("prometheus_tsdb_head_chunks_created_total", "Total number of chunks created in the head.",
        head.chunks_created());
  count("prometheus_tsdb_head_samples_appended_total", "Total number of appended samples.",
        get(c.samples_appended), {{"type", "float"}});
  count("prometheus_tsdb_out_of_order_samples_total",
        "Total number of out of order samples ingestion failed attempts due to out of order being "
        "disabled.",
        get(c.out_of_order), {{"type", "float"}});
  count("prometheus_tsdb_out_of_bound_samples_total",
        "Total number of out of bound samples ingestion failed attempts.", get(c.out_of_bounds),
        {{"type", "float"}});
  count("prometheus_tsdb_wal_bytes_written_total", "Bytes written to the WAL since the start.",
        wal.written_bytes());
}

}  // namespace

Db::Db(std::unique_ptr<State> state) : state_(std::move(state)) {}
Db::~Db() = default;

Result<std::unique_ptr<Db>> Db::open(Options options, FileSystem& fs, const Clock& clock,
                                     Metrics& metrics, Log& log, const ReplayControl& control) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->fs = &fs;
  state->clock = &clock;
  state->log = &log;
  const std::string& path = state->options.path;
  NX_TRY(make_durable_directories(fs, path));
  const bool lock_was_there = fs.exists(path + "/lock");
  if (!state->options.no_lockfile) {
    NX_TRY_ASSIGN(state->lock, fs.lock(path + "/lock"));
  }
  publish_start(metrics, state->lock != nullptr, lock_was_there);
  publish_absent_parts(metrics, state->options.retention_ms);
  NX_TRY(refuse_blocks(fs, path));
  const std::string wal_dir = path + "/wal";
  NX_TRY(fs.make_directories(wal_dir));
  NX_TRY(fs.sync_directory(path));

  const std::int64_t started = clock.monotonic_ns();
  NX_TRY_ASSIGN(state->head, Head::create(state->options.head, clock));
  const Result<ReplayReport> replayed = replay_wal(fs, wal_dir, *state->head, log, control);
  if (!replayed) {
    // Nothing was written: a run that is told to stop here ends as well as one that never began.
    const bool stopped = replayed.error().code() == Code::kCancelled;
    if (stopped && state->lock) (void)fs.remove(path + "/lock");
    return std::unexpected(replayed.error());
  }
  const ReplayReport& report = *replayed;
  const std::int64_t took_ns = clock.monotonic_ns() - started;
  log_replay(log, report, took_ns);
  publish_replay(metrics, report, took_ns);

  // From here on sync() speaks for what a killed run left, too.
  if (Result<void> synced = sync_wal_segments(fs, wal_dir); !synced)
    log.warn("wal segments could not be made durable", {{"err", synced.error()}});

  NX_TRY_ASSIGN(state->wal, WalWriter::open(fs, wal_dir, report.next_segment,
                                            {.segment_bytes = state->options.wal_segment_bytes}));
  state->head->set_wal(state->wal.get());
  state->fsync_duration = &metrics.summary("prometheus_tsdb_wal_fsync_duration_seconds",
                                           "Duration of write log fsync.");
  state->refresh.emplace(metrics, [&metrics, s = state.get(), wal_dir] {
    publish_head(metrics, *s->head, *s->wal);
    metrics.gauge("prometheus_tsdb_wal_storage_size_bytes", "Size of the write log directory.")
        .set(directory_bytes(*s->fs, wal_dir));
  });
  return std::make_unique<Db>(std::move(state));
}

Result<model::SeriesHandle> Db::resolve(const model::Labels& labels) {
  return state_->head->resolve(labels);
}

model::TimeMs Db::oldest_time() const {
  return state_->head->oldest_time();
}

Result<model::AppendReport> Db::append(const model::FloatBatch& batch) {
  return state_->head->append(batch);
}

Result<std::unique_ptr<model::Querier>> Db::querier(model::TimeRange range) {
  return make_head_querier(*state_->head, range);
}

Result<std::unique_ptr<model::ChunkSource>> Db::chunks(const model::Matchers& matchers,
                                                       const model::SelectHints& hints) {
  return make_head_chunks(*state_->head, matchers, hints);
}

Result<void> Db::sync() {
  const std::int64_t started_ns = state_->clock->monotonic_ns();
  NX_TRY(state_->wal->sync());
  const std::int64_t took_ns = state_->clock->monotonic_ns() - started_ns;
  state_->fsync_duration->observe(to_seconds(took_ns));
  return {};
}

Result<void> Db::close() {
  state_->head->set_wal(nullptr);
  NX_TRY(state_->wal->close());
  // A lock file that stays says that the run did not end well. It goes while it is still held.
  Result<void> removed;
  if (state_->lock) removed = state_->fs->remove(state_->options.path + "/lock");
  state_->lock.reset();
  return removed;
}

Result<DbStatistics> Db::statistics(std::size_t limit, const StopToken& stop) const {
  DbStatistics out;
  NX_TRY_ASSIGN(out.registry, state_->head->registry().statistics(limit, stop));
  out.chunks = state_->head->chunks_created();
  if (state_->head->max_time() >= state_->head->min_time()) {
    out.min_time = state_->head->min_time();
    out.max_time = state_->head->max_time();
  }
  return out;
}

}  // namespace narthex::tsdb
