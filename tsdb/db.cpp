// Opening, recovering and closing, in an order in which every step can fail.
//
// Open: directories, each durable before the next; the lock; a look for blocks, which this version
// cannot read and so must not answer without; the replay; then, because whoever was killed may not
// have synced, one sync of what was found; and only then a new segment to write to. Nothing is
// written to the log before the replay has seen all of it, so a failed start leaves the directory
// as it was.
//
// Close: the log is synced and closed, and the lock file removed while the lock is still held. A
// lock file that stays tells the next start that the run did not end well.
#include "tsdb/db.h"

#include <optional>

#include "base/metrics_refresh.h"
#include "base/str.h"
#include "base/units.h"
#include "tsdb/block/directory.h"
#include "tsdb/head/head.h"
#include "tsdb/head/head_querier.h"
#include "tsdb/head/replay.h"
#include "tsdb/metrics.h"

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
  state->fsync_duration = &fsync_duration(metrics);
  state->refresh.emplace(metrics, [&metrics, s = state.get(), wal_dir] {
    publish_head(metrics, *s->head, *s->wal);
    publish_wal_bytes(metrics, *s->fs, wal_dir);
  });
  return std::make_unique<Db>(std::move(state));
}

Result<model::SeriesHandle> Db::resolve(const model::Labels& labels, model::SeriesOwner owner) {
  return state_->head->resolve(labels, owner);
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
