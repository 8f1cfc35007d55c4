// The rows that are gone are gathered into a batch of their own, which is appended like any other,
// and its verdicts are put back where the rows stand in the first report. All counts move along: a
// row is counted once, by its last verdict.
#include "model/append_again.h"

namespace narthex::model {

Result<void> append_again(const FloatBatch& batch, const ResolveRow& resolve, Appender& appender,
                          AppendReport& report) {
  std::vector<std::size_t> rows;
  std::vector<SeriesHandle> series;
  std::vector<double> values;
  std::vector<TimeMs> times;
  for (std::size_t row = 0; row < report.verdicts.size(); ++row) {
    if (report.verdicts[row] != RowVerdict::kGone) continue;
    NX_TRY_ASSIGN(const std::optional<SeriesHandle> handle, resolve(row));
    if (!handle) continue;
    rows.push_back(row);
    series.push_back(*handle);
    values.push_back(batch.values[row]);
    times.push_back(batch.times.empty() ? batch.time : batch.times[row]);
  }
  if (rows.empty()) return {};
  NX_TRY_ASSIGN(
      const AppendReport second,
      appender.append({.series = series, .values = values, .time = batch.time, .times = times}));
  for (std::size_t i = 0; i < rows.size(); ++i) report.verdicts[rows[i]] = second.verdicts[i];
  report.appended += second.appended;
  report.duplicate += second.duplicate;
  report.out_of_order += second.out_of_order;
  report.out_of_bounds += second.out_of_bounds;
  report.gone = report.gone - rows.size() + second.gone;
  return {};
}

}  // namespace narthex::model
