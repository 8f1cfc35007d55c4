// Scalars: one row without labels, a value at every step. Whatever makes one ends in
// one_row_table(); scalar() counts elements as tiles pass and needs no table of its input.
#include "query/ops/scalar.h"

#include "model/sample.h"

namespace narthex::query {
namespace {

Rows one_row() {
  return Rows(std::vector<model::Labels>(1));
}

template <typename F>
Table one_row_table(const StepAxis& axis, F&& f) {
  Table table(1, axis.count);
  for (std::size_t k = 0; k < axis.count; ++k) table.set(0, k, f(k));
  return table;
}

// Counts elements per step and keeps the last value.
class ScalarSink final : public TileSink {
 public:
  explicit ScalarSink(std::size_t steps) : count(steps), value(steps) {}

  Result<void> take(Tile& tile) override {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for_each_bit(tile.row_bits(r), tile.words(), [&](std::size_t k) {
        ++count[tile.first_step + k];
        value[tile.first_step + k] = tile.row_values(r)[k];
      });
    }
    return {};
  }

  std::vector<std::size_t> count;
  std::vector<double> value;
};

}  // namespace

Result<void> NumberOp::prepare(QueryContext&) {
  rows_ = one_row();
  return {};
}

Result<void> NumberOp::run(QueryContext&) {
  table_ = one_row_table(axis_, [&](std::size_t) { return value_; });
  return {};
}

Result<void> TimeOp::prepare(QueryContext&) {
  rows_ = one_row();
  return {};
}

Result<void> TimeOp::run(QueryContext&) {
  table_ =
      one_row_table(axis_, [&](std::size_t k) { return static_cast<double>(axis_.at(k)) / 1000; });
  return {};
}

Result<void> ScalarOp::prepare(QueryContext&) {
  rows_ = one_row();
  return {};
}

Result<void> ScalarOp::run(QueryContext& context) {
  ScalarSink sink(axis_.count);
  NX_TRY(input(0).stream(context, sink));
  table_ = one_row_table(axis_, [&](std::size_t k) {
    return sink.count[k] == 1 ? sink.value[k] : model::normal_nan();
  });
  return {};
}

Result<void> VectorOp::prepare(QueryContext&) {
  rows_ = one_row();
  return {};
}

Result<void> VectorOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* scalar, input(0).materialize(context));
  NX_TRY_ASSIGN(table_, scalar->clone(context.stop));
  return {};
}

Result<void> ScalarMathOp::prepare(QueryContext&) {
  rows_ = one_row();
  return {};
}

Result<void> ScalarMathOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* left, input(0).materialize(context));
  NX_TRY_ASSIGN(const Table* right, input(1).materialize(context));
  if (op_ == Token::kTrimUpper || op_ == Token::kTrimLower) {
    return Error(Code::kExecution, "operator \"" + std::string(spelling(op_)) +
                                       "\" not allowed for Scalar operations");
  }
  table_ = one_row_table(
      axis_, [&](std::size_t k) { return math_(op_, left->value(0, k), right->value(0, k)); });
  return {};
}

}  // namespace narthex::query
