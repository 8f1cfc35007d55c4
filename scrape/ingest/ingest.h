// A target's way from the bytes of a page to rows in the store, and what must be remembered of it
// between scrapes: its template, which series may go stale, its report series. A page goes one way:
// staged (page_stager.h), reported (report.h), appended; then it is the next template. Runs on the
// CPU pool; thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/labels.h"
#include "model/storage.h"
#include "scrape/exposition/reader.h"
#include "scrape/ingest/batch.h"
#include "scrape/ingest/report.h"
#include "scrape/ingest/series_labels.h"
#include "scrape/ingest/template.h"

namespace narthex::scrape {

/// Rows of a page that the store did not take, by reason; those it took again unchanged are not
/// counted.
struct RejectedRows {
  std::size_t duplicate = 0;
  std::size_t out_of_order = 0;
  std::size_t out_of_bounds = 0;
};

/// One target's memory. Calls follow the order stage() or stage_failure(), write().
class Ingest {
 public:
  /// `target_labels` are the visible ones. Nothing is remembered yet.
  Ingest(IngestRules rules, model::Labels target_labels);

  /// Reads `batch.page` and stages the rows, with stale markers for series that vanished. An error
  /// means: nothing of this page counts; call stage_failure() on a reset batch. Errors: as
  /// PageStager::run().
  Result<ScrapeCounts> stage(model::TimeMs time, model::Appender& appender, Batch& batch);

  /// Stages stale markers for every series that had a sample in the last good scrape.
  void stage_failure(Batch& batch);

  /// Adds the report's rows to what is staged, of `page` or of a failure, and writes the batch;
  /// rows whose series is gone are resolved again and written once more. Of a good page the body
  /// becomes the template. Errors: those of the store; of the report alone in `report_error`.
  Result<RejectedRows> write(const ScrapeOutcome& outcome, model::TimeMs time,
                             model::Appender& appender, Batch& batch,
                             std::optional<Error>& report_error);

  /// The two halves of write() but for the report, for tests and benchmarks.
  Result<RejectedRows> append(model::TimeMs time, model::Appender& appender, Batch& batch);
  void commit(const ScrapeCounts& counts, Batch& batch);

  /// Writes stale markers for all of the target's series, its report's too, at `time`.
  Result<void> write_farewell(model::TimeMs time, model::Appender& appender, Batch& batch);

  /// What the metadata lines of the last good body say, by family.
  void collect_metadata(exposition::Format format,
                        std::map<std::string, model::Metadata, std::less<>>& out) const;

  /// Forgets all it knows of the target: for a state that an exception has left unclear.
  void forget();

  /// For tests and for what is shown of memory.
  const Template& lines() const { return template_; }
  const IngestRules& rules() const { return labels_.rules(); }
  /// Hash mode for good, for benchmarks.
  void pin_hash_mode() { template_.pin_hash_mode(); }
  /// Takes over the memory of a loop whose configuration differs in what does not touch keys.
  void adopt(Ingest&& before);

 private:
  void mark_shared(Batch& batch);
  Result<model::SeriesHandle> resolve_again(const LineRef& ref, model::Appender& appender,
                                            Batch& batch);

  SeriesLabels labels_;
  Template template_;
  Report report_;
  bool has_tracked_ = false;
};

}  // namespace narthex::scrape
