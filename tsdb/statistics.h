// Numbers about what the store holds, for /api/v1/status/tsdb. They are of a moment while samples
// come in: lists and totals need not add up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/time.h"

namespace narthex::tsdb {

/// A name, a value or a pair, and how many series, values or bytes it stands for.
struct NameCount {
  std::string name;
  std::uint64_t count = 0;
};

/// Of the index. The lists hold the largest, largest first.
struct RegistryStatistics {
  std::uint64_t series = 0;
  std::uint64_t label_pairs = 0;
  std::vector<NameCount> series_by_metric_name;
  std::vector<NameCount> values_by_label_name;
  std::vector<NameCount> bytes_by_label_name;
  std::vector<NameCount> series_by_label_pair;
};

/// Of the whole store, times in milliseconds, both ends included.
struct DbStatistics {
  RegistryStatistics registry;
  std::uint64_t chunks = 0;
  model::TimeMs min_time = 0;  // both 0 when empty
  model::TimeMs max_time = 0;
};

}  // namespace narthex::tsdb
