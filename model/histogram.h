// Native histograms: the value type. A histogram of floats; one of integers is widened when it is
// read, which loses nothing that PromQL sees.
//
// Buckets stand in spans, side by side, with gaps between. A bucket's index says what it counts: of
// an exponential schema s from 2^((i-1)/2^s), exclusive, to 2^(i/2^s); of custom buckets up to the
// i-th listed bound. Facts: upstream model/histogram at v3.14.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/histogram_bounds.h"

namespace narthex::model {

/// What is known of the histogram before this one in its series.
enum class CounterResetHint : unsigned char { kUnknown, kReset, kNotReset, kGauge };

/// `length` buckets in a row, `offset` after the end of the span before.
struct BucketSpan {
  std::int32_t offset = 0;
  std::uint32_t length = 0;
  friend bool operator==(const BucketSpan&, const BucketSpan&) = default;
};

/// A bucket with its bounds, as it is shown.
struct HistogramBucket {
  double lower = 0;
  double upper = 0;
  bool includes_lower = false;
  bool includes_upper = false;
  double count = 0;
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
  std::vector<double> custom_bounds;  // upper ones, ascending; the last bucket goes to +Inf

  bool has_custom_buckets() const { return schema == kCustomBucketsSchema; }
  /// From the lowest to the highest, the zero bucket among them if it counts anything; those
  /// without a count too.
  std::vector<HistogramBucket> buckets() const;
  /// A series that ended here, as is_stale() of a float.
  bool is_stale() const;
};

using HistogramPtr = std::shared_ptr<const FloatHistogram>;

/// kInvalid with the reason if spans and buckets do not fit together, counts are negative, or what
/// its schema does not have is set. Only what passes may be stored or calculated with.
Result<void> check_histogram(const FloatHistogram& histogram);

/// Calls `f(index, count)` for every bucket of one side, ascending by index. The side passed
/// check_histogram().
template <typename F>
void for_each_bucket(const std::vector<BucketSpan>& spans, const std::vector<double>& buckets,
                     F&& f) {
  std::int32_t index = 0;
  std::size_t i = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k) f(index++, buckets[i++]);
  }
}

}  // namespace narthex::model
