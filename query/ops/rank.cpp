// Ranking aggregations: quantile, topk, bottomk, limitk, limit_ratio, count_values.
//
// They cannot work on parts of a group, so they take the whole input as a table and go step by
// step, group by group.
//
// Ties are the difficulty. Which of several equal values topk keeps, and in which order they come
// out, depends in upstream on the very swaps of Go's container/heap and sort, and its comparison
// says that NaN is less than anything and anything less than NaN. So the heap is Go's, step for
// step (GoHeap), and so is the sort of its content.
//
// Parameters are judged over all steps before anything is chosen: upstream evaluates the parameter
// first and warns or fails by its extremes, even for steps without elements.
//
// For instant queries the order of the result's rows is the order of rank, group after group in the
// order of their first elements; range results are sorted by labels later anyway.
//
// limit_ratio keeps a series by the hash of its labels, so the same series are kept at every step
// and by every replica; a negative ratio keeps exactly the others.
#include "query/ops/rank.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <xxhash.h>

#include "base/str.h"
#include "query/functions/math.h"
#include "query/functions/window.h"
#include "query/go_sort.h"

namespace narthex::query {
namespace {

struct Ranked {
  double value = 0;
  std::size_t row = 0;
};

// Go's container/heap, step for step: which of several equal values stays in the heap depends on
// it.
template <typename Less>
class GoHeap {
 public:
  explicit GoHeap(Less less) : less_(less) {}

  void push(Ranked item) {
    items.push_back(item);
    up(items.size() - 1);
  }

  void replace_top(Ranked item) {
    items[0] = item;
    down();
  }

  std::vector<Ranked> items;

 private:
  void up(std::size_t j) {
    while (j > 0) {
      const std::size_t parent = (j - 1) / 2;
      if (!less_(items[j], items[parent])) break;
      std::swap(items[parent], items[j]);
      j = parent;
    }
  }

  void down() {
    std::size_t i = 0;
    for (;;) {
      const std::size_t left = 2 * i + 1;
      if (left >= items.size()) break;
      std::size_t child = left;
      if (left + 1 < items.size() && less_(items[left + 1], items[left])) child = left + 1;
      if (!less_(items[child], items[i])) break;
      std::swap(items[i], items[child]);
      i = child;
    }
  }

  Less less_;
};

// Upstream's order of values in a heap that has the smallest on top.
bool heap_less(const Ranked& a, const Ranked& b) {
  return std::isnan(a.value) || a.value < b.value;
}

// The `k` best of `rows` at `step`, best first; NaN comes last. `better(a, b)`: a ranks before b.
template <typename Better>
Result<void> top_of(const Table& input, std::size_t step, const std::vector<std::size_t>& rows,
                    std::size_t k, Better better, std::vector<std::size_t>& order,
                    const Stop& stop) {
  const auto worse = [&](const Ranked& a, const Ranked& b) {
    return std::isnan(a.value) || better(b.value, a.value);
  };
  GoHeap heap(worse);
  Pacer pacer(stop);
  for (const std::size_t row : rows) {
    NX_TRY(pacer.tick());
    if (!input.has(row, step)) continue;
    const Ranked item{.value = input.value(row, step), .row = row};
    if (heap.items.size() < k) {
      heap.push(item);
    } else if (better(item.value, heap.items[0].value) ||
               (std::isnan(heap.items[0].value) && !std::isnan(item.value))) {
      heap.replace_top(item);
    }
  }
  NX_TRY(sort_by_value(heap.items, [](const Ranked& item) { return item.value; }, better, stop));
  for (const Ranked& item : heap.items) order.push_back(item.row);
  return {};
}

struct Extremes {
  double min = 0;
  double max = 0;
  bool nan = false;
};

// A NaN among the values makes both ends NaN, unless infinity wins anyway: as Go's math.Max.
Extremes extremes(const Table& parameter) {
  Extremes out{.min = parameter.value(0, 0), .max = parameter.value(0, 0)};
  for (std::size_t k = 0; k < parameter.steps(); ++k) {
    const double value = parameter.value(0, k);
    out.nan = out.nan || std::isnan(value);
    out.min = go_min(out.min, value);
    out.max = go_max(out.max, value);
  }
  return out;
}

// Where in [0, 1) the hash of a label set lies: upstream Labels.Hash() of the string form, over
// 2^64.
double hash_offset(const model::Labels& labels) {
  std::string bytes;
  const auto append = [&](std::string_view text) {
    if (text.size() < 255) {
      bytes += static_cast<char>(text.size());
    } else {
      bytes += static_cast<char>(255);
      for (unsigned shift = 0; shift < 24; shift += 8) {
        bytes += static_cast<char>((text.size() >> shift) & 0xFF);
      }
    }
    bytes += text;
  };
  for (const auto label : labels) {
    append(label.name);
    append(label.value);
  }
  constexpr double kRange = 18446744073709551615.0;  // 2^64 - 1, as a double
  return static_cast<double>(XXH64(bytes.data(), bytes.size(), 0)) / kRange;
}

std::vector<std::vector<std::size_t>> rows_by_group(const Grouping& groups) {
  std::vector<std::vector<std::size_t>> out(groups.count);
  for (std::size_t row = 0; row < groups.group_of_row.size(); ++row) {
    out[groups.group_of_row[row]].push_back(row);
  }
  return out;
}

// By group: the first of its rows that has an element, kNoRow if there is none.
std::vector<std::size_t> first_rows(const Table& values,
                                    const std::vector<std::vector<std::size_t>>& groups) {
  std::vector<std::size_t> out;
  for (const std::vector<std::size_t>& rows : groups) {
    const auto used = [&](std::size_t row) {
      return any_bit(values.row_bits(row), values.words());
    };
    const auto first = std::ranges::find_if(rows, used);
    out.push_back(first == rows.end() ? kNoRow : *first);
  }
  return out;
}

}  // namespace

Result<void> QuantileOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(groups_, make_groups(input(0).rows(), choice_, context.stop));
  rows_ = groups_.rows;
  return {};
}

