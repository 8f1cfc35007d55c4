// Cell by cell: a tile is changed in place on its way from the input to the user, so a chain of
// such functions costs no memory. Only where dropping or changing labels makes rows equal must the
// whole result be held, to merge them; prepare() finds out from the labels alone.
#include "query/ops/map.h"

#include "model/labels.h"

namespace narthex::query {

class MapOp::Sink final : public TileSink {
 public:
  Sink(const MapOp& op, TileSink& next) : op_(op), next_(next) {}

  Result<void> take(Tile& tile) override {
    const auto scalar = [&](std::size_t i) {
      return i < op_.scalars_.size() ? op_.scalars_[i] + tile.first_step : nullptr;
    };
    for (std::size_t r = 0; op_.kernel_ && r < tile.rows; ++r) {
      op_.kernel_({.values = tile.row_values(r),
                   .bits = tile.row_bits(r),
                   .steps = tile.steps,
                   .first_step = tile.first_step,
                   .axis = &op_.axis_,
                   .a = scalar(0),
                   .b = scalar(1)});
    }
    return next_.take(tile);
  }

 private:
  const MapOp& op_;
  TileSink& next_;
};

Result<void> MapOp::prepare(QueryContext& context) {
  rows_ = input(0).rows();
  if (drops_name_) {
    NX_TRY_ASSIGN(rows_, rows_.without_name(context.delayed_name_removal, context.stop));
  }
  if (relabel_) NX_TRY(relabel_rows(context.stop));
  const bool changed = relabel_ != nullptr || (drops_name_ && !context.delayed_name_removal);
  merges_ = input(0).stream_depth() >= kStreamDepthMax;
  if (changed && !merges_) {
    NX_TRY_ASSIGN(merges_, rows_.has_duplicates(context.stop));
  }
  scalars_.clear();
  for (std::size_t i = 1; i < inputs().size(); ++i) {
    NX_TRY_ASSIGN(const Table* table, input(i).materialize(context));
    scalars_.push_back(table->row_values(0));
  }
  return {};
}

Result<void> MapOp::relabel_rows(const Stop& stop) {
  NX_TRY(rows_.build(stop));
  Rows changed;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    NX_TRY_ASSIGN(std::optional<model::Labels> labels, relabel_(rows_.labels(row)));
    NX_TRY(pacer.tick(cost_of_bytes((labels ? *labels : rows_.labels(row)).data().size())));
    const bool writes_name = labels && target_ == model::kMetricName;
    changed.add(labels ? *std::move(labels) : rows_.labels(row),
                rows_.drops_name(row) && !writes_name);
  }
  rows_ = std::move(changed);
  return {};
}

Result<void> MapOp::run(QueryContext& context) {
  NX_TRY(Operator::run(context));
  return merge_equal_rows(rows_, table_, context.stop);
}

Result<void> MapOp::run_stream(QueryContext& context, TileSink& sink) {
  Sink mapping(*this, sink);
  return input(0).stream(context, mapping);
}

}  // namespace narthex::query
