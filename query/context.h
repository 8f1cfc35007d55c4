// What all operators of one running query share: limits, notes, the store, and the query's own
// times.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/parallel.h"
#include "base/result.h"
#include "model/storage.h"
#include "query/annotations.h"
#include "query/tile.h"

namespace narthex::query {

/// What ends a query early: its caller, its deadline, or the memory it may use.
struct Stop {
  StopToken token;
  const MemoryAccount* memory = nullptr;

  /// kLimit for memory first, then kCancelled or kTimeout. Costs a clock read: use a Pacer in
  /// loops.
  Result<void> check() const {
    if (memory != nullptr) NX_TRY(memory->check());
    return token.check();
  }
};

/// The cost of a row whose labels or texts have `bytes` bytes, for Pacer::tick(); 1 for one with
/// its plain labels. A query that is stopped is to end within 100 ms.
constexpr std::size_t cost_of_bytes(std::size_t bytes) {
  return 1 + bytes / 256;
}

/// What an operator has to remember that comes to run later than upstream would evaluate it.
struct WaitingStream {
  std::size_t turn = 0;    // its place in upstream's order
  std::uint64_t base = 0;  // samples held in its turn
  std::uint64_t peak = 0;  // and the most since
};

/// Lives for one evaluation. Thread-compatible.
struct QueryContext {
  std::string text;
  StepAxis axis;  // of the whole query; subqueries have their own
  DurationMs lookback_ms = 0;
  DurationMs subquery_step_ms = 0;
  std::size_t samples_max = 0;
  bool delayed_name_removal = false;
  Stop stop;

  Annotations notes;
  std::unique_ptr<model::Querier> querier;
  std::map<std::string, std::shared_ptr<const model::SeriesSet>>
      selections;  // by matchers and time range

  /// The native histograms that cells name (tile.h); they live as long as the query.
  std::vector<model::HistogramPtr> histograms;
  /// Adds one; the handle is for a cell.
  HistogramHandle keep(model::HistogramPtr histogram) {
    histograms.push_back(std::move(histogram));
    return static_cast<HistogramHandle>(histograms.size() - 1);
  }

  std::uint64_t samples_total = 0;
  std::uint64_t samples_peak = 0;

  // Samples are counted as upstream would hold them, which evaluates operand after operand and
  // keeps every result whole; see ops/operator.h.
  std::uint64_t samples_held = 0;
  std::uint64_t samples_later = 0;  // of samples_held, by what upstream evaluates later than this
  std::size_t turns = 0;            // operators that have had theirs
  std::size_t turn = 0;             // of the operator that is running
  std::vector<WaitingStream*> waiting;

  /// Counts samples that are now in memory. kLimit when they are too many.
  Result<void> hold(std::uint64_t samples);
  /// What was held and is no more; never below none.
  void release(std::uint64_t samples) { samples_held -= std::min(samples, samples_held); }
  /// kLimit if `samples` more would be too many; nothing is counted.
  Result<void> check_room(std::uint64_t samples);
};

}  // namespace narthex::query
