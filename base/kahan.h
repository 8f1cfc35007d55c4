// Neumaier's compensated addition, in upstream's order of operations (util/kahansum at v3.14):
// every sum that users see goes through it, so the last bit of a result is the same.
#pragma once

#include <cmath>
#include <limits>

namespace narthex {

/// A sum in two parts: `sum`, and what rounding took from it, `c`. The result is sum + c, but for
/// an infinite sum, where c means nothing.
struct KahanSum {
  double sum = 0;
  double c = 0;

  /// O(1). Once the sum overflows, c stays 0.
  void add(double value) {
    const double t = sum + value;
    const bool overflow =
        t > std::numeric_limits<double>::max() || t < -std::numeric_limits<double>::max();
    if (overflow) {
      c = 0;
    } else if (std::fabs(sum) >= std::fabs(value)) {
      c += (sum - t) + value;
    } else {
      c += (value - t) + sum;
    }
    sum = t;
  }
};

/// A mean that adds up first and turns to incremental means when the sum would overflow.
struct KahanMean {
  double count = 1;
  double mean = 0;
  KahanSum total;
  bool incremental = false;

  /// The mean of one value; there is none of no values.
  explicit KahanMean(double first) { total.sum = first; }

  /// Not of a NaN's effect alone: like any value it makes the mean NaN.
  void add(double value) {
    count += 1;
    if (!incremental) {
      KahanSum next = total;
      next.add(value);
      if (!std::isinf(next.sum)) {
        total = next;
        return;
      }
      incremental = true;
      mean = total.sum / (count - 1);
      total.c /= count - 1;
    }
    const double q = (count - 1) / count;
    KahanSum next{.sum = q * mean, .c = q * total.c};
    next.add(value / count);
    mean = next.sum;
    total.c = next.c;
  }

  /// Of all values so far.
  double result() const {
    return incremental ? mean + total.c : total.sum / count + total.c / count;
  }
};

}  // namespace narthex
