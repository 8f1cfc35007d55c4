// sum, avg, count, group, min, max, stddev, stdvar: one accumulator per group and step, fed with
// tiles in series order, so that every addition happens in the order upstream adds.
#pragma once

#include "query/ops/operator.h"
#include "query/promql/token.h"

namespace narthex::query {

/// Groups of an operator's rows, and the labels of each group.
struct Grouping {
  std::vector<std::uint32_t> group_of_row;
  std::size_t count = 0;
  Rows rows;
};
Result<Grouping> make_groups(const Rows& input, const LabelChoice& choice, const Stop& stop);

inline constexpr std::size_t kNoRow = static_cast<std::size_t>(-1);

/// Puts groups in the order of their first rows with an element, kNoRow last: upstream never sees
/// series without elements, so they do not take part in the order of its results.
Result<void> order_groups(const std::vector<std::size_t>& first_rows, Rows& rows, Table& table,
                          const Stop& stop);

class AggregateOp final : public Operator {
 public:
  /// `position` is that of the vector, for notes.
  AggregateOp(StepAxis axis, Token op, LabelChoice choice, Position position, Operator* vector)
      : Operator(axis, {vector}), op_(op), choice_(std::move(choice)), position_(position) {}
  bool takes_histograms() const override { return op_ == Token::kSum; }
  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return Counting::kAtEnd; }
  Result<void> run(QueryContext& context) override;

 private:
  Token op_;
  LabelChoice choice_;
  Position position_;
  Grouping groups_;
};

}  // namespace narthex::query
