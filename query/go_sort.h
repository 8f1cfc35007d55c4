// Sorting as Go's sort package does it: pattern-defeating quicksort (arXiv 2106.05123) in the form
// that Go 1.19 and later use. Upstream sorts with it: equal values end up in an order of the
// algorithm's own, and its comparisons are no strict weak order once a NaN takes part. So the same
// comparisons and swaps have to happen here. Short runs are sorted by insertion and stay stable.
// tidy: long, one algorithm
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "query/context.h"

namespace narthex::query {

/// One sort. `less` may be any pure function of two items: the sort ends and stays in bounds
/// whatever it says.
template <typename T, typename Less>
class GoSort {
 public:
  GoSort(std::vector<T>& items, Less less) : items_(items), less_(std::move(less)) {}

  void run() {
    if (items_.size() > 1) sort(0, items_.size(), static_cast<int>(std::bit_width(items_.size())));
  }

 private:
  // Fixed by Go.
  static constexpr std::size_t kInsertionMax = 12;
  static constexpr std::size_t kMedianMin = 8;
  static constexpr std::size_t kNintherMin = 50;
  static constexpr int kSwapsMax = 12;
  static constexpr int kShiftsMax = 5;
  static constexpr std::size_t kShiftMin = 50;

  enum class Hint : std::uint8_t { kUnknown, kAscending, kDescending };
  struct Pivot {
    std::size_t at = 0;
    Hint hint = Hint::kUnknown;
  };
  struct Split {
    std::size_t at = 0;
    bool was_split = false;  // already before
  };

  bool less(std::size_t i, std::size_t j) const { return less_(items_[i], items_[j]); }
  void swap(std::size_t i, std::size_t j) { std::swap(items_[i], items_[j]); }

  // [a, b). `bad_left` partitions may be lopsided before the sort turns to a heap.
  void sort(std::size_t a, std::size_t b, int bad_left) {
    bool balanced = true;
    bool was_split = true;
    for (;;) {
      const std::size_t length = b - a;
      if (length <= kInsertionMax) return insertion_sort(a, b);
      if (bad_left == 0) return heap_sort(a, b);
      if (!balanced) {
        break_patterns(a, b);
        --bad_left;
      }
      Pivot pivot = choose_pivot(a, b);
      if (pivot.hint == Hint::kDescending) {
        reverse(a, b);
        pivot = {.at = (b - 1) - (pivot.at - a), .hint = Hint::kAscending};
      }
      if (balanced && was_split && pivot.hint == Hint::kAscending && shift_few(a, b)) return;
      if (a > 0 && !less(a - 1, pivot.at)) {  // many equal to what stands before the range
        a = split_equal(a, b, pivot.at);
        continue;
      }
      const Split middle = split(a, b, pivot.at);
      was_split = middle.was_split;
      const std::size_t left = middle.at - a;
      const std::size_t right = b - middle.at;
      balanced = std::min(left, right) >= length / 8;
      if (left < right) {
        sort(a, middle.at, bad_left);
        a = middle.at + 1;
      } else {
        sort(middle.at + 1, b, bad_left);
        b = middle.at;
      }
    }
  }

  void insertion_sort(std::size_t a, std::size_t b) {
    for (std::size_t i = a + 1; i < b; ++i) {
      for (std::size_t j = i; j > a && less(j, j - 1); --j) swap(j, j - 1);
    }
  }

  void sift_down(std::size_t root, std::size_t count, std::size_t first) {
    for (;;) {
      std::size_t child = 2 * root + 1;
      if (child >= count) return;
      if (child + 1 < count && less(first + child, first + child + 1)) ++child;
      if (!less(first + root, first + child)) return;
      swap(first + root, first + child);
      root = child;
    }
  }

  void heap_sort(std::size_t a, std::size_t b) {
    const std::size_t count = b - a;
    for (std::size_t i = (count - 1) / 2 + 1; i-- > 0;) sift_down(i, count, a);
    for (std::size_t i = count; i-- > 0;) {
      swap(a, a + i);
      sift_down(0, i, a);
    }
  }

  // items[a] is the pivot. Moves i and j together as far as their items stand right; false when
  // they met.
  bool narrow(std::size_t a, std::size_t& i, std::size_t& j) const {
    while (i <= j && less(i, a)) ++i;
    while (i <= j && !less(j, a)) --j;
    return i <= j;
  }

  Split split(std::size_t a, std::size_t b, std::size_t pivot) {
    swap(a, pivot);
    std::size_t i = a + 1;
    std::size_t j = b - 1;
    bool was_split = true;
    while (narrow(a, i, j)) {
      was_split = false;
      swap(i++, j--);
    }
    swap(j, a);
    return {.at = j, .was_split = was_split};
  }

