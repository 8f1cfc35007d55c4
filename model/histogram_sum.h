// Adds native histograms up, as upstream's `sum` does, to the bit: every count with its
// compensation (base/kahan.h), in the order in which they come.
//
// Histograms of different resolution meet at the lower one, whose buckets are whole buckets of the
// other. A zero bucket that is wider than the other's swallows the other's buckets below it; where
// it would end within one that counts something, it grows to that one's bound. Custom buckets with
// different bounds meet at the bounds that both have.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/kahan.h"
#include "model/histogram.h"

namespace narthex::model {

/// Thread-compatible. Everything that is added passed check_histogram().
class HistogramSum {
 public:
  /// A sum of one.
  explicit HistogramSum(const FloatHistogram& first);

  /// How it went.
  enum class Added : unsigned char {
    kPlainly,
    kReconciled,    // custom buckets whose bounds differ
    kIncompatible,  // custom buckets and exponential ones: nothing was added
  };
  /// After kIncompatible the sum is as before, and goes on.
  Added add(const FloatHistogram& other);

  /// Without empty buckets.
  FloatHistogram result() const;

 private:
  struct Bucket {
    std::int32_t index = 0;
    KahanSum count;
  };
  using Side = std::vector<Bucket>;  // ascending by index

  struct ZeroBucket {
    double threshold = 0;
    KahanSum count;
  };
  static Side side_of(const std::vector<BucketSpan>& spans, const std::vector<double>& buckets);
  static Side reduced(const Side& side, std::int32_t schema, std::int32_t lower);
  static ZeroBucket widened(const Side& positive, const Side& negative, std::int32_t schema,
                            ZeroBucket zero, double threshold);
  KahanSum reconcile_zero(const FloatHistogram& other);
  void trim_zero();
  void add_exponential(const FloatHistogram& other);
  void add_side(Side& to, const Side& from) const;
  void reconcile_bounds(const FloatHistogram& other);
  void join_hints(CounterResetHint other);

  FloatHistogram head_;  // all but counts and buckets
  ZeroBucket zero_;
  KahanSum count_;
  KahanSum sum_;
  Side positive_;
  Side negative_;
};

}  // namespace narthex::model
