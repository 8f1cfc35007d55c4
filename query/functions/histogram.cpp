// Classic histograms: quantiles and fractions of one column of cumulative buckets.
//
// The arithmetic is short; what takes the lines is what upstream does with bad columns. Buckets may
// be missing at a step, come twice with different spellings of one bound, or fall from one to the
// next, because targets are scraped while they count or because somebody summed rates. Equal bounds
// are merged, falling counts raised to what was before, and only differences beyond rounding
// (1e-12) are told to the user. Without a +Inf bucket there is no answer: NaN.
//
// Within a bucket values are taken as evenly spread; the first one begins at 0 if its bound is
// positive, and the last, open one answers with its lower bound.
#include "query/functions/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "model/sample.h"
#include "query/go_sort.h"

namespace narthex::query {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallDeltaTolerance = 1e-12;  // fixed by upstream

// Upstream almost.Equal, but for NaNs, which change nothing here either way.
bool almost_equal(double a, double b) {
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kMinNormal) return difference < kSmallDeltaTolerance * kMinNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kSmallDeltaTolerance;
}

void sort_by_bound(std::vector<Bucket>& buckets) {
  go_sort(buckets, [](const Bucket& a, const Bucket& b) { return a.upper < b.upper; });
}

// Merges buckets of one bound at the front of `buckets` and leaves the others as they were.
std::span<Bucket> coalesce(std::vector<Bucket>& buckets) {
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[last].upper) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  return std::span(buckets).first(last + 1);
}

// Counts that fall from one bucket to the next are lifted to the one before: scrapes catch buckets
// at slightly different moments. Differences of rounding are no reason for a note.
MonotonicityFix make_monotonic(std::span<Bucket> buckets) {
  MonotonicityFix fix{.min_bucket = kInfinity, .max_bucket = -kInfinity};
  double before = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    Bucket& bucket = buckets[i];
    const double count = bucket.count;
    if (count == before) continue;
    if (almost_equal(before, count)) {
      bucket.count = before;
    } else if (count < before) {
      bucket.count = before;
      fix.forced = true;
      fix.min_bucket = std::min(fix.min_bucket, bucket.upper);
      fix.max_bucket = std::max(fix.max_bucket, bucket.upper);
      fix.max_difference = std::max(fix.max_difference, before - count);
    } else {
      before = count;
    }
  }
  return fix;
}

// Cumulative counts below `lower` and `upper`, while walking the buckets once.
class FractionWalk {
 public:
  FractionWalk(double lower, double upper) : lower_(lower), upper_(upper) {}

  void run(std::span<const Bucket> buckets) {
    double bound = buckets[0].upper <= 0 ? -kInfinity : 0;
    for (const Bucket& bucket : buckets) {
      visit(lower_, below_lower_, lower_set_, bound, bucket);
      visit(upper_, below_upper_, upper_set_, bound, bucket);
      if (lower_set_ && upper_set_) break;
      rank_ = bucket.count;
      bound = bucket.upper;
    }
  }

  double fraction(double count) const {
    const double low = !lower_set_ || below_lower_ > count ? count : below_lower_;
    const double high = !upper_set_ || below_upper_ > count ? count : below_upper_;
    return (high - low) / count;
  }

 private:
  void visit(double value, double& below, bool& set, double bound, const Bucket& bucket) const {
    if (set) return;
    if (bound >= value) {
      below = rank_;
      set = true;
    } else if (bound < value && bucket.upper > value) {
      below = bound == -kInfinity
                  ? bucket.count
                  : rank_ + (bucket.count - rank_) * (value - bound) / (bucket.upper - bound);
      set = true;
    }
  }

  double lower_;
  double upper_;
  double rank_ = 0;
  double below_lower_ = 0;
  double below_upper_ = 0;
  bool lower_set_ = false;
  bool upper_set_ = false;
};

}  // namespace

double bucket_quantile(double q, std::vector<Bucket>& all, MonotonicityFix& fix) {
  if (std::isnan(q)) return model::normal_nan();
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  sort_by_bound(all);
  if (all.back().upper != kInfinity) return model::normal_nan();
  const std::span<Bucket> buckets = coalesce(all);
  fix = make_monotonic(buckets);
  if (buckets.size() < 2) return model::normal_nan();
  const double observations = buckets.back().count;
  if (observations == 0) return model::normal_nan();
  double rank = q * observations;
  const auto last = buckets.end() - 1;
  const auto at = buckets.begin() +
                  static_cast<std::ptrdiff_t>(go_search(
                      buckets.size() - 1, [&](std::size_t i) { return buckets[i].count >= rank; }));
  if (at == last) return (last - 1)->upper;
  if (at == buckets.begin() && at->upper <= 0) return at->upper;
  double start = 0;
  double count = at->count;
  if (at != buckets.begin()) {
    start = (at - 1)->upper;
    count -= (at - 1)->count;
    rank -= (at - 1)->count;
  }
  return start + (at->upper - start) * (rank / count);
}

double bucket_fraction(double lower, double upper, std::vector<Bucket>& all) {
  sort_by_bound(all);
  if (all.back().upper != kInfinity) return model::normal_nan();
  const std::span<Bucket> buckets = coalesce(all);
  const double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return model::normal_nan();
  if (lower >= upper) return 0;
  FractionWalk walk(lower, upper);
  walk.run(buckets);
  return walk.fraction(count);
}

}  // namespace narthex::query
