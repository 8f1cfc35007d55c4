// The rows of a report, in a fixed order: handles are remembered by their place in it, so a scrape
// costs no look-up once the series are known.
#include "scrape/ingest/report.h"

#include <algorithm>
#include <string_view>

#include "model/sample.h"

namespace narthex::scrape {
namespace {

enum ReportRow : std::size_t {
  kUp,
  kDuration,
  kScraped,
  kPostRelabeling,
  kSeriesAdded,
  kTimeout,
  kSampleLimit,
  kBodyBytes,
  kReportCount
};
constexpr std::string_view kReportNames[kReportCount] = {"up",
                                                         "scrape_duration_seconds",
                                                         "scrape_samples_scraped",
                                                         "scrape_samples_post_metric_relabeling",
                                                         "scrape_series_added",
                                                         "scrape_timeout_seconds",
                                                         "scrape_sample_limit",
                                                         "scrape_body_size_bytes"};
// The rows before it are always written, those from it on with extra_scrape_metrics.
constexpr std::size_t kReportAlways = kTimeout;

std::size_t count_of(const IngestRules& rules) {
  return rules.extra_scrape_metrics ? kReportCount : kReportAlways;
}

}  // namespace

Result<model::SeriesHandle> Report::series(const SeriesLabels& labels, std::size_t index,
                                           model::Appender& appender) {
  if (series_.size() <= index) series_.resize(index + 1);
  if (!series_[index].valid()) {
    model::LabelsBuilder builder(labels.target_labels());
    builder.set(model::kMetricName, kReportNames[index]);
    NX_TRY_ASSIGN(series_[index], appender.resolve(builder.build(), labels.owner()));
  }
  return series_[index];
}

Result<void> Report::stage(const SeriesLabels& labels, const ScrapeOutcome& outcome,
                           model::Appender& appender, Batch& batch) {
  const ScrapeCounts& counts = outcome.counts;
  const IngestRules& rules = labels.rules();
  const double values[kReportCount] = {outcome.up ? 1.0 : 0.0,
                                       outcome.duration_seconds,
                                       static_cast<double>(counts.scraped),
                                       static_cast<double>(counts.added),
                                       static_cast<double>(counts.series_added),
                                       static_cast<double>(rules.timeout) / 1000,
                                       static_cast<double>(rules.limits.samples),
                                       static_cast<double>(outcome.body_bytes)};
  for (std::size_t i = 0; i < count_of(rules); ++i) {
    NX_TRY_ASSIGN(const model::SeriesHandle handle, series(labels, i, appender));
    batch.push(handle, values[i], kNoLine);
  }
  return {};
}

Result<void> Report::stage_stale(const SeriesLabels& labels, model::Appender& appender,
                                 Batch& batch) {
  for (std::size_t i = 0; i < count_of(labels.rules()); ++i) {
    NX_TRY_ASSIGN(const model::SeriesHandle handle, series(labels, i, appender));
    batch.push(handle, model::stale_nan(), kNoLine);
  }
  return {};
}

Result<std::optional<model::SeriesHandle>> Report::resolve_again(const SeriesLabels& labels,
                                                                 model::SeriesHandle gone,
                                                                 model::Appender& appender) {
  const auto known = std::find(series_.begin(), series_.end(), gone);
  if (known == series_.end()) return std::nullopt;
  *known = model::SeriesHandle();
  return series(labels, static_cast<std::size_t>(known - series_.begin()), appender);
}

}  // namespace narthex::scrape
