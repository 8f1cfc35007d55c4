// histogram_quantile, histogram_quantiles and histogram_fraction over classic buckets. Planning
// groups rows by all labels but `le`; then each step of a group is one column of buckets.
#pragma once

#include <string>

#include "query/functions/histogram.h"
#include "query/ops/operator.h"
#include "query/promql/token.h"

namespace narthex::query {

/// Blocks; holds the table of buckets while it runs.
class HistogramOp final : public Operator {
 public:
  /// histogram_quantile(s), or histogram_fraction.
  enum class Kind : std::uint8_t { kQuantile, kFraction };
  /// What the planner knows of the call.
  struct Spec {
    Kind kind = Kind::kQuantile;
    Position vector_position;                // of the buckets, for notes
    std::vector<Position> scalar_positions;  // of the other arguments
    std::string quantile_label;              // histogram_quantiles only
  };

  /// Inputs: the buckets, then the scalars: one quantile (or several with a label), or lower and
  /// upper.
  HistogramOp(StepAxis axis, Spec spec, std::vector<Operator*> inputs)
      : Operator(axis, std::move(inputs)), spec_(std::move(spec)) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  struct Group {
    model::Labels labels;  // without le
    std::vector<std::size_t> rows;
    std::vector<double> bounds;
  };
  void note_bad_bounds(QueryContext& context, const Table& buckets) const;
  Result<void> run_group(QueryContext& context, const Table& buckets, const Group& group);
  void add_row(const QueryContext& context, const Group& group, const std::string& text,
               std::size_t scalar);
  double quantile_at(QueryContext& context, const Group& group, std::size_t step, double q,
                     std::vector<Bucket>& column) const;
  Result<void> order_rows(const Stop& stop);

  Spec spec_;
  std::vector<Group> groups_;
  std::vector<std::size_t> bad_rows_;       // whose le is no number
  std::vector<const double*> scalars_;      // the inputs behind the buckets
  std::vector<std::size_t> scalar_of_row_;  // which of them first gave a row
};

}  // namespace narthex::query
