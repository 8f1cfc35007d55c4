// Aggregations that look at all values of a group at once: quantile, topk, bottomk, limitk,
// limit_ratio and count_values. They work on the whole input, step by step.
#pragma once

#include <string>

#include "query/ops/aggregate.h"
#include "query/ops/operator.h"

namespace narthex::query {

/// quantile(q, v).
class QuantileOp final : public Operator {
 public:
  /// `parameter` is where a note about q stands; the inputs outlive the operator.
  QuantileOp(StepAxis axis, LabelChoice choice, Position parameter, Operator* vector, Operator* q)
      : Operator(axis, {vector, q}), choice_(std::move(choice)), parameter_(parameter) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return Counting::kAtEnd; }
  Result<void> run(QueryContext& context) override;

 private:
  LabelChoice choice_;
  Position parameter_;
  Grouping groups_;
};

/// topk, bottomk, limitk and limit_ratio: rows of the input, each present where it was chosen. For
/// instant queries rows come out in the order of their rank.
class SelectionOp final : public Operator {
 public:
  /// `op` is one of the four; `k` is a scalar, the ratio for limit_ratio. The inputs outlive the
  /// operator.
  SelectionOp(StepAxis axis, Token op, LabelChoice choice, Position parameter, Operator* vector,
              Operator* k)
      : Operator(axis, {vector, k}), op_(op), choice_(std::move(choice)), parameter_(parameter) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return Counting::kAtEnd; }
  Result<void> run(QueryContext& context) override;

 private:
  Result<bool> check_parameter(QueryContext& context, const Table& parameter);
  Result<void> order_groups_of(const Table& values, const Stop& stop);
  Result<void> choose_at(std::size_t step, const Table& input, double parameter,
                         std::vector<std::size_t>& order, const Stop& stop);

  Token op_;
  LabelChoice choice_;
  Position parameter_;
  Grouping groups_;
  std::vector<std::vector<std::size_t>> rows_of_group_;
  std::vector<double> hash_offsets_;  // of every row, for limit_ratio
};

/// count_values("label", v).
class CountValuesOp final : public Operator {
 public:
  /// `label` takes the value's text and is part of `choice` unless that is `without`.
  CountValuesOp(StepAxis axis, std::string label, LabelChoice choice, Operator* vector)
      : Operator(axis, {vector}), label_(std::move(label)), choice_(std::move(choice)) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  std::string label_;
  LabelChoice choice_;
};

}  // namespace narthex::query
