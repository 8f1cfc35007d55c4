// The store's metrics, in upstream's names and help texts: what each function publishes is set or
// added once, when it is called. The registry outlives the store. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/fs.h"
#include "base/metrics.h"
#include "model/time.h"

namespace narthex::tsdb {

class Head;
class WalWriter;
struct ReplayReport;

/// How the last run ended: 1 well, 0 it left its lock behind, -1 nobody knows.
void publish_start(Metrics& metrics, bool locks, bool lock_was_there);

/// What a replay found, and how long it took.
void publish_replay(Metrics& metrics, const ReplayReport& report, std::int64_t took_ns);

/// What upstream's dashboards and alerts ask for, of parts that are not there yet and so never
/// fail.
void publish_absent_parts(Metrics& metrics, model::DurationMs retention_ms);

/// Counters and gauges that are read from the head and the log rather than kept.
void publish_head(Metrics& metrics, const Head& head, const WalWriter& wal);

/// Bytes of the log's files; 0 when they cannot be read.
void publish_wal_bytes(Metrics& metrics, FileSystem& fs, const std::string& wal_dir);

/// Seconds that syncs of the log take.
Observer& fsync_duration(Metrics& metrics);

}  // namespace narthex::tsdb
