// Operators that change cells one by one and keep the rows: math functions, clamp, round, unary
// minus, a vector and a scalar. They work on tiles as they pass.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "query/ops/operator.h"

namespace narthex::query {

/// The cells of one row in one tile, and what belongs to their steps.
struct MapRow {
  double* values = nullptr;
  std::uint64_t* bits = nullptr;
  std::size_t steps = 0;
  std::size_t first_step = 0;
  const StepAxis* axis = nullptr;
  const double* a = nullptr;  // scalar arguments of these steps
  const double* b = nullptr;
};

/// Calls `f(k, value)` for every cell present and stores what it returns.
template <typename F>
void map_cells(const MapRow& row, F&& f) {
  for_each_bit(row.bits, words_for(row.steps),
               [&](std::size_t k) { row.values[k] = f(k, row.values[k]); });
}

/// Changes the cells of one row in one tile in place. May clear bits, never set them.
using MapKernel = std::function<void(const MapRow& row)>;

/// New labels for a row, or none to leave it as it is; used by label_replace and label_join. A
/// function of the labels alone. kLimit: the labels would be longer than labels may be.
using Relabel = std::function<Result<std::optional<model::Labels>>(const model::Labels& labels)>;

/// Streams, unless its rows must be merged (blocking()).
class MapOp final : public Operator {
 public:
  /// Inputs: the vector, then scalars.
  MapOp(StepAxis axis, MapKernel kernel, bool drops_name, std::vector<Operator*> inputs,
        Counting counting = Counting::kByStep)
      : Operator(axis, std::move(inputs)),
        kernel_(std::move(kernel)),
        drops_name_(drops_name),
        counting_(counting) {}
  /// Changes labels only. Writing `target` = `__name__` undoes a delayed removal of the name.
  MapOp(StepAxis axis, Relabel relabel, std::string target, Operator* vector)
      : Operator(axis, {vector}),
        relabel_(std::move(relabel)),
        target_(std::move(target)),
        counting_(Counting::kInPlace) {}

  Result<void> prepare(QueryContext& context) override;
  bool blocking() const override { return merges_; }
  std::size_t stream_depth() const override { return merges_ ? 0 : 1 + input(0).stream_depth(); }

 protected:
  Counting counting() const override { return counting_; }
  Result<void> run(QueryContext& context) override;
  Result<void> run_stream(QueryContext& context, TileSink& sink) override;

 private:
  class Sink;
  static constexpr std::size_t kStreamDepthMax =
      64;  // so that streams never go deep into the C++ stack
  Result<void> relabel_rows(const Stop& stop);

  MapKernel kernel_;
  Relabel relabel_;
  std::string target_;
  bool drops_name_ = false;
  Counting counting_;
  bool merges_ = false;
  std::vector<const double*> scalars_;
};

}  // namespace narthex::query
