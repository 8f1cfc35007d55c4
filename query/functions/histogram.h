// Quantiles and fractions of classic histograms. Truth: upstream promql/quantile.go. Pure.
#pragma once

#include <vector>

namespace narthex::query {

/// The observations of at most `upper`, all buckets below included.
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

/// Sorts `all` by bound, merges and repairs its front in place and keeps its size: upstream asks
/// for several quantiles of what the one before has left. Not empty.
double bucket_quantile(double q, std::vector<Bucket>& all, MonotonicityFix& fix);
/// The share of observations in (lower, upper]. `all` is changed as by bucket_quantile(), but for
/// repairs; not empty.
double bucket_fraction(double lower, double upper, std::vector<Bucket>& all);

}  // namespace narthex::query
