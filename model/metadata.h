// What an exposition says of a metric family: its type, unit and help. Shown by the metadata API
// and in the target pages; no query depends on it.
#pragma once

#include <string>
#include <string_view>

namespace narthex::model {

/// The types of OpenMetrics; the Prometheus text format knows the first four and summaries.
enum class MetricType : unsigned char {  // numbers fixed by the WAL's metadata record
  kUnknown,
  kCounter,
  kGauge,
  kHistogram,
  kGaugeHistogram,
  kSummary,
  kInfo,
  kStateSet,
};

/// "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown".
std::string_view metric_type_name(MetricType type);

/// Of one family, as one target last said it. Texts are empty where it said nothing.
struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string unit;
  std::string help;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

}  // namespace narthex::model
