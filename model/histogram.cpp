// Bounds, buckets and checks of native histograms.
#include "model/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/str.h"
#include "model/sample.h"

namespace narthex::model {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kFractions = std::size_t{1} << kExponentialSchemaMax;

// 2^(i/256) / 2 as upstream's table has it (model/histogram/generic.go at v3.14), which is not
// rounded well: by so many units in the last place it is below the best double, or ('+') one above.
// Lower schemas take every second, every fourth, ...
constexpr std::string_view kUnitsBelow =
    "00000010001000000012001111111111001000100111001100110+1100110011"
    "0000001111221021001000100001000000010+00102200110111001010221111"
    "1010112211211011111111212122212200110010112210221122101121221121"
    "1132112122322232222222333344324311211222213311222132112222432233";
static_assert(kUnitsBelow.size() == kFractions);

const std::array<double, kFractions>& fractions() {
  static const std::array<double, kFractions> all = [] {
    std::array<double, kFractions> out{};
    for (std::size_t i = 0; i < kFractions; ++i) {
      const long double exact =
          std::exp2(static_cast<long double>(i) / static_cast<long double>(kFractions)) / 2;
      const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(exact));
      const char below = kUnitsBelow[i];
      out[i] = std::bit_cast<double>(below == '+' ? bits + 1
                                                  : bits - static_cast<std::uint64_t>(below - '0'));
    }
    return out;
  }();
  return all;
}

Error invalid(std::string text) {
  return Error(Code::kInvalid, concat("invalid histogram: ", text));
}

// Spans against the number of buckets. How many buckets they reach over comes to `reach`.
Result<void> check_spans(std::string_view side, const std::vector<BucketSpan>& spans,
                         std::size_t buckets, bool first_may_be_negative, std::int64_t& reach) {
  std::uint64_t wanted = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].offset < 0 && !(i == 0 && first_may_be_negative)) {
      return invalid(concat(side, ": span ", i + 1, " has a negative offset"));
    }
    wanted += spans[i].length;
    reach += std::int64_t{spans[i].offset} + std::int64_t{spans[i].length};
  }
  if (wanted != buckets) {
    return invalid(concat(side, ": spans need ", wanted, " buckets, there are ", buckets));
  }
  if (reach > std::numeric_limits<std::int32_t>::max()) {
    return invalid(concat(side, ": a span reaches beyond all buckets"));
  }
  return {};
}

Result<void> check_counts(std::string_view side, const std::vector<double>& buckets) {
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] < 0) return invalid(concat(side, ": bucket ", i + 1, " has a negative count"));
  }
  return {};
}

Result<void> check_custom(const FloatHistogram& h) {
  double before = -kInfinity;
  for (const double bound : h.custom_bounds) {
    if (!(bound > before)) return invalid("custom bounds do not ascend");
    before = bound;
  }
  if (before == kInfinity) return invalid("the last custom bound is +Inf, which is implied");
  std::int64_t reach = 0;
  NX_TRY(check_spans("custom buckets", h.positive_spans, h.positive_buckets.size(), false, reach));
  if (reach > static_cast<std::int64_t>(h.custom_bounds.size()) + 1) {
    return invalid(
        concat("custom buckets: ", h.custom_bounds.size(), " bounds for buckets up to ", reach));
  }
  const bool has_others = h.zero_count != 0 || h.zero_threshold != 0 || !h.negative_spans.empty() ||
                          !h.negative_buckets.empty();
  if (has_others) return invalid("custom buckets beside a zero bucket or negative ones");
  return {};
}

Result<void> check_exponential(const FloatHistogram& h) {
  std::int64_t reach = 0;
  NX_TRY(check_spans("positive side", h.positive_spans, h.positive_buckets.size(), true, reach));
  reach = 0;
  NX_TRY(check_spans("negative side", h.negative_spans, h.negative_buckets.size(), true, reach));
  NX_TRY(check_counts("negative side", h.negative_buckets));
  if (h.zero_count < 0) return invalid("the zero bucket has a negative count");
  if (!h.custom_bounds.empty()) return invalid("custom bounds with an exponential schema");
  return {};
}

}  // namespace

double exponential_bound(std::int32_t index, std::int32_t schema) {
  constexpr int kExponentMax = std::numeric_limits<double>::max_exponent;
  constexpr double kLast = std::numeric_limits<double>::max();
  if (schema < 0) {
    const std::int64_t exponent = std::int64_t{index} << -schema;
    if (exponent == kExponentMax) return kLast;
    return std::ldexp(1.0, static_cast<int>(std::clamp<std::int64_t>(exponent, -5000, 5000)));
  }
  const std::int32_t part = index & ((1 << schema) - 1);
  const double fraction =
      fractions()[static_cast<std::size_t>(part) << (kExponentialSchemaMax - schema)];
  const std::int32_t exponent = (index >> schema) + 1;
  if (part == 0 && exponent == kExponentMax + 1) return kLast;
  return std::ldexp(fraction, exponent);
}

double custom_bound(std::int32_t index, std::span<const double> bounds) {
  if (index < 0) return -kInfinity;
  const auto at = static_cast<std::size_t>(index);
  return at < bounds.size() ? bounds[at] : kInfinity;
}

bool FloatHistogram::is_stale() const {
  return model::is_stale(sum);
}

std::vector<HistogramBucket> FloatHistogram::buckets() const {
  std::vector<HistogramBucket> out;
  if (has_custom_buckets()) {
    for_each_bucket(positive_spans, positive_buckets, [&](std::int32_t index, double n) {
      out.push_back({.lower = custom_bound(index - 1, custom_bounds),
                     .upper = custom_bound(index, custom_bounds),
                     .includes_lower = index == 0,
                     .includes_upper = true,
                     .count = n});
    });
    return out;
  }
  for_each_bucket(negative_spans, negative_buckets, [&](std::int32_t index, double n) {
    out.push_back({.lower = -exponential_bound(index, schema),
                   .upper = -exponential_bound(index - 1, schema),
                   .includes_lower = true,
                   .count = n});
  });
  std::ranges::reverse(out);
  if (zero_count != 0) {
    out.push_back({.lower = -zero_threshold,
                   .upper = zero_threshold,
                   .includes_lower = true,
                   .includes_upper = true,
                   .count = zero_count});
  }
  for_each_bucket(positive_spans, positive_buckets, [&](std::int32_t index, double n) {
    out.push_back({.lower = exponential_bound(index - 1, schema),
                   .upper = exponential_bound(index, schema),
                   .includes_upper = true,
                   .count = n});
  });
  return out;
}

Result<void> check_histogram(const FloatHistogram& h) {
  if (h.has_custom_buckets()) {
    NX_TRY(check_custom(h));
  } else if (is_exponential_schema(h.schema)) {
    NX_TRY(check_exponential(h));
  } else {
    return invalid(concat("unknown schema ", h.schema));
  }
  if (h.count < 0) return invalid("negative count of observations");
  return check_counts("positive side", h.positive_buckets);
}

}  // namespace narthex::model
