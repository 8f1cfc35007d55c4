// sort and its kin, and absent: operators that look at which rows there are.
#pragma once

#include <string>

#include "query/ops/operator.h"

namespace narthex::query {

/// sort, sort_desc, sort_by_label, sort_by_label_desc. They order instant results; range results
/// pass unchanged.
class SortOp final : public Operator {
 public:
  /// What the planner knows of the call.
  struct Spec {
    bool descending = false;
    bool useless = false;             // in a range query, which a warning says
    std::vector<std::string> labels;  // empty: by value
    Position position;
  };
  /// `vector` outlives the operator.
  SortOp(StepAxis axis, Spec spec, Operator* vector)
      : Operator(axis, {vector}), spec_(std::move(spec)) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  bool label_less(std::size_t a, std::size_t b) const;
  Spec spec_;
};

/// absent and absent_over_time: 1 where the input has no element.
class AbsentOp final : public Operator {
 public:
  /// `over_time`: of the windows of absent_over_time, which stay counted as its samples.
  AbsentOp(StepAxis axis, model::Labels labels, bool over_time, Operator* vector)
      : Operator(axis, {vector}), labels_(std::move(labels)), over_time_(over_time) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return over_time_ ? Counting::kInPlace : Counting::kByStep; }
  Result<void> run(QueryContext& context) override;

 private:
  model::Labels labels_;
  bool over_time_;
};

/// Digits compare as numbers, other text by bytes: "a2" is before "a10". Upstream's natsort.
bool natural_less(std::string_view a, std::string_view b);

}  // namespace narthex::query