Result<void> QuantileOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* values, input(0).materialize(context));
  NX_TRY_ASSIGN(const Table* q, input(1).materialize(context));
  const Extremes seen = extremes(*q);
  if (seen.nan) context.notes.invalid_quantile(parameter_, std::nan(""));
  if (seen.max > 1) context.notes.invalid_quantile(parameter_, seen.max);
  if (seen.min < 0) context.notes.invalid_quantile(parameter_, seen.min);
  table_ = Table(groups_.count, axis_.count);
  const auto rows = rows_by_group(groups_);
  std::vector<double> gathered;
  Pacer pacer(context.stop);
  for (std::size_t group = 0; group < groups_.count; ++group) {
    for (std::size_t step = 0; step < axis_.count; ++step) {
      // A step costs as its group is large: it gathers a column and selects in it.
      NX_TRY(pacer.tick(1 + rows[group].size() / 16));
      gathered.clear();
      for (const std::size_t row : rows[group]) {
        if (values->has(row, step)) gathered.push_back(values->value(row, step));
      }
      if (gathered.empty()) continue;
      table_.set(group, step, quantile_of(q->value(0, step), gathered, context.stop.token));
    }
  }
  NX_TRY(context.stop.check());
  rows_ = groups_.rows;
  return order_groups(first_rows(*values, rows), rows_, table_, context.stop);
}

Result<void> SelectionOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(groups_, make_groups(input(0).rows(), choice_, context.stop));
  rows_of_group_ = rows_by_group(groups_);
  rows_ = input(0).rows();
  hash_offsets_.clear();
  if (op_ != Token::kLimitRatio) return {};
  NX_TRY(rows_.build(context.stop));
  Pacer pacer(context.stop);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    NX_TRY(pacer.tick());
    hash_offsets_.push_back(hash_offset(rows_.labels(row)));
  }
  return {};
}

// False: nothing is chosen at any step.
Result<bool> SelectionOp::check_parameter(QueryContext& context, const Table& parameter) {
  // The largest double below 2^63, as Go's conversion checks have it.
  constexpr double kInt64Max = 9223372036854774784.0;
  constexpr double kInt64Min = -9223372036854775808.0;
  const Extremes seen = extremes(parameter);
  const auto scalar = [](double v) { return format_float(v, FloatStyle::kGeneral); };
  if (op_ == Token::kLimitRatio) {
    if (seen.max == 0 && seen.min == 0) return false;
    if (seen.nan) return Error(Code::kExecution, "Ratio value is NaN");
    if (seen.max > 1) context.notes.invalid_ratio(parameter_, seen.max, 1);
    if (seen.min < -1) context.notes.invalid_ratio(parameter_, seen.min, -1);
    return true;
  }
  if (seen.max < 1) return false;
  if (seen.nan) return Error(Code::kExecution, "Parameter value is NaN");
  if (seen.min <= kInt64Min) {
    return Error(Code::kExecution, concat("Scalar value ", scalar(seen.min), " underflows int64"));
  }
  if (seen.max >= kInt64Max) {
    return Error(Code::kExecution, concat("Scalar value ", scalar(seen.max), " overflows int64"));
  }
  return true;
}

