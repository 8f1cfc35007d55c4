// Options of the store, with upstream's defaults.
#pragma once

#include <cstdint>
#include <string>

#include "model/time.h"
#include "tsdb/head/options.h"
#include "tsdb/wal/segment.h"

namespace narthex::tsdb {

struct Options {
  std::string path = "data/";                                   // --storage.tsdb.path
  model::DurationMs retention_ms = 15LL * 24 * 60 * 60 * 1000;  // --storage.tsdb.retention.time
  std::uint64_t wal_segment_bytes = kWalSegmentBytes;           // --storage.tsdb.wal-segment-size
  bool no_lockfile = false;                                     // --storage.tsdb.no-lockfile
  HeadOptions head;
};

}  // namespace narthex::tsdb
