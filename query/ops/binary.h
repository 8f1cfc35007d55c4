// Binary operators between two vectors. Which rows meet is settled once, from labels; then rows are
// combined whole, presence word by presence word.
#pragma once

#include <unordered_map>

#include "query/ops/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// Arithmetic and comparisons.
class BinaryOp final : public Operator {
 public:
  BinaryOp(StepAxis axis, const BinaryNode& node, Position position, Operator* left,
           Operator* right)
      : Operator(axis, {left, right}),
        op_(node.op),
        return_bool_(node.return_bool),
        matching_(*node.matching),
        position_(position) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  // Cells that one signature and one result label set make; several rows may write to it at
  // different steps.
  struct Slot {
    std::size_t row = 0;      // of table_
    std::size_t touched = 0;  // its index in touched_
  };
  class ManySink;

  bool swapped() const { return matching_.cardinality == Cardinality::kOneToMany; }
  Operator& many() const { return input(swapped() ? 1 : 0); }
  Operator& one() const { return input(swapped() ? 0 : 1); }
  model::Labels result_labels(QueryContext& context, std::size_t many_row,
                              std::size_t one_row) const;
  std::size_t slot_for(std::uint32_t signature, model::Labels labels, bool drops_name);
  const std::vector<std::size_t>& slots_of_row(QueryContext& context, std::size_t row);
  Result<void> check_one_side(const Table& one_table, const std::vector<std::uint64_t>& any_many);
  Error duplicate_error(std::size_t first, std::size_t second) const;
  Error multiple_matches_error() const;
  Result<void> combine(QueryContext& context, const Tile& tile, std::size_t r, std::size_t one_row,
                       Slot& slot);
  bool drops_name_now(const QueryContext& context) const;

  Token op_;
  bool return_bool_;
  VectorMatching matching_;
  Position position_;
  std::vector<std::uint32_t> many_signatures_;
  std::vector<std::vector<std::size_t>> one_rows_;  // by signature
  const Table* one_table_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<std::vector<std::size_t>>
      slots_of_row_;  // of the many side, one per row of the one side
  std::unordered_map<std::string, std::size_t> slot_of_;
  /// Steps at which a pair was combined: one to one by match group, whatever the result's labels,
  /// else by result row.
  std::vector<std::vector<std::uint64_t>> touched_;
  std::unordered_map<std::uint32_t, std::size_t> touched_of_signature_;
  bool trims_ = false;
};

/// and, or, unless.
class SetOp final : public Operator {
 public:
  SetOp(StepAxis axis, const BinaryNode& node, Operator* left, Operator* right)
      : Operator(axis, {left, right}), op_(node.op), matching_(*node.matching) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  Token op_;
  VectorMatching matching_;
  std::vector<std::uint32_t> left_signatures_;
  std::vector<std::uint32_t> right_signatures_;
  std::size_t signature_count_ = 0;
};

/// Signature numbers of two operators' rows: equal numbers match.
std::size_t match_signatures(const Rows& left, const Rows& right, const VectorMatching& matching,
                             std::vector<std::uint32_t>& left_out,
                             std::vector<std::uint32_t>& right_out);

}  // namespace narthex::query
