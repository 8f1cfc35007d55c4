// What a target remembers between scrapes, and when it changes: only when a page was good and its
// rows were written. Until then everything about the page is in the batch, so a failure at any
// point leaves the template as the last good page made it, and the next scrape starts from there.
//
// Series may go between resolve() and append(), when the head drops what nobody writes to: such
// rows are resolved once more from their line and appended again.
#include "scrape/ingest/ingest.h"

#include <utility>

#include "model/append_again.h"
#include "model/sample.h"
#include "scrape/ingest/page_stager.h"

namespace narthex::scrape {

Ingest::Ingest(IngestRules rules, model::Labels target_labels)
    : labels_(std::move(rules), std::move(target_labels)) {}

void Ingest::adopt(Ingest&& before) {
  template_ = std::move(before.template_);
  report_ = std::move(before.report_);
  has_tracked_ = before.has_tracked_;
}

void Ingest::forget() {
  template_ = Template();
  report_ = Report();
  has_tracked_ = false;
}

Result<ScrapeCounts> Ingest::stage(model::TimeMs time, model::Appender& appender, Batch& batch) {
  PageStager stager(time, labels_, template_, appender, batch);
  return stager.run();
}

void Ingest::stage_failure(Batch& batch) {
  if (!has_tracked_) return;
  has_tracked_ = false;
  for (std::size_t i = 0; i < template_.size(); ++i) {
    LineEntry& line = template_.line(i);
    if (!line.has(LineEntry::kTracked)) continue;
    line.set(LineEntry::kTracked, false);
    batch.push(line.series, model::stale_nan(), kNoLine);
  }
}

Result<RejectedRows> Ingest::write(const ScrapeOutcome& outcome, model::TimeMs time,
                                   model::Appender& appender, Batch& batch,
                                   std::optional<Error>& report_error) {
  if (Result<void> staged = report_.stage(labels_, outcome, appender, batch); !staged) {
    report_error = std::move(staged).error();
  }
  NX_TRY_ASSIGN(const RejectedRows rejected, append(time, appender, batch));
  if (outcome.up) commit(outcome.counts, batch);
  return rejected;
}

Result<void> Ingest::write_farewell(model::TimeMs time, model::Appender& appender, Batch& batch) {
  stage_failure(batch);
  const Result<void> staged = report_.stage_stale(labels_, appender, batch);
  NX_TRY(append(time, appender, batch));
  return staged;
}

Result<RejectedRows> Ingest::append(model::TimeMs time, model::Appender& appender, Batch& batch) {
  if (!batch.times.empty()) batch.times.resize(batch.series.size(), time);
  const model::FloatBatch rows{
      .series = batch.series, .values = batch.values, .time = time, .times = batch.times};
  NX_TRY_ASSIGN(model::AppendReport report, appender.append(rows));
  if (report.gone != 0) {
    const auto resolve = [&](std::size_t row) -> Result<std::optional<model::SeriesHandle>> {
      const std::uint32_t source = batch.sources[row];
      if (source == kNoLine) return report_.resolve_again(labels_, batch.series[row], appender);
      return resolve_again(batch.refs[source], appender, batch);
    };
    NX_TRY(model::append_again(rows, resolve, appender, report));
  }
  return RejectedRows{.duplicate = report.duplicate,
                      .out_of_order = report.out_of_order,
                      .out_of_bounds = report.out_of_bounds};
}

// The template keeps metadata as the page had it: nothing else needs to be kept for this.
void Ingest::collect_metadata(exposition::Format format,
                              std::map<std::string, model::Metadata, std::less<>>& out) const {
  std::string line;
  for (std::size_t i = 0; i < template_.size(); ++i) {
    const exposition::EventKind kind = template_.line(i).kind();
    if (kind == exposition::EventKind::kSample || kind == exposition::EventKind::kComment) continue;
    template_.key(i, line);
    exposition::add_metadata(format, line, out);
  }
}

// The series of a known key once more.
Result<model::SeriesHandle> Ingest::resolve_again(const LineRef& ref, model::Appender& appender,
                                                  Batch& batch) {
  const bool is_new = (ref.entry & kNewLine) != 0;
  LineEntry& entry = is_new ? batch.fresh[ref.entry - kNewLine] : template_.line(ref.entry);
  const std::string_view key = batch.page->keys().substr(ref.start, ref.key_bytes);
  NX_TRY(batch.page->labels_of(key, entry.type(), batch.labels));
  model::Labels labels;
  NX_TRY(labels_.make(batch.labels, batch.builder, labels));
  NX_TRY_ASSIGN(entry.series, appender.resolve(labels, labels_.owner()));
  return entry.series;
}

// Lines that share a series look for each other from now on.
void Ingest::mark_shared(Batch& batch) {
  for (const LineRef& ref : batch.refs) {
    LineEntry& line =
        (ref.entry & kNewLine) != 0 ? batch.fresh[ref.entry - kNewLine] : template_.line(ref.entry);
    if (line.series.valid() && batch.shared_slots.contains(line.series.slot)) {
      line.set(LineEntry::kShared, true);
    }
  }
}

void Ingest::commit(const ScrapeCounts& counts, Batch& batch) {
  if (!batch.shared_slots.empty()) mark_shared(batch);
  for (const std::uint32_t source : batch.retracked) {
    const std::uint32_t entry = batch.refs[source].entry;
    LineEntry& line =
        (entry & kNewLine) != 0 ? batch.fresh[entry - kNewLine] : template_.line(entry);
    line.set(LineEntry::kTracked, !line.has(LineEntry::kTracked));
    has_tracked_ = true;
  }
  const bool same_lines = batch.fresh.empty() && batch.refs.size() == template_.size();
  const bool was_hash = template_.hash_mode();
  if (template_.size() != 0) template_.note_misses(counts.lines, counts.misplaced);
  const bool same_order = counts.misplaced == 0 || was_hash;
  if (same_lines && same_order && was_hash == template_.hash_mode()) return;
  template_.rebuild(batch.page->keys(), batch.refs, batch.fresh);
}

}  // namespace narthex::scrape
