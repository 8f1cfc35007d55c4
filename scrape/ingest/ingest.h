// From the bytes of one exposition to one batch of rows, and what must be remembered of a target
// between scrapes: its template, which series may go stale, and its report series. Runs on the CPU
// pool; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/relabel.h"
#include "model/storage.h"
#include "scrape/config.h"
#include "scrape/exposition/reader.h"
#include "scrape/ingest/template.h"

namespace narthex::scrape {

/// A set of slots that is emptied without giving memory back.
class SlotSet {
 public:
  void clear();
  /// False when it was there already.
  bool insert(std::uint32_t slot);
  bool contains(std::uint32_t slot) const;
  bool empty() const { return size_ == 0; }

 private:
  void grow();
  std::vector<std::uint32_t> table_;
  std::size_t size_ = 0;
};

struct ScrapeCounts {
  std::size_t scraped = 0;  // samples in the body
  std::size_t added = 0;    // left after relabelling
  std::size_t series_added = 0;
  std::size_t duplicates =
      0;                    // a text twice in one body, the second time without a time of its own
  std::size_t refused = 0;  // new series that the store had no room for
  std::size_t out_of_bounds = 0;  // samples whose own time is no time, or too far ahead
  std::size_t lines = 0;
  std::size_t misplaced = 0;  // lines not where the template expected them
};

/// The scratch of one scrape, reused by all targets of a thread so that idle targets hold none.
struct Batch {
  std::string body;  // plain text, padded by exposition::pad_body
  std::vector<model::SeriesHandle> series;
  std::vector<double> values;
  std::vector<model::TimeMs> times;    // empty while every row has the scrape's time
  std::vector<std::uint32_t> sources;  // of each row: index into refs, or kNoLine
  std::vector<LineRef> refs;
  std::vector<LineEntry> fresh;
  std::vector<bool> seen;  // by template line; empty until a line is not where expected
  // Noted of every line once a new one came, and of lines that share their series always.
  SlotSet slots;          // series with a row
  SlotSet tracked_slots;  // those whose row makes them go stale when they vanish
  std::unordered_set<std::string_view> texts;  // once two lines shared a series: their keys
  SlotSet shared_slots;                        // series found to have two keys
  std::vector<model::SeriesHandle> lapsed;     // no longer tracked by a line that was
  std::vector<std::uint32_t> retracked;        // refs whose kTracked changes with this scrape
  std::vector<std::pair<std::string, std::string>> labels;
  model::LabelsBuilder builder;
  std::string scratch;
  ScrapeCounts counts;  // of the body read last, up to where it failed if it did

  void reset();
  void push(model::SeriesHandle handle, double value, std::uint32_t source);
  void push_at(model::SeriesHandle handle, double value, std::uint32_t source, model::TimeMs time,
               model::TimeMs batch_time);
};

/// How a job's samples are treated: everything that gives a template's keys their meaning.
struct IngestRules {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  NameValidation name_validation = NameValidation::kUtf8;
  ScrapeLimits limits;
  bool extra_scrape_metrics = false;
  model::DurationMs timeout = 0;
  std::shared_ptr<const model::Relabeler> relabeler;
};

/// What the report series say.
struct ScrapeOutcome {
  bool up = false;
  double duration_seconds = 0;
  ScrapeCounts counts;
  std::int64_t body_bytes = 0;  // -1: the body limit was hit
};

struct RejectedRows {
  std::size_t duplicate = 0;
  std::size_t out_of_order = 0;
  std::size_t out_of_bounds = 0;
};

class Ingest {
 public:
  Ingest(IngestRules rules, model::Labels target_labels);

  /// Reads `batch.body` and stages its rows, with stale markers for series that vanished. An error
  /// means: nothing of this body counts; call stage_failure() on a reset batch. Errors: kInvalid
  /// (syntax, labels), kLimit (named in the message), kUnavailable from the store.
  Result<ScrapeCounts> stage(exposition::Format format, std::size_t body_bytes, model::TimeMs time,
                             model::Appender& appender, Batch& batch);

  /// Stages stale markers for every series that had a sample in the last good scrape.
  void stage_failure(Batch& batch);

  /// Stages up and the scrape_* series; with `stale`, their stale markers.
  Result<void> stage_report(const ScrapeOutcome& outcome, model::Appender& appender, Batch& batch);
  Result<void> stage_stale_report(model::Appender& appender, Batch& batch);

  /// Writes the batch; rows whose series is gone are resolved again and written once more.
  Result<RejectedRows> append(model::TimeMs time, model::Appender& appender, Batch& batch);

  /// After a good stage() and append(): the body just read becomes the template.
  void commit(const ScrapeCounts& counts, Batch& batch);

  /// What the metadata lines of the last good body say, by family.
  void collect_metadata(exposition::Format format,
                        std::map<std::string, model::Metadata, std::less<>>& out) const;

  /// Forgets all it knows of the target: for a state that an exception has left unclear.
  void forget();

  const Template& lines() const { return template_; }
  const IngestRules& rules() const { return rules_; }
  /// Hash mode for good, for benchmarks.
  void pin_hash_mode() { template_.pin_hash_mode(); }
  /// Takes over the memory of a loop whose configuration differs in what does not touch keys.
  void adopt(Ingest&& before);

 private:
  struct Pass;
  Result<void> read_in_order(Pass& pass);
  Result<void> read_by_hash(Pass& pass);
  Result<bool> read_unexpected(Pass& pass, std::string_view rest);
  Result<bool> read_unknown(Pass& pass);
  Result<bool> take_event(Pass& pass, std::uint32_t found);
  Result<void> add_line(Pass& pass);
  Result<void> add_sample(Pass& pass, LineEntry& entry);
  bool take_known(Pass& pass, std::uint32_t index, std::size_t start);
  bool stage_sample(Pass& pass, const LineEntry& entry, bool repeats = false);
  void stage_vanished(Pass& pass);
  void stage_stale(Pass& pass, model::SeriesHandle series);
  void mark_seen(Pass& pass);
  static Result<model::SeriesHandle> resolve(Pass& pass, const model::Labels& labels);
  void collect_slots(Pass& pass);
  void collect_texts(Pass& pass);
  bool has_bad_time(const Pass& pass) const;
  bool repeats_text(Pass& pass, const LineEntry& entry);
  void mark_shared(Batch& batch);
  Result<bool> target_series(Batch& batch, model::Labels& out) const;
  Result<void> check_limits(const model::LabelsBuilder& labels,
                            const model::LabelLimits& hard) const;
  void add_target_labels(Batch& batch) const;
  Result<model::SeriesHandle> resolve_again(const LineRef& ref, model::Appender& appender,
                                            Batch& batch);
  Result<std::optional<model::SeriesHandle>> resolve_row(std::size_t row, model::Appender& appender,
                                                         Batch& batch);
  Result<model::SeriesHandle> report_series(std::size_t index, model::Appender& appender);

  IngestRules rules_;
  model::Labels target_labels_;
  Template template_;
  std::vector<model::SeriesHandle> report_;
  bool has_tracked_ = false;
};

}  // namespace narthex::scrape
