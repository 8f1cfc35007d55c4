// What an exposition says of a metric family.
#pragma once

#include <string>
#include <string_view>

namespace narthex::model {

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

struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string unit;
  std::string help;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

}  // namespace narthex::model
