// A stable sort that stays clear of std::stable_sort, whose libstdc++ 12 form uses what C++23
// deprecates.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <utility>
#include <vector>

namespace narthex::query {

/// `less` must be a strict weak order.
template <typename T, typename Less>
void sort_stably(std::vector<T>& items, Less less) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (less(items[a], items[b])) return true;
    return !less(items[b], items[a]) && a < b;
  });
  std::vector<T> sorted;
  sorted.reserve(items.size());
  for (const std::size_t i : order) sorted.push_back(std::move(items[i]));
  items = std::move(sorted);
}

/// Orders by `value(item)`: NaN comes last, and of several NaNs the last one first, which is what
/// upstream's comparison (NaN is less than anything) makes of a short list.
template <typename T, typename Value, typename Better>
void sort_by_value(std::vector<T>& items, Value value, Better better) {
  const auto is_nan = [&](const T& item) { return std::isnan(value(item)); };
  std::vector<T> nans;
  std::ranges::copy_if(items, std::back_inserter(nans), is_nan);
  std::erase_if(items, is_nan);
  sort_stably(items, [&](const T& a, const T& b) { return better(value(a), value(b)); });
  items.insert(items.end(), nans.rbegin(), nans.rend());
}

}  // namespace narthex::query
