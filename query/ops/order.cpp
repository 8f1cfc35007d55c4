// Ordering, and absence. Sorting is Go's algorithm with upstream's comparisons, which are no strict
// order (NaN is before everything and behind it): the same swaps must happen for the same result.
#include "query/ops/order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "query/go_sort.h"

namespace narthex::query {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The run of digits or of other bytes at `at`.
std::string_view chunk(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end]) == is_digit(text[at])) ++end;
  return text.substr(at, end - at);
}

std::string_view without_zeros(std::string_view digits) {
  const std::size_t at = digits.find_first_not_of('0');
  return at == std::string_view::npos ? std::string_view() : digits.substr(at);
}

// Digits that make an int64; longer ones are text, as Go's Atoi refuses them.
bool is_number(std::string_view chunk) {
  constexpr std::string_view kMax = "9223372036854775807";
  if (!is_digit(chunk[0])) return false;
  const std::string_view digits = without_zeros(chunk);
  return digits.size() < kMax.size() || (digits.size() == kMax.size() && digits <= kMax);
}

}  // namespace

// Chunks that are equal, or equal as numbers, are skipped; a text that ends first is the smaller
// one. Two equal texts compare as less, as upstream's natsort has it, so callers ask only about
// different ones.
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size()) {
    if (j >= b.size()) return false;
    const std::string_view left = chunk(a, i);
    const std::string_view right = chunk(b, j);
    i += left.size();
    j += right.size();
    const bool numbers = is_number(left) && is_number(right);
    const std::string_view x = numbers ? without_zeros(left) : left;
    const std::string_view y = numbers ? without_zeros(right) : right;
    if (x == y) {
      if (i >= a.size()) return true;
      if (j >= b.size()) return false;
      continue;
    }
    return numbers && x.size() != y.size() ? x.size() < y.size() : x < y;
  }
  return false;
}

Result<void> SortOp::prepare(QueryContext& context) {
  rows_ = input(0).rows();
  if (spec_.useless && axis_.count > 0) context.notes.sort_in_range_query(spec_.position);
  return {};
}

bool SortOp::label_less(std::size_t a, std::size_t b) const {
  const model::Labels& left = rows_.labels(a);
  const model::Labels& right = rows_.labels(b);
  for (const std::string& name : spec_.labels) {
    const std::string_view x = left.get(name);
    const std::string_view y = right.get(name);
    // "1" is before "01" and behind it: what is not less is greater here, as upstream has it.
    if (x != y) return natural_less(x, y) != spec_.descending;
  }
  return spec_.descending ? right < left : left < right;
}

Result<void> SortOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* values, input(0).materialize(context));
  NX_TRY_ASSIGN(table_, values->clone(context.stop));
  rows_ = input(0).rows();
  // A range result has an order of its own, by labels.
  if (axis_.count != 1) return {};
  NX_TRY(rows_.build(context.stop));
  std::vector<std::size_t> order(table_.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t row) { return !table_.has(row, 0); });
  if (spec_.labels.empty()) {
    NX_TRY(sort_by_value(
        order, [&](std::size_t row) { return table_.value(row, 0); },
        [&](double x, double y) { return spec_.descending ? x > y : x < y; }, context.stop));
  } else {
    NX_TRY(go_sort(
        order, [&](std::size_t a, std::size_t b) { return label_less(a, b); }, context.stop));
  }
  NX_TRY(table_.reorder(order, context.stop));
  NX_TRY_ASSIGN(rows_, rows_.select(order, context.stop));
  return {};
}

Result<void> AbsentOp::prepare(QueryContext&) {
  rows_ = Rows();
  rows_.add(labels_, false);
  return {};
}

Result<void> AbsentOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* values, input(0).materialize(context));
  table_ = Table(1, axis_.count);
  Pacer pacer(context.stop);
  for (std::size_t w = 0; w < table_.words(); ++w) {
    NX_TRY(pacer.tick(1 + values->rows() / 16));
    std::uint64_t present = 0;
    for (std::size_t row = 0; row < values->rows(); ++row) present |= values->row_bits(row)[w];
    table_.row_bits(0)[w] = ~present & word_mask(axis_.count, w);
  }
  std::fill_n(table_.row_values(0), axis_.count, 1.0);
  return {};
}

}  // namespace narthex::query
