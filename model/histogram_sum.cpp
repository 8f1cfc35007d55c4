// Each side as a list of buckets by index, which two histograms merge like sorted lists; spans are
// made of it at the end.
#include "model/histogram_sum.h"

#include <algorithm>

namespace narthex::model {
namespace {

// Adds a count and what was lost of it before.
void add_count(KahanSum& to, const KahanSum& count) {
  to.add(count.sum);
  if (count.c != 0) to.add(count.c);
}

// The bounds that both have, ascending.
std::vector<double> common_bounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

}  // namespace

HistogramSum::HistogramSum(const FloatHistogram& first)
    : head_(first),
      zero_{.threshold = first.zero_threshold, .count = {.sum = first.zero_count}},
      count_{.sum = first.count},
      sum_{.sum = first.sum},
      positive_(side_of(first.positive_spans, first.positive_buckets)),
      negative_(side_of(first.negative_spans, first.negative_buckets)) {}

HistogramSum::Side HistogramSum::side_of(const std::vector<BucketSpan>& spans,
                                         const std::vector<double>& buckets) {
  Side side;
  side.reserve(buckets.size());
  for_each_bucket(spans, buckets, [&](std::int32_t index, double count) {
    side.push_back({index, {.sum = count}});
  });
  return side;
}

HistogramSum::Side HistogramSum::reduced(const Side& side, std::int32_t schema,
                                         std::int32_t lower) {
  Side out;
  for (const Bucket& bucket : side) {
    const std::int32_t index = merged_index(bucket.index, schema, lower);
    if (out.empty() || out.back().index != index) {
      out.push_back({index, bucket.count});
    } else {
      out.back().count.add(bucket.count.sum);
      out.back().count.add(bucket.count.c);
    }
  }
  return out;
}

// The zero bucket of a histogram with these sides if it went to `threshold`, or a little further.
HistogramSum::ZeroBucket HistogramSum::widened(const Side& positive, const Side& negative,
                                               std::int32_t schema, ZeroBucket zero,
                                               double threshold) {
  if (threshold == zero.threshold) return zero;
  double lost = zero.count.c;  // goes on from one attempt to the next, as upstream's does
  for (;;) {
    KahanSum count{.sum = zero.count.sum, .c = lost};
    bool again = false;
    for (const Side* side : {&positive, &negative}) {
      for (const Bucket& bucket : *side) {
        if (exponential_bound(bucket.index - 1, schema) >= threshold) break;
        count.add(bucket.count.sum);
        count.add(bucket.count.c);
        const double upper = exponential_bound(bucket.index, schema);
        if (upper <= threshold) continue;
        if (bucket.count.sum != 0) {
          threshold = upper;
          again = side == &negative;  // what the positive side gave does not hold any more
        }
        break;
      }
    }
    if (!again) return {.threshold = threshold, .count = count};
    lost = count.c;
  }
}

// Makes both zero buckets of one width. Returns the other's count then.
KahanSum HistogramSum::reconcile_zero(const FloatHistogram& other) {
  const ZeroBucket own{.threshold = other.zero_threshold, .count = {.sum = other.zero_count}};
  ZeroBucket theirs = own;
  if (theirs.threshold == zero_.threshold) return theirs.count;
  const Side positive = side_of(other.positive_spans, other.positive_buckets);
  const Side negative = side_of(other.negative_spans, other.negative_buckets);
  while (theirs.threshold != zero_.threshold) {
    if (zero_.threshold > theirs.threshold) {
      theirs = widened(positive, negative, other.schema, own, zero_.threshold);
    }
    if (theirs.threshold > zero_.threshold) {
      zero_ = widened(positive_, negative_, head_.schema, zero_, theirs.threshold);
      trim_zero();
    }
  }
  return theirs.count;
}

// Takes out the buckets that are in the zero bucket now, and all that are empty.
void HistogramSum::trim_zero() {
  for (Side* side : {&positive_, &negative_}) {
    std::erase_if(*side, [&](const Bucket& bucket) {
      const bool is_inside = exponential_bound(bucket.index - 1, head_.schema) < zero_.threshold;
      return is_inside || (bucket.count.sum == 0 && bucket.count.c == 0);
    });
  }
}

// Buckets that the zero bucket covers do not count.
void HistogramSum::add_side(Side& to, const Side& from) const {
  Side merged;
  merged.reserve(to.size() + from.size());
  auto at = to.begin();
  for (const Bucket& bucket : from) {
    if (!head_.has_custom_buckets() &&
        exponential_bound(bucket.index, head_.schema) <= zero_.threshold) {
      continue;
    }
    while (at != to.end() && at->index < bucket.index) merged.push_back(*at++);
    if (at != to.end() && at->index == bucket.index) {
      merged.push_back(*at++);
      add_count(merged.back().count, bucket.count);
    } else {
      merged.push_back(bucket);
    }
  }
  merged.insert(merged.end(), at, to.end());
  to = std::move(merged);
}

void HistogramSum::add_exponential(const FloatHistogram& other) {
  Side positive = side_of(other.positive_spans, other.positive_buckets);
  Side negative = side_of(other.negative_spans, other.negative_buckets);
  if (other.schema < head_.schema) {
    positive_ = reduced(positive_, head_.schema, other.schema);
    negative_ = reduced(negative_, head_.schema, other.schema);
    head_.schema = other.schema;
  } else if (other.schema > head_.schema) {
    positive = reduced(positive, other.schema, head_.schema);
    negative = reduced(negative, other.schema, head_.schema);
  }
  add_side(positive_, positive);
  add_side(negative_, negative);
}

// Both go into buckets between the bounds that both have.
void HistogramSum::reconcile_bounds(const FloatHistogram& other) {
  const std::vector<double> bounds = common_bounds(head_.custom_bounds, other.custom_bounds);
  std::vector<KahanSum> counts(bounds.size() + 1);
  const auto put = [&](const Side& side, const std::vector<double>& own) {
    for (const Bucket& bucket : side) {
      const double upper = custom_bound(bucket.index, own);
      const auto at = std::ranges::lower_bound(bounds, upper) - bounds.begin();
      KahanSum& count = counts[static_cast<std::size_t>(at)];
      count.add(bucket.count.sum);
      count.add(bucket.count.c);
    }
  };
  put(positive_, head_.custom_bounds);
  put(side_of(other.positive_spans, other.positive_buckets), other.custom_bounds);
  positive_.clear();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].sum == 0 && counts[i].c == 0) continue;
    positive_.push_back({static_cast<std::int32_t>(i), counts[i]});
  }
  head_.custom_bounds = bounds;
}

