// Native histograms: the value type. Storage and PromQL refuse them with a clear error until their
// issue.
#pragma once

#include <cstdint>
#include <vector>

namespace narthex::model {

inline constexpr std::int32_t kCustomBucketsSchema =
    -53;  // fixed by upstream: bounds are listed, not computed

enum class CounterResetHint : unsigned char { kUnknown, kReset, kNotReset, kGauge };

/// `length` buckets in a row, `offset` after the end of the span before.
struct BucketSpan {
  std::int32_t offset = 0;
  std::uint32_t length = 0;
};

struct FloatHistogram {
  CounterResetHint hint = CounterResetHint::kUnknown;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<BucketSpan> positive_spans;
  std::vector<BucketSpan> negative_spans;
  std::vector<double> positive_buckets;
  std::vector<double> negative_buckets;
  std::vector<double> custom_bounds;
};

}  // namespace narthex::model
