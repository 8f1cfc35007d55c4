// Results of queries, as columns: a matrix is one shared time axis and, per series, its values and
// presence.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"
#include "model/time.h"

namespace narthex::query {

using model::DurationMs;
using model::TimeMs;

/// A number at a time; the type of PromQL's scalar results.
struct ScalarValue {
  TimeMs time = 0;
  double value = 0;
};

struct StringValue {
  TimeMs time = 0;
  std::string value;
};

/// Instant vector: labels and values are aligned; order is evaluation order, as upstream's.
struct VectorValue {
  TimeMs time = 0;
  std::vector<model::Labels> labels;
  std::vector<double> values;
  /// Aligned with the others, null where the value is a float; empty if all are.
  std::vector<model::HistogramPtr> histograms{};

  /// Null: element `i` is a float.
  const model::FloatHistogram* histogram(std::size_t i) const {
    return histograms.empty() ? nullptr : histograms[i].get();
  }
};

/// One series of a matrix. Points are absent, not NaN, where a step gave nothing. Floats and
/// histograms stand apart, as the API shows them.
struct MatrixSeries {
  model::Labels labels;
  std::vector<TimeMs> times;
  std::vector<double> values;
  std::vector<TimeMs> histogram_times{};
  std::vector<model::HistogramPtr> histograms{};
};

/// Sorted by labels for range queries; series without points are left out.
struct MatrixValue {
  std::vector<MatrixSeries> series;
};

using Value = std::variant<ScalarValue, StringValue, VectorValue, MatrixValue>;

/// "scalar", "string", "vector", "matrix".
std::string_view result_type_name(const Value& value);

/// Counters of one query, upstream's definitions.
struct Statistics {
  std::uint64_t samples_total = 0;  // samples looked at, summed over steps
  std::uint64_t samples_peak = 0;   // most samples held at once
  double eval_seconds = 0;
};

struct QueryResult {
  Value value;
  std::vector<std::string> warnings;  // with "PromQL warning: " in front
  std::vector<std::string> infos;     // with "PromQL info: " in front
  Statistics statistics;
};

}  // namespace narthex::query
