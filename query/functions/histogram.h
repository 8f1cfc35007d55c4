// Quantiles and fractions of classic histograms. Truth: upstream promql/quantile.go. Pure.
#pragma once

#include <vector>

namespace narthex::query {

struct Bucket {
  double upper = 0;
  double count = 0;
};

/// What had to be repaired so that counts do not fall.
struct MonotonicityFix {
  bool forced = false;
  double min_bucket = 0;
  double max_bucket = 0;
  double max_difference = 0;
};

/// `buckets` is sorted, merged and repaired in place; not empty.
double bucket_quantile(double q, std::vector<Bucket>& buckets, MonotonicityFix& fix);
/// The share of observations in (lower, upper]. `buckets` is sorted and merged in place; not empty.
double bucket_fraction(double lower, double upper, std::vector<Bucket>& buckets);

}  // namespace narthex::query
