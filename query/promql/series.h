// Series lines of test scripts and rule tests: a metric and a run of values, `up{job="a"} 0+10x5 _
// stale`. Upstream's series description in promql/parser. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"

namespace narthex::query {

/// Values of one line.
inline constexpr std::size_t kSeriesValuesMax =
    10'000'000;  // ours: a repetition cannot fill the memory

/// One step of a series.
struct SequenceValue {
  double value = 0;
  bool omitted = false;             // `_`: no sample at this step
  model::HistogramPtr histogram{};  // `{{...}}`; null: a float
};

/// One line taken apart.
struct SeriesDescription {
  model::Labels labels;
  std::vector<SequenceValue> values;
};

/// kInvalid for a bad metric or value, kLimit for too many values.
Result<SeriesDescription> parse_series(std::string_view text);

/// The values alone, without the metric.
Result<std::vector<SequenceValue>> parse_series_values(std::string_view text);

}  // namespace narthex::query