// A gauge among them makes a gauge; what contradicts is unknown.
void HistogramSum::join_hints(CounterResetHint other) {
  if (other == head_.hint || head_.hint == CounterResetHint::kGauge) return;
  head_.hint =
      other == CounterResetHint::kGauge ? CounterResetHint::kGauge : CounterResetHint::kUnknown;
}

HistogramSum::Added HistogramSum::add(const FloatHistogram& other) {
  if (head_.has_custom_buckets() != other.has_custom_buckets()) return Added::kIncompatible;
  join_hints(other.hint);
  if (!head_.has_custom_buckets()) {
    const KahanSum zero = reconcile_zero(other);
    zero_.count.add(zero.sum);
    zero_.count.add(zero.c);
  }
  count_.add(other.count);
  sum_.add(other.sum);
  if (!head_.has_custom_buckets()) {
    add_exponential(other);
    return Added::kPlainly;
  }
  if (head_.custom_bounds == other.custom_bounds) {
    add_side(positive_, side_of(other.positive_spans, other.positive_buckets));
    return Added::kPlainly;
  }
  reconcile_bounds(other);
  return Added::kReconciled;
}

FloatHistogram HistogramSum::result() const {
  FloatHistogram out = head_;
  out.zero_threshold = zero_.threshold;
  out.zero_count = zero_.count.sum + zero_.count.c;
  out.count = count_.sum + count_.c;
  out.sum = sum_.sum + sum_.c;
  const auto write = [](const Side& side, std::vector<BucketSpan>& spans,
                        std::vector<double>& buckets) {
    spans.clear();
    buckets.clear();
    std::int32_t next = 0;
    for (const Bucket& bucket : side) {
      const double count = bucket.count.sum + bucket.count.c;
      if (count == 0) continue;
      if (spans.empty() || bucket.index != next) spans.push_back({bucket.index - next, 0});
      ++spans.back().length;
      next = bucket.index + 1;
      buckets.push_back(count);
    }
  };
  write(positive_, out.positive_spans, out.positive_buckets);
  write(negative_, out.negative_spans, out.negative_buckets);
  return out;
}

}  // namespace narthex::model
