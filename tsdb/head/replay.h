// Fills a head from the WAL: checkpoint first, then the segments it does not cover. Damage costs
// the record it is in; samples of series whose record is lost are counted, not guessed. The files
// are left as they are, except that a record torn at the very end (it was never acknowledged) is
// cut off, so that Prometheus reads on over it.
#pragma once

#include <cstdint>
#include <string>

#include "base/fs.h"
#include "base/log.h"
#include "base/result.h"
#include "tsdb/head/head.h"
#include "tsdb/replay_control.h"

namespace narthex::tsdb {

struct ReplayReport {
  std::uint64_t segments = 0;
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  std::uint64_t unknown_refs = 0;  // samples whose series record was not found
  std::uint64_t damaged_records = 0;
  std::uint64_t skipped_records =
      0;  // kinds that are not implemented yet: histograms, exemplars, metadata, ...
  std::uint64_t histogram_records = 0;  // of them, those that hold data a query would miss
  std::uint32_t next_segment = 0;       // where the writer starts
};

/// `dir` is the WAL directory and may be missing. Errors: kIo; kCorrupt when segment numbers have a
/// gap; kLimit when memory runs out; kCancelled once `control.stop` says so, with the files as they
/// were.
Result<ReplayReport> replay_wal(FileSystem& fs, const std::string& dir, Head& head, Log& log,
                                const ReplayControl& control = {});

}  // namespace narthex::tsdb