// Groups come in the order of their first elements.
Result<void> SelectionOp::order_groups_of(const Table& values, const Stop& stop) {
  const std::vector<std::size_t> first = first_rows(values, rows_of_group_);
  if (std::ranges::is_sorted(first)) return {};
  const auto first_of = [&](const std::vector<std::size_t>& rows) {
    return first[groups_.group_of_row[rows[0]]];
  };
  return go_sort(
      rows_of_group_, [&](const auto& a, const auto& b) { return first_of(a) < first_of(b); },
      stop);
}

Result<void> SelectionOp::choose_at(std::size_t step, const Table& values, double parameter,
                                    std::vector<std::size_t>& order, const Stop& stop) {
  const bool by_ratio = op_ == Token::kLimitRatio;
  const double ratio = std::clamp(parameter, -1.0, 1.0);
  const double most = static_cast<double>(values.rows());
  const auto k =
      by_ratio || !(parameter >= 1) ? 0 : static_cast<std::size_t>(std::min(parameter, most));
  if (!by_ratio && k == 0) return {};
  for (const std::vector<std::size_t>& rows : rows_of_group_) {
    if (op_ == Token::kTopk) {
      NX_TRY(top_of(values, step, rows, k, std::greater<double>(), order, stop));
    } else if (op_ == Token::kBottomk) {
      NX_TRY(top_of(values, step, rows, k, std::less<double>(), order, stop));
    } else {
      GoHeap taken(heap_less);
      for (const std::size_t row : rows) {
        if (!values.has(row, step)) continue;
        const bool chosen =
            by_ratio ? (ratio >= 0 ? hash_offsets_[row] < ratio : hash_offsets_[row] >= 1.0 + ratio)
                     : taken.items.size() < k;
        if (chosen) taken.push({.value = values.value(row, step), .row = row});
      }
      for (const Ranked& item : taken.items) order.push_back(item.row);
    }
  }
  return {};
}

Result<void> SelectionOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* values, input(0).materialize(context));
  NX_TRY_ASSIGN(const Table* parameter, input(1).materialize(context));
  table_ = Table(rows_.size(), axis_.count);
  NX_TRY_ASSIGN(const bool chooses, check_parameter(context, *parameter));
  if (axis_.count == 1) NX_TRY(order_groups_of(*values, context.stop));
  std::vector<std::size_t> order;
  for (std::size_t step = 0; chooses && step < axis_.count; ++step) {
    NX_TRY(context.stop.check());
    order.clear();
    NX_TRY(choose_at(step, *values, parameter->value(0, step), order, context.stop));
    for (const std::size_t row : order) table_.set(row, step, values->value(row, step));
  }
  if (axis_.count != 1) return {};
  NX_TRY(table_.reorder(order, context.stop));
  NX_TRY_ASSIGN(rows_, rows_.select(order, context.stop));
  return {};
}

Result<void> CountValuesOp::prepare(QueryContext&) {
  return {};
}

Result<void> CountValuesOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* values, input(0).materialize(context));
  const Rows& in = input(0).rows();
  NX_TRY(in.build(context.stop));
  table_ = Table(0, axis_.count);
  std::unordered_map<std::string, std::size_t> row_of;
  for (std::size_t row = 0; row < values->rows(); ++row) {
    NX_TRY(context.stop.check());
    std::unordered_map<std::uint64_t, std::size_t> known;  // value bits of this row to result row
    for (std::size_t step = 0; step < axis_.count; ++step) {
      if (!values->has(row, step)) continue;
      const double value = values->value(row, step);
      const auto [at, is_new] = known.try_emplace(std::bit_cast<std::uint64_t>(value), 0);
      if (is_new) {
        const model::Labels labels = model::LabelsBuilder(in.labels(row))
                                         .set(label_, format_float(value, FloatStyle::kFixed))
                                         .build();
        const Rows one(std::vector<model::Labels>{labels});
        model::Labels group = one.group_labels(0, choice_);
        const auto [found, added] = row_of.try_emplace(group.data(), rows_.size());
        if (added) {
          rows_.add(std::move(group), false);
          table_.add_row();
        }
        at->second = found->second;
      }
      const double before = table_.has(at->second, step) ? table_.value(at->second, step) : 0;
      table_.set(at->second, step, before + 1);
    }
  }
  return {};
}

}  // namespace narthex::query
