// Where the buckets of native histograms begin and end.
#pragma once

#include <cstdint>
#include <span>

namespace narthex::model {

/// Fixed by upstream: the schema whose bounds are listed, not computed.
inline constexpr std::int32_t kCustomBucketsSchema = -53;
/// Fixed by upstream: from a bucket for every 16 powers of two to 256 buckets for each.
inline constexpr std::int32_t kExponentialSchemaMin = -4;
inline constexpr std::int32_t kExponentialSchemaMax = 8;

/// Whether bounds are computed; others than these and kCustomBucketsSchema mean nothing.
constexpr bool is_exponential_schema(std::int32_t schema) {
  return schema >= kExponentialSchemaMin && schema <= kExponentialSchemaMax;
}

/// The upper bound of bucket `index` of an exponential schema; of the last one that counts finite
/// numbers the largest double.
double exponential_bound(std::int32_t index, std::int32_t schema);

/// The upper bound of bucket `index`, from -1 on, of listed ones: -Inf before the first, +Inf
/// behind the last. `index <= bounds.size()`.
double custom_bound(std::int32_t index, std::span<const double> bounds);

/// The bucket of a lower schema that bucket `index` of `schema` goes into.
constexpr std::int32_t merged_index(std::int32_t index, std::int32_t schema, std::int32_t lower) {
  return ((index - 1) >> (schema - lower)) + 1;
}

}  // namespace narthex::model
