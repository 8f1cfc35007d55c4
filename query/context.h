// What all operators of one running query share: limits, notes, the store, and the query's own
// times.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/parallel.h"
#include "base/result.h"
#include "model/storage.h"
#include "query/annotations.h"
#include "query/tile.h"

namespace narthex::query {

/// Whoever may stop the query: its caller, or its own deadline.
struct Stop {
  StopToken caller;
  StopToken deadline;

  Result<void> check() const {
    NX_TRY(caller.check());
    return deadline.check();
  }
};

/// Lives for one evaluation. Thread-compatible.
struct QueryContext {
  std::string text;
  StepAxis axis;  // of the whole query; subqueries have their own
  DurationMs lookback_ms = 0;
  DurationMs subquery_step_ms = 0;
  std::size_t samples_max = 0;  // 0: none
  bool delayed_name_removal = false;
  Stop stop;

  Annotations notes;
  std::unique_ptr<model::Querier> querier;
  std::map<std::string, std::shared_ptr<const model::SeriesSet>>
      selections;  // by matchers and time range

  std::uint64_t samples_total = 0;
  std::uint64_t samples_peak = 0;
  std::uint64_t samples_held = 0;

  /// Counts samples that are now in memory. kLimit when they are too many.
  Result<void> hold(std::uint64_t samples);
  void release(std::uint64_t samples) { samples_held -= std::min(samples, samples_held); }
  /// kLimit if `samples` more would be too many; nothing is counted.
  Result<void> check_room(std::uint64_t samples);
};

}  // namespace narthex::query
