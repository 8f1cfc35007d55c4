// The series of a sample (target labels, relabelling, limits), the report series, and writing a
// batch.
#include <algorithm>

#include "base/str.h"
#include "model/append_again.h"
#include "model/sample.h"
#include "scrape/ingest/ingest.h"

namespace narthex::scrape {
namespace {

// docs/limits.md. They hold also where the configuration names none.
constexpr std::size_t kLabelsMax = 512;
constexpr std::size_t kNameBytesMax = 1024;

enum Report : std::size_t {
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
constexpr std::size_t kReportAlways = kTimeout;

std::string_view head(std::string_view text) {
  return text.substr(0, 50);
}

bool has_label(const std::vector<std::pair<std::string, std::string>>& labels,
               std::string_view name) {
  return std::any_of(labels.begin(), labels.end(), [&](const auto& l) { return l.first == name; });
}

bool is_valid(const model::LabelsBuilder& labels, NameValidation scheme) {
  for (const auto& [name, value] : labels.pairs()) {
    if (scheme == NameValidation::kUtf8) {
      if (!model::is_valid_name(name)) return false;
      if (name == model::kMetricName && !model::is_valid_name(value)) return false;
    } else {
      if (!model::is_legacy_label_name(name)) return false;
      if (name == model::kMetricName && !model::is_legacy_metric_name(value)) return false;
    }
  }
  return true;
}

// The limits that hold before the job's own are looked at, and that its own may only raise.
model::LabelLimits hard_limits(const ScrapeLimits& limits) {
  model::LabelLimits out;
  out.text_bytes = std::max<std::size_t>(
      {out.text_bytes, std::min<std::uint64_t>(limits.label_name_bytes, model::kLabelTextBytesMax),
       std::min<std::uint64_t>(limits.label_value_bytes, model::kLabelTextBytesMax)});
  out.set_bytes = std::max(out.set_bytes, 4 * out.text_bytes);
  return out;
}

}  // namespace

// batch.labels are what the body says; batch.builder becomes what the store sees before
// relabelling.
void Ingest::add_target_labels(Batch& batch) const {
  model::LabelsBuilder& builder = batch.builder;
  builder.reset(model::Labels());
  for (const auto& [name, value] : batch.labels) {
    if (!value.empty()) builder.set(name, value);
  }
  if (rules_.honor_labels) {
    for (const auto& [name, value] : target_labels_) {
      // An exposed label wins even when it is empty.
      if (!has_label(batch.labels, name)) builder.set(name, value);
    }
    return;
  }
  std::vector<std::pair<std::string, std::string>> conflicts;
  for (const auto& [name, value] : target_labels_) {
    const std::string_view exposed = builder.get(name);
    if (!exposed.empty()) conflicts.emplace_back(name, exposed);
    builder.set(name, value);
  }
  std::ranges::sort(conflicts, {}, [](const auto& label) {
    return std::pair(label.first.size(), std::string_view(label.first));
  });
  for (const auto& [name, value] : conflicts) {
    std::string free = concat("exported_", name);
    while (!builder.get(free).empty()) free.insert(0, "exported_");
    builder.set(free, value);
  }
}

// False: relabelling dropped it.
Result<bool> Ingest::target_series(Batch& batch, model::Labels& out) const {
  const std::size_t count_max = std::max<std::size_t>(kLabelsMax, rules_.limits.labels);
  if (batch.labels.size() > count_max) {
    return Error(Code::kLimit, concat("a series has more than ", count_max, " labels"));
  }
  for (std::size_t i = 1; i < batch.labels.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (batch.labels[i].first != batch.labels[k].first) continue;
      if (batch.labels[i].second.empty() || batch.labels[k].second.empty()) continue;
      return Error(Code::kInvalid, concat("label name ", quote(batch.labels[i].first),
                                          " is not unique: invalid sample"));
    }
  }
  add_target_labels(batch);
  const model::LabelsBuilder& builder = batch.builder;
  const model::LabelLimits limits = hard_limits(rules_.limits);
  if (rules_.relabeler) {
    NX_TRY_ASSIGN(const bool kept, rules_.relabeler->apply(batch.builder, limits));
    if (!kept) return false;
  }
  if (builder.pairs().empty()) return false;
  if (builder.get(model::kMetricName).empty()) {
    return Error(Code::kInvalid, "missing metric name (__name__ label)");
  }
  if (!is_valid(builder, rules_.name_validation)) {
    NX_TRY_ASSIGN(out, builder.build_within(limits));
    return Error(Code::kInvalid, concat("invalid metric name or label names: ", out.to_string()));
  }
  NX_TRY(check_limits(builder, limits));
  NX_TRY_ASSIGN(out, builder.build_within(limits));
  return true;
}

Result<void> Ingest::check_limits(const model::LabelsBuilder& labels,
                                  const model::LabelLimits& hard) const {
  const ScrapeLimits& limits = rules_.limits;
  const std::string_view metric = labels.get(model::kMetricName);
  const std::size_t count = labels.pairs().size();
  const std::size_t count_max = limits.labels == 0 ? kLabelsMax : limits.labels;
  if (count > count_max) {
    return Error(Code::kLimit,
                 concat("label_limit exceeded (metric: ", head(metric),
                        ", number of labels: ", count, ", limit: ", count_max, ")"),
                 Cause::kLabelLimit);
  }
  const std::size_t name_max =
      limits.label_name_bytes == 0 ? kNameBytesMax : limits.label_name_bytes;
  const std::size_t value_max =
      limits.label_value_bytes == 0 ? hard.text_bytes : limits.label_value_bytes;
  for (const auto& [name, value] : labels.pairs()) {
    if (name.size() > name_max) {
      return Error(Code::kLimit,
                   concat("label_name_length_limit exceeded (metric: ", head(metric),
                          ", label name: ", head(name), ", length: ", name.size(),
                          ", limit: ", name_max, ")"),
                   Cause::kLabelLimit);
    }
    if (value.size() > value_max) {
      return Error(Code::kLimit,
                   concat("label_value_length_limit exceeded (metric: ", head(metric),
                          ", label name: ", head(name), ", value: ", quote(head(value)),
                          ", length: ", value.size(), ", limit: ", value_max, ")"),
                   Cause::kLabelLimit);
    }
  }
  return {};
}

Result<model::SeriesHandle> Ingest::report_series(std::size_t index, model::Appender& appender) {
  if (report_.size() <= index) report_.resize(index + 1);
  if (!report_[index].valid()) {
    model::LabelsBuilder builder(target_labels_);
    builder.set(model::kMetricName, kReportNames[index]);
    NX_TRY_ASSIGN(report_[index], appender.resolve(builder.build()));
  }
  return report_[index];
}

Result<void> Ingest::stage_report(const ScrapeOutcome& outcome, model::Appender& appender,
                                  Batch& batch) {
  const ScrapeCounts& counts = outcome.counts;
  const double values[kReportCount] = {outcome.up ? 1.0 : 0.0,
                                       outcome.duration_seconds,
                                       static_cast<double>(counts.scraped),
                                       static_cast<double>(counts.added),
                                       static_cast<double>(counts.series_added),
                                       static_cast<double>(rules_.timeout) / 1000,
                                       static_cast<double>(rules_.limits.samples),
                                       static_cast<double>(outcome.body_bytes)};
  const std::size_t count = rules_.extra_scrape_metrics ? kReportCount : kReportAlways;
  for (std::size_t i = 0; i < count; ++i) {
    NX_TRY_ASSIGN(const model::SeriesHandle series, report_series(i, appender));
    batch.push(series, values[i], kNoLine);
  }
  return {};
}

Result<void> Ingest::stage_stale_report(model::Appender& appender, Batch& batch) {
  const std::size_t count = rules_.extra_scrape_metrics ? kReportCount : kReportAlways;
  for (std::size_t i = 0; i < count; ++i) {
    NX_TRY_ASSIGN(const model::SeriesHandle series, report_series(i, appender));
    batch.push(series, model::stale_nan(), kNoLine);
  }
  return {};
}

Result<RejectedRows> Ingest::append(model::TimeMs time, model::Appender& appender, Batch& batch) {
  if (!batch.times.empty()) batch.times.resize(batch.series.size(), time);
  const model::FloatBatch rows{
      .series = batch.series, .values = batch.values, .time = time, .times = batch.times};
  NX_TRY_ASSIGN(model::AppendReport report, appender.append(rows));
  if (report.gone != 0) {
    const auto resolve = [&](std::size_t row) { return resolve_row(row, appender, batch); };
    NX_TRY(model::append_again(rows, resolve, appender, report));
  }
  return RejectedRows{.duplicate = report.duplicate,
                      .out_of_order = report.out_of_order,
                      .out_of_bounds = report.out_of_bounds};
}

void Ingest::collect_metadata(exposition::Format format,
                              std::map<std::string, model::Metadata, std::less<>>& out) const {
  std::string line;
  for (std::size_t i = 0; i < template_.size(); ++i) {
    const exposition::EventKind kind = template_.line(i).kind();
    if (kind == exposition::EventKind::kSample || kind == exposition::EventKind::kComment) continue;
    template_.key(i, line);
    const std::size_t size = exposition::pad_body(format, line);
    exposition::Reader reader(format, std::string_view(line).substr(0, size));
    exposition::Event event;
    if (!reader.next(event)) continue;
    model::Metadata& metadata = out[std::string(event.family)];
    if (kind == exposition::EventKind::kType) metadata.type = event.type;
    if (kind == exposition::EventKind::kHelp)
      metadata.help = exposition::decode_help(format, event.text);
    if (kind == exposition::EventKind::kUnit) metadata.unit = event.text;
  }
}

// The labels of a line once more, from its key.
Result<model::SeriesHandle> Ingest::resolve_again(const LineRef& ref, model::Appender& appender,
                                                  Batch& batch) {
  const bool is_new = (ref.entry & kNewLine) != 0;
  LineEntry& entry = is_new ? batch.fresh[ref.entry - kNewLine] : template_.line(ref.entry);
  std::string line = concat(std::string_view(batch.body).substr(ref.start, ref.key_bytes), "0");
  const std::size_t size = exposition::pad_body(exposition::Format::kPrometheus, line);
  exposition::Reader reader(exposition::Format::kPrometheus,
                            std::string_view(line).substr(0, size));
  reader.skip_line(0, entry.type());
  exposition::Event event;
  if (!reader.next(event)) return Error(Code::kInternal, "a known key does not parse");
  reader.labels(batch.labels);
  model::Labels labels;
  NX_TRY(target_series(batch, labels));
  NX_TRY_ASSIGN(entry.series, appender.resolve(labels));
  return entry.series;
}

// None for a stale marker of a report's series, which is gone anyway.
Result<std::optional<model::SeriesHandle>> Ingest::resolve_row(std::size_t row,
                                                               model::Appender& appender,
                                                               Batch& batch) {
  if (batch.sources[row] != kNoLine) {
    return resolve_again(batch.refs[batch.sources[row]], appender, batch);
  }
  const auto known = std::find(report_.begin(), report_.end(), batch.series[row]);
  if (known == report_.end()) return std::nullopt;
  *known = model::SeriesHandle();
  return report_series(static_cast<std::size_t>(known - report_.begin()), appender);
}

}  // namespace narthex::scrape
