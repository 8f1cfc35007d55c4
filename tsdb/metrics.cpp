// The store's metrics, in upstream's names. The head counts in atomics of its own; what they grew
// by is added to the registry's counters before each exposition, so that appending touches no
// registry.
#include "tsdb/metrics.h"

#include <atomic>

#include "tsdb/head/head.h"
#include "tsdb/head/replay.h"
#include "tsdb/wal/writer.h"

namespace narthex::tsdb {
namespace {

// Bytes of the log's files; 0 when they cannot be read.
double directory_bytes(FileSystem& fs, const std::string& path) {
  const auto entries = fs.list(path);
  if (!entries) return 0;
  double bytes = 0;
  for (const DirectoryEntry& entry : *entries) bytes += static_cast<double>(entry.size);
  return bytes;
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

}  // namespace

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

void publish_start(Metrics& metrics, bool locks, bool lock_was_there) {
  metrics
      .gauge("prometheus_tsdb_clean_start",
             "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. 1: "
             "lockfile creation was clean")
      .set(!locks           ? -1
           : lock_was_there ? 0
                            : 1);
}

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

void publish_wal_bytes(Metrics& metrics, FileSystem& fs, const std::string& wal_dir) {
  metrics.gauge("prometheus_tsdb_wal_storage_size_bytes", "Size of the write log directory.")
      .set(directory_bytes(fs, wal_dir));
}

Observer& fsync_duration(Metrics& metrics) {
  return metrics.summary("prometheus_tsdb_wal_fsync_duration_seconds",
                         "Duration of write log fsync.");
}

}  // namespace narthex::tsdb
