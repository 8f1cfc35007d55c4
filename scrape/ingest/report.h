// The series that tell of a target's scrapes, `up` and scrape_*, with upstream's names and values.
// Their series are resolved once and remembered. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "model/storage.h"
#include "scrape/ingest/batch.h"
#include "scrape/ingest/series_labels.h"

namespace narthex::scrape {

/// What the report series say.
struct ScrapeOutcome {
  bool up = false;
  double duration_seconds = 0;
  ScrapeCounts counts;
  std::int64_t body_bytes = 0;  // -1: the body limit was hit
};

/// Of one target. Rows are without a source (kNoLine), at the scrape's time.
class Report {
 public:
  /// Adds the rows that `outcome` says. Errors: those of the store.
  Result<void> stage(const SeriesLabels& labels, const ScrapeOutcome& outcome,
                     model::Appender& appender, Batch& batch);
  /// Adds their stale markers.
  Result<void> stage_stale(const SeriesLabels& labels, model::Appender& appender, Batch& batch);

  /// The series once more, which the store says is gone. None: it is not one of these.
  Result<std::optional<model::SeriesHandle>> resolve_again(const SeriesLabels& labels,
                                                           model::SeriesHandle gone,
                                                           model::Appender& appender);

 private:
  Result<model::SeriesHandle> series(const SeriesLabels& labels, std::size_t index,
                                     model::Appender& appender);
  std::vector<model::SeriesHandle> series_;
};

}  // namespace narthex::scrape
