// Classic histograms.
#include "query/ops/histogram.h"

#include <cmath>
#include <unordered_map>

#include "base/str.h"
#include "query/functions/go_math.h"

namespace narthex::query {
namespace {

constexpr std::string_view kBound = "le";

// A float as OpenMetrics writes it: always with a point or an exponent.
std::string openmetrics_float(double value) {
  std::string text = format_float(value, FloatStyle::kGeneral);
  const bool plain = text.find_first_not_of("-0123456789") == std::string::npos;
  return plain ? text + ".0" : text;
}

}  // namespace

Result<void> HistogramOp::prepare(QueryContext&) {
  const Rows& in = input(0).rows();
  std::unordered_map<std::string, std::size_t> known;
  groups_.clear();
  bad_rows_.clear();
  for (std::size_t row = 0; row < in.size(); ++row) {
    double bound = 0;
    if (!go::parse_float(in.labels(row).get(kBound), bound)) {
      bad_rows_.push_back(row);
      continue;
    }
    const model::Labels labels = model::LabelsBuilder(in.labels(row)).remove(kBound).build();
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
    context.notes.bad_bucket_label(spec_.vector_position,
                                   context.delayed_name_removal ? labels.get("__name__") : "",
                                   labels.get(kBound));
  }
}

// One row per group, or per group and quantile when the quantile becomes a label.
void HistogramOp::add_rows(QueryContext& context, const std::vector<const double*>& scalars) {
  rows_ = Rows();
  const std::size_t copies = spec_.quantile_label.empty() ? 1 : scalars.size();
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (const Group& group : groups_) {
      model::LabelsBuilder builder(group.labels);
      if (!context.delayed_name_removal) {
        builder.remove("__name__").remove("__type__").remove("__unit__");
      }
      if (!spec_.quantile_label.empty()) {
        builder.set(spec_.quantile_label, openmetrics_float(scalars[copy][0]));
      }
      rows_.add(builder.build(), true);
    }
  }
}

Result<void> HistogramOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* buckets, input(0).materialize(context));
  std::vector<const double*> scalars;
  for (std::size_t i = 1; i < inputs().size(); ++i) {
    NX_TRY_ASSIGN(const Table* table, input(i).materialize(context));
    scalars.push_back(table->row_values(0));
  }
  const bool is_quantile = spec_.kind == Kind::kQuantile;
  for (std::size_t i = 0; is_quantile && i < scalars.size(); ++i) {
    for (std::size_t k = 0; k < axis_.count; ++k) {
      const double q = scalars[i][k];
      if (std::isnan(q) || q < 0 || q > 1) {
        context.notes.invalid_quantile(spec_.scalar_positions[i], q);
      }
    }
  }
  note_bad_bounds(context, *buckets);
  add_rows(context, scalars);
  table_ = Table(rows_.size(), axis_.count);
  const std::size_t copies = groups_.empty() ? 0 : rows_.size() / groups_.size();
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      NX_TRY(context.stop.check());
      run_group(context, *buckets, groups_[g], scalars, copy, copy * groups_.size() + g);
    }
  }
  return merge_equal_rows(rows_, table_);
}

void HistogramOp::run_group(QueryContext& context, const Table& buckets, const Group& group,
                            const std::vector<const double*>& scalars, std::size_t scalar,
                            std::size_t row) {
  std::vector<Bucket> column;
  for (std::size_t step = 0; step < axis_.count; ++step) {
    column.clear();
    for (std::size_t i = 0; i < group.rows.size(); ++i) {
      if (!buckets.has(group.rows[i], step)) continue;
      column.push_back({.upper = group.bounds[i], .count = buckets.value(group.rows[i], step)});
    }
    if (column.empty()) continue;
    if (spec_.kind == Kind::kFraction) {
      table_.set(row, step, bucket_fraction(scalars[0][step], scalars[1][step], column));
      continue;
    }
    MonotonicityFix fix;
    table_.set(row, step, bucket_quantile(scalars[scalar][step], column, fix));
    if (!fix.forced) continue;
    const TimeMs time = axis_.at(step);
    context.notes.forced_monotonicity(
        spec_.vector_position,
        context.delayed_name_removal ? group.labels.get("__name__") : std::string_view(),
        {.min_time = time,
         .max_time = time,
         .min_bucket = fix.min_bucket,
         .max_bucket = fix.max_bucket,
         .max_difference = fix.max_difference});
  }
}

}  // namespace narthex::query
