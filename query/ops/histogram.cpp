// Classic histograms: rows become groups by all labels but `le`, once; then each step of a group is
// one column of buckets, for which query/functions/histogram has the arithmetic.
//
// Several quantiles of one step are taken from the same column one after the other, as upstream
// takes them: sorting and repairing it for the first changes what the next one sees. A quantile
// that varies by step and becomes a label makes rows as it goes, found again by its text.
#include "query/ops/histogram.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/str.h"
#include "model/labels.h"
#include "query/functions/go_math.h"
#include "query/go_sort.h"

namespace narthex::query {
namespace {

constexpr std::string_view kBound = "le";

// A float as OpenMetrics writes it: always with a point or an exponent.
std::string openmetrics_float(double value) {
  if (value == 0) return "0.0";  // -0 too
  std::string text = format_float(value, FloatStyle::kGeneral);
  const bool plain = text.find_first_not_of("-0123456789") == std::string::npos;
  return plain ? text + ".0" : text;
}

}  // namespace

Result<void> HistogramOp::prepare(QueryContext& context) {
  const Rows& in = input(0).rows();
  NX_TRY(in.build(context.stop));
  Pacer pacer(context.stop);
  std::unordered_map<std::string, std::size_t> known;
  groups_.clear();
  bad_rows_.clear();
  for (std::size_t row = 0; row < in.size(); ++row) {
    NX_TRY(pacer.tick());
    double bound = 0;
    if (!go::parse_float(in.labels(row).get(kBound), bound)) {
      bad_rows_.push_back(row);
      continue;
    }
    const model::Labels labels = model::LabelsBuilder(in.labels(row)).remove(kBound).build();
    // By its labels without the bound: the rows of one histogram, in the order of the input.
    const auto [at, is_new] = known.try_emplace(labels.data(), groups_.size());
    if (is_new) groups_.push_back({.labels = labels, .rows = {}, .bounds = {}});
    groups_[at->second].rows.push_back(row);
    groups_[at->second].bounds.push_back(bound);
  }
  return {};
}

void HistogramOp::note_bad_bounds(QueryContext& context, const Table& buckets) const {
  for (const std::size_t row : bad_rows_) {
    if (!any_bit(buckets.row_bits(row), buckets.words())) continue;
    const model::Labels& labels = input(0).rows().labels(row);
    context.notes.bad_bucket_label(
        spec_.vector_position, context.delayed_name_removal ? labels.get(model::kMetricName) : "",
        labels.get(kBound));
  }
}

Result<void> HistogramOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* buckets, input(0).materialize(context));
  scalars_.clear();
  for (std::size_t i = 1; i < inputs().size(); ++i) {
    NX_TRY_ASSIGN(const Table* table, input(i).materialize(context));
    scalars_.push_back(table->row_values(0));
  }
  const bool is_quantile = spec_.kind == Kind::kQuantile;
  for (std::size_t i = 0; is_quantile && i < scalars_.size(); ++i) {
    for (std::size_t k = 0; k < axis_.count; ++k) {
      const double q = scalars_[i][k];
      if (std::isnan(q) || q < 0 || q > 1) {
        context.notes.invalid_quantile(spec_.scalar_positions[i], q);
      }
    }
  }
  note_bad_bounds(context, *buckets);
  rows_ = Rows();
  table_ = Table(0, axis_.count);
  scalar_of_row_.clear();
  for (const Group& group : groups_) {
    NX_TRY(context.stop.check());
    NX_TRY(run_group(context, *buckets, group));
  }
  NX_TRY(order_rows(context.stop));
  // Dropping names may have made two histograms one series.
  return merge_equal_rows(rows_, table_, context.stop);
}

// All quantiles of one step are taken from one column of buckets, as upstream takes them.
Result<void> HistogramOp::run_group(QueryContext& context, const Table& buckets,
                                    const Group& group) {
  std::vector<Bucket> column;
  const bool is_fraction = spec_.kind == Kind::kFraction;
  const bool labelled = !spec_.quantile_label.empty();
  const std::size_t results = is_fraction ? 1 : scalars_.size();
  std::map<std::string, std::size_t> row_of;  // text of the quantile to result row
  std::vector<std::optional<std::pair<double, std::size_t>>> last(results);  // quantile and row
  Pacer pacer(context.stop);
  for (std::size_t step = 0; step < axis_.count; ++step) {
    NX_TRY(pacer.tick(1 + group.rows.size() / 16));
    column.clear();
    for (std::size_t i = 0; i < group.rows.size(); ++i) {
      if (!buckets.has(group.rows[i], step)) continue;
      column.push_back({.upper = group.bounds[i], .count = buckets.value(group.rows[i], step)});
    }
    if (column.empty()) continue;
    for (std::size_t i = 0; i < results; ++i) {
      const double q = labelled ? scalars_[i][step] : 0;
      if (!last[i] || last[i]->first != q) {
        const std::string text = labelled ? openmetrics_float(q) : std::string();
        const auto [at, is_new] = row_of.try_emplace(text, rows_.size());
        if (is_new) add_row(context, group, text, i);
        last[i] = {q, at->second};
      }
      const std::size_t row = last[i]->second;
      if (table_.has(row, step)) return same_labelset_error();
      const double value = is_fraction
                               ? bucket_fraction(scalars_[0][step], scalars_[1][step], column)
                               : quantile_at(context, group, step, scalars_[i][step], column);
      table_.set(row, step, value);
    }
  }
  return {};
}

// `text`: of the quantile where it becomes a label.
void HistogramOp::add_row(const QueryContext& context, const Group& group, const std::string& text,
                          std::size_t scalar) {
  model::LabelsBuilder builder(group.labels);
  if (!context.delayed_name_removal) {
    builder.remove(model::kMetricName).remove("__type__").remove("__unit__");
  }
  if (!spec_.quantile_label.empty()) builder.set(spec_.quantile_label, text);
  rows_.add(builder.build(), true);
  table_.add_row();
  scalar_of_row_.push_back(scalar);
}

double HistogramOp::quantile_at(QueryContext& context, const Group& group, std::size_t step,
                                double q, std::vector<Bucket>& column) const {
  MonotonicityFix fix;
  const double value = bucket_quantile(q, column, fix);
  if (!fix.forced) return value;
  const TimeMs time = axis_.at(step);
  context.notes.forced_monotonicity(
      spec_.vector_position,
      context.delayed_name_removal ? group.labels.get(model::kMetricName) : std::string_view(),
      {.min_time = time,
       .max_time = time,
       .min_bucket = fix.min_bucket,
       .max_bucket = fix.max_bucket,
       .max_difference = fix.max_difference});
  return value;
}

// The rows of the first quantile first.
Result<void> HistogramOp::order_rows(const Stop& stop) {
  if (std::ranges::is_sorted(scalar_of_row_)) return {};
  std::vector<std::size_t> order(rows_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::pair(scalar_of_row_[a], a) < std::pair(scalar_of_row_[b], b);
  };
  NX_TRY(go_sort(order, before, stop));
  NX_TRY_ASSIGN(rows_, rows_.select(order, stop));
  return table_.reorder(order, stop);
}

}  // namespace narthex::query