  // Nothing in the range is less than the pivot: its equals go first. Where the rest begins.
  std::size_t split_equal(std::size_t a, std::size_t b, std::size_t pivot) {
    swap(a, pivot);
    std::size_t i = a + 1;
    std::size_t j = b - 1;
    for (;;) {
      while (i <= j && !less(a, i)) ++i;
      while (i <= j && less(a, j)) --j;
      if (i > j) return i;
      swap(i++, j--);
    }
  }

  // Sorts what is nearly sorted; false when it gives up.
  bool shift_few(std::size_t a, std::size_t b) {
    std::size_t i = a + 1;
    for (int shifts = 0; shifts < kShiftsMax; ++shifts) {
      while (i < b && !less(i, i - 1)) ++i;
      if (i == b) return true;
      if (b - a < kShiftMin) return false;
      swap(i, i - 1);
      if (i - a >= 2) {  // goes on below `a` if it can, as Go does
        for (std::size_t j = i - 1; j >= 1 && less(j, j - 1); --j) swap(j, j - 1);
      }
      if (b - i >= 2) {
        for (std::size_t j = i + 1; j < b && less(j, j - 1); ++j) swap(j, j - 1);
      }
    }
    return false;
  }

  // Scatters three items by xorshift, seeded with the length.
  void break_patterns(std::size_t a, std::size_t b) {
    const std::size_t length = b - a;
    if (length < kMedianMin) return;
    std::uint64_t random = length;
    const std::uint64_t mask = (std::uint64_t{1} << std::bit_width(length)) - 1;
    const std::size_t middle = a + length / 4 * 2;
    for (std::size_t at = middle - 1; at <= middle + 1; ++at) {
      random ^= random << 13U;
      random ^= random >> 7U;
      random ^= random << 17U;
      std::size_t other = random & mask;
      if (other >= length) other -= length;
      swap(at, a + other);
    }
  }

  Pivot choose_pivot(std::size_t a, std::size_t b) const {
    const std::size_t quarter = (b - a) / 4;
    std::size_t i = a + quarter;
    std::size_t j = a + quarter * 2;
    std::size_t k = a + quarter * 3;
    int swaps = 0;
    if (b - a >= kNintherMin) {
      i = median(i - 1, i, i + 1, swaps);
      j = median(j - 1, j, j + 1, swaps);
      k = median(k - 1, k, k + 1, swaps);
    }
    if (b - a >= kMedianMin) j = median(i, j, k, swaps);
    if (swaps == 0) return {.at = j, .hint = Hint::kAscending};
    return {.at = j, .hint = swaps == kSwapsMax ? Hint::kDescending : Hint::kUnknown};
  }

  std::size_t median(std::size_t i, std::size_t j, std::size_t k, int& swaps) const {
    const auto order = [&](std::size_t& x, std::size_t& y) {
      if (!less(y, x)) return;
      ++swaps;
      std::swap(x, y);
    };
    order(i, j);
    order(j, k);
    order(i, j);
    return j;
  }

  void reverse(std::size_t a, std::size_t b) {
    for (; a + 1 < b; ++a, --b) swap(a, b - 1);
  }

  std::vector<T>& items_;
  Less less_;
};

/// The first of `count` indexes for which `reaches`, by Go's sort.Search: where a NaN leaves no
/// order, what is found depends on which indexes are asked.
template <typename Reaches>
std::size_t go_search(std::size_t count, Reaches reaches) {
  std::size_t low = 0;
  std::size_t high = count;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (reaches(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// Sorts `items` as Go's sort.Sort and slices.SortFunc do.
template <typename T, typename Less>
void go_sort(std::vector<T>& items, Less less) {
  GoSort<T, Less>(items, std::move(less)).run();
}

/// The same, until the query is stopped: nothing is less than anything then, and the sort ends at
/// once. An error leaves `items` in any order.
template <typename T, typename Less>
Result<void> go_sort(std::vector<T>& items, Less less, const Stop& stop) {
  Pacer pacer(stop);
  Result<void> going;
  go_sort(items, [&](const T& a, const T& b) {
    if (going) going = pacer.tick();
    return going && less(a, b);
  });
  return going;
}

/// Upstream's sort of a vector, reversed from a heap's order in which NaN is less than anything:
/// what `better` says, and NaN last.
template <typename T, typename Value, typename Better>
Result<void> sort_by_value(std::vector<T>& items, Value value, Better better, const Stop& stop) {
  return go_sort(
      items,
      [&](const T& a, const T& b) { return std::isnan(value(b)) || better(value(a), value(b)); },
      stop);
}

}  // namespace narthex::query
