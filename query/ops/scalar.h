// Operators whose result is one number per step: literals, time(), scalar(), arithmetic between
// scalars. They have one row without labels and every cell is present.
#pragma once

#include "query/ops/operator.h"
#include "query/promql/token.h"

namespace narthex::query {

/// A literal, or a function of the step's time alone.
class NumberOp final : public Operator {
 public:
  NumberOp(StepAxis axis, double value) : Operator(axis, {}), value_(value) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  double value_;
};

/// time().
class TimeOp final : public Operator {
 public:
  explicit TimeOp(StepAxis axis) : Operator(axis, {}) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;
};

/// scalar(v): the value of the only element, else NaN.
class ScalarOp final : public Operator {
 public:
  ScalarOp(StepAxis axis, Operator* vector) : Operator(axis, {vector}) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;
};

/// vector(s): the same cells, seen as a vector.
class VectorOp final : public Operator {
 public:
  VectorOp(StepAxis axis, Operator* scalar) : Operator(axis, {scalar}) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;
};

/// Two scalars to one.
class ScalarMathOp final : public Operator {
 public:
  using Math = double (*)(Token op, double left, double right);
  ScalarMathOp(StepAxis axis, Token op, Math math, Operator* left, Operator* right)
      : Operator(axis, {left, right}), op_(op), math_(math) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Result<void> run(QueryContext& context) override;

 private:
  Token op_;
  Math math_;
};

}  // namespace narthex::query
