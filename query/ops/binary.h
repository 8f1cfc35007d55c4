// Binary operators between two vectors. Which rows meet is settled once, from labels; then rows are
// combined whole, presence word by presence word.
#pragma once

#include <optional>
#include <unordered_map>

#include "query/ops/operator.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// Arithmetic and comparisons.
class BinaryOp final : public Operator {
 public:
  /// `node` is type-checked, so it has a matching; both operands are vectors and outlive the
  /// operator.
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
    std::size_t touched = 0;  // of touched_
    std::uint32_t signature = 0;
  };
  // One row's cells over a span of steps.
  struct Cells {
    const double* values = nullptr;
    const std::uint64_t* bits = nullptr;
  };
  struct Span {
    std::size_t first_step = 0;  // a multiple of kWordBits
    std::size_t steps = 0;
  };
  class ManySink;
  // Two rows of one signature with elements at one step; `before` is the first of them.
  struct Clash {
    std::size_t step = 0;
    std::size_t row = 0;
    std::size_t before = 0;
  };
  static constexpr std::size_t kNoSlot = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

  bool swapped() const { return matching_.cardinality == Cardinality::kOneToMany; }
  Operator& many() const { return input(swapped() ? 1 : 0); }
  Operator& one() const { return input(swapped() ? 0 : 1); }
  // What stands in for a missing element of the one or the many side. Upstream swaps the sides of
  // group_right but not the fill values, and its scripts pin that.
  const std::optional<double>& one_fill() const { return matching_.fill_right; }
  const std::optional<double>& many_fill() const { return matching_.fill_left; }
  model::Labels result_labels(QueryContext& context, const model::Labels& many_labels,
                              const model::Labels& one_labels) const;
  std::size_t slot_for(std::uint32_t signature, model::Labels labels);
  Cells one_cells(std::size_t row, Span span) const;
  std::vector<std::uint64_t> one_presence(std::uint32_t signature, Span span) const;
  static bool meet(Cells many, Cells one, Span span);
  void fill_one(QueryContext& context, Cells cells, Span span, std::size_t row);
  Result<void> fill_many(QueryContext& context);
  std::size_t slot_of_pair(QueryContext& context, std::size_t row, std::size_t i);
  static std::optional<Clash> find_clash(const Table& table, const std::vector<std::uint64_t>& mask,
                                         const std::vector<std::size_t>& rows);
  std::optional<Clash> one_side_clash(const std::vector<std::uint64_t>& any_many) const;
  Result<void> check_matches(const std::vector<std::uint64_t>& any_many) const;
  Error duplicate_error(std::size_t before, std::size_t row) const;
  Error multiple_matches_error() const;
  void combine(QueryContext& context, Cells many, Cells one, Span span, Slot slot);
  bool drops_name_now(const QueryContext& context) const;

  Token op_;
  bool return_bool_;
  VectorMatching matching_;
  Position position_;
  std::vector<std::uint32_t> many_signatures_;
  std::vector<std::vector<std::size_t>> one_rows_;  // by signature
  const Table* one_table_ = nullptr;
  std::vector<Slot> slots_;
  std::vector<std::vector<std::uint64_t>> touched_;  // steps at which a pair was combined
  std::vector<std::vector<std::size_t>>
      slots_of_row_;  // of the many side, one per row of the one side, kNoSlot before they meet
  std::unordered_map<std::string, std::size_t> slot_of_;
  std::size_t signature_count_ = 0;
  std::size_t second_match_ = kNoStep;  // first step at which a pair was combined twice
  bool trims_ = false;
};

/// and, or, unless.
class SetOp final : public Operator {
 public:
  /// `node` is type-checked; both operands are vectors and outlive the operator.
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

/// Both operands' rows.
struct SignatureSides {
  const Rows& left;
  const Rows& right;
};

/// Signature numbers of two operators' rows, one for each row, and how many there are: equal
/// numbers match, on either side. Errors: those of `stop`.
Result<std::size_t> match_signatures(const SignatureSides& sides, const VectorMatching& matching,
                                     std::vector<std::uint32_t>& left_out,
                                     std::vector<std::uint32_t>& right_out, const Stop& stop);

}  // namespace narthex::query
