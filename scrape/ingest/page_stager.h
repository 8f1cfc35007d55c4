// Reads one page against the template of the last one, and stages its rows: internal to ingest.
//
// The problem: a page has thousands of lines, nearly all of which were there last time, at the same
// place, with another value; and what remains must be treated exactly as upstream treats it: new
// series, lines that moved, keys that come twice, spellings that mean one series, times of their
// own, series that end.
//
// The way of a line, from what is likely to what is not:
//
//   1. The line at the reader's place begins with the key that the template expects next: its
//      value is read and staged. No labels, no look-up; some 20 ns.
//   2. One of the next few keys matches: series in between vanished. From here on it is noted which
//      entries were seen.
//   3. The line is parsed and its key looked up in a hash table of all entries: it moved.
//   4. It is new: its labels are taken, the series resolved in the store, and the line remembered
//      for the next template.
//
// Targets whose order never settles skip 1 and 2 and look up many keys at a time.
//
// What a page costs more: from the first new series on, the series of every row are noted, for a
// new key may be another spelling of a known series; once two lines did share one, their texts too,
// for upstream tells a repetition from another spelling by the text. At the end, entries that no
// line was and that had a sample the last time get a stale marker.
//
// A line is an entry of any format: keys, values, times and labels come from exposition::Reader,
// and a key is bytes. Thread-compatible; lives for one page.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "model/storage.h"
#include "scrape/exposition/reader.h"
#include "scrape/ingest/batch.h"
#include "scrape/ingest/series_labels.h"
#include "scrape/ingest/template.h"

namespace narthex::scrape {

/// One page's reading. Made, run once, dropped.
class PageStager {
 public:
  /// `batch.page` is read. All references outlive the stager.
  PageStager(model::TimeMs time, const SeriesLabels& labels, Template& lines,
             model::Appender& appender, Batch& batch);

  /// Stages the rows, stale markers of what vanished included, and says what there was, also in
  /// `batch.counts`, there up to where it failed. Errors: kInvalid (syntax, labels), kLimit,
  /// kUnavailable from the store; then nothing of the page counts.
  Result<ScrapeCounts> run();

 private:
  Result<void> read_in_order();
  Result<void> read_by_hash();
  Result<bool> read_unexpected(std::string_view rest);
  Result<bool> read_unknown();
  Result<bool> take_event(std::uint32_t found);
  Result<void> add_line();
  Result<void> add_sample(LineEntry& entry);
  bool take_known(std::uint32_t index, std::size_t start);
  bool stage_sample(const LineEntry& entry, bool repeats = false);
  void stage_vanished();
  void stage_stale(model::SeriesHandle series);
  void mark_seen();
  Result<model::SeriesHandle> resolve(const model::Labels& labels);
  void collect_slots();
  void collect_texts();
  bool has_bad_time() const;
  bool repeats_text(const LineEntry& entry);
  const IngestRules& rules() const { return labels_.rules(); }

  const SeriesLabels& labels_;
  Template& template_;
  model::Appender& appender_;
  Batch& batch_;
  exposition::Reader& reader_;
  const model::TimeMs time_;
  const model::TimeMs oldest_;  // what the store takes of new series
  ScrapeCounts counts_;
  exposition::Event event_;
  std::size_t expected_ = 0;  // the entry the next line should be
  const char* before_;        // where in the body the key of `expected_ - 1` stands
  std::size_t samples_max_;
  std::size_t staged_ = 0;
  bool over_limit_ = false;
  bool collects_slots_ = false;
  bool collects_texts_ = false;
};

}  // namespace narthex::scrape
