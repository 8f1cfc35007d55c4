// Options of the head, with upstream's defaults.
#pragma once

#include <cstddef>

#include "model/time.h"

namespace narthex::tsdb {

struct HeadOptions {
  model::DurationMs future_limit_ms = 10LL * 60 * 1000;  // upstream's scrape time limit; 0: none
  std::size_t series_max = 0;                            // 0: none
  std::size_t chunk_bytes_max = 0;                       // 0: 64 GiB, what handles can name
  bool wal_compression = true;
};

}  // namespace narthex::tsdb
