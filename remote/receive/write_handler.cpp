// Receives remote write 1.0: unpack, decode, resolve, append all samples as one batch.
//
// The message decides nothing but samples: a series that upstream would skip is skipped and
// counted, and one whose samples are all too old makes no series, since nothing of it could be
// stored. The batch is appended whole and looked at afterwards: rows that the store refused make
// the request an error, as upstream answers 400, while the good rows stay.
#include "remote/receive/write_handler.h"

#include <algorithm>

#include "base/str.h"
#include "base/utf8.h"
#include "remote/wire/write_v1.h"

namespace narthex::remote {
namespace {

// Sorted; false when upstream would skip the series.
bool to_labels(const WriteSeries& series, model::Labels& out) {
  model::LabelsBuilder builder;
  std::size_t kept = 0;
  for (const auto& [name, value] : series.labels) {
    if (!model::is_valid_name(name) || !is_valid_utf8(value)) return false;
    if (!builder.get(name).empty()) return false;
    builder.set(name, value);
    kept += value.empty() ? 0 : 1;
  }
  if (builder.get(model::kMetricName).empty() || builder.pairs().size() != kept) return false;
  auto built = builder.build_within();
  if (built) out = *std::move(built);
  return built.has_value();
}

struct Columns {
  std::vector<model::SeriesHandle> series;
  std::vector<model::TimeMs> times;
  std::vector<double> values;
};

Result<void> refuse_bad_rows(const model::AppendReport& report) {
  if (report.out_of_order + report.out_of_bounds + report.duplicate == 0) return {};
  const std::string_view reason = report.out_of_order > 0    ? "out of order sample"
                                  : report.out_of_bounds > 0 ? "out of bounds"
                                                             : "duplicate sample for timestamp";
  return Error(Code::kInvalid,
               concat(reason, " (", report.out_of_order + report.out_of_bounds + report.duplicate,
                      " of ", report.verdicts.size(), " samples)"));
}

}  // namespace

Result<WriteReport> receive_write(model::Appender& appender, std::string_view body) {
  NX_TRY_ASSIGN(const std::string message, unpack_write_request(body));
  NX_TRY_ASSIGN(const std::vector<WriteSeries> request, decode_write_request(message));
  WriteReport report;
  Columns columns;
  const model::TimeMs oldest = appender.oldest_time();
  std::size_t too_old = 0;
  for (const WriteSeries& series : request) {
    if (series.histograms > 0)
      return Error(Code::kExecution, "not implemented yet: native histograms");
    model::Labels labels;
    if (!to_labels(series, labels)) {
      ++report.skipped_series;
      continue;
    }
    const auto newest = std::ranges::max_element(series.samples, {}, &model::Sample::time);
    if (newest != series.samples.end() && newest->time < oldest) {  // makes no series
      too_old += series.samples.size();
      continue;
    }
    NX_TRY_ASSIGN(const model::SeriesHandle handle, appender.resolve(labels, model::kNoOwner));
    for (const model::Sample& sample : series.samples) {
      columns.series.push_back(handle);
      columns.times.push_back(sample.time);
      columns.values.push_back(sample.value);
    }
  }
  if (columns.series.empty() && too_old == 0) return report;
  const model::FloatBatch batch{
      .series = columns.series, .values = columns.values, .times = columns.times};
  NX_TRY_ASSIGN(model::AppendReport appended, appender.append(batch));
  appended.out_of_bounds += too_old;
  appended.verdicts.resize(appended.verdicts.size() + too_old, model::RowVerdict::kOutOfBounds);
  report.samples = appended.appended;
  NX_TRY(refuse_bad_rows(appended));
  return report;
}

}  // namespace narthex::remote
