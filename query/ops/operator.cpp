// What all operators do alike: tables, tiles and the count of samples.
#include "query/ops/operator.h"

#include <bit>
#include <string_view>
#include <unordered_map>

namespace narthex::query {
namespace {

// Counts the cells that pass by.
class CountingSink final : public TileSink {
 public:
  CountingSink(QueryContext& context, TileSink& next, std::uint64_t& held)
      : context_(context), next_(next), held_(held) {}

  Result<void> take(Tile& tile) override {
    NX_TRY(context_.stop.check());
    const std::size_t cells = count_bits(tile.bits, tile.rows * tile.words());
    held_ += cells;
    NX_TRY(context_.hold(cells));
    return next_.take(tile);
  }

 private:
  QueryContext& context_;
  TileSink& next_;
  std::uint64_t& held_;
};

}  // namespace

Result<void> QueryContext::check_room(std::uint64_t samples) {
  if (samples_max == 0 || samples_held + samples <= samples_max) return {};
  return Error(Code::kLimit,
               "query processing would load too many samples into memory in query execution");
}

Result<void> QueryContext::hold(std::uint64_t samples) {
  NX_TRY(check_room(samples));
  samples_held += samples;
  samples_peak = std::max(samples_peak, samples_held);
  return {};
}

Result<void> Operator::run(QueryContext& context) {
  table_ = Table(rows_.size(), axis_.count);
  TableSink sink(table_, context.stop);
  return run_stream(context, sink);
}

Result<void> Operator::run_stream(QueryContext&, TileSink&) {
  return Error(Code::kInternal, "operator does not stream");
}

Result<void> Operator::execute(QueryContext& context) {
  NX_TRY(context.stop.check());
  if (axis_.count == 0) {
    table_ = Table(rows_.size(), 0);
  } else {
    NX_TRY(run(context));
  }
  filled_ = true;
  const std::uint64_t cells = table_.cells();
  held_ += cells;
  NX_TRY(context.hold(cells));
  for (Operator* used : inputs_) used->release(context);
  return {};
}

Result<void> Operator::stream(QueryContext& context, TileSink& sink) {
  if (filled_) return table_.stream(sink, context.stop);
  CountingSink counting(context, sink, held_);
  return run_stream(context, counting);
}

Result<const Table*> Operator::materialize(QueryContext& context) {
  if (filled_) return &table_;
  NX_TRY(execute(context));
  return &table_;
}

void Operator::release(QueryContext& context) {
  context.release(held_);
  held_ = 0;
  const bool streamed = !filled_;
  filled_ = false;
  table_ = Table();
  if (!streamed) return;
  for (Operator* used : inputs_) used->release(context);
}

Error same_labelset_error() {
  return Error(Code::kExecution, "vector cannot contain metrics with the same labelset");
}

Result<void> merge_equal_rows(Rows& rows, Table& table, const Stop& stop) {
  NX_TRY(rows.build(stop));
  std::unordered_map<std::string_view, std::size_t> row_of;  // labels to the row that holds them
  std::vector<std::uint8_t> gone(rows.size(), 0);
  Pacer pacer(stop);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    NX_TRY(pacer.tick(cost_of_bytes(rows.labels(row).data().size())));
    const auto [at, is_new] = row_of.try_emplace(rows.labels(row).data(), row);
    if (is_new) continue;
    const std::size_t held = at->second;
    const std::uint64_t* bits = table.row_bits(row);
    std::uint64_t* held_bits = table.row_bits(held);
    if (!any_bit(bits, table.words())) {
      gone[row] = 1;
      continue;
    }
    if (!any_bit(held_bits, table.words())) {
      gone[held] = 1;
      at->second = row;
      continue;
    }
    for (std::size_t w = 0; w < table.words(); ++w) {
      if ((held_bits[w] & bits[w]) != 0) return same_labelset_error();
    }
    if (first_bit(bits, table.words()) < first_bit(held_bits, table.words())) {
      rows.set_drops_name(held, rows.drops_name(row));
    }
    for_each_bit(bits, table.words(),
                 [&](std::size_t step) { table.set(held, step, table.value(row, step)); });
    gone[row] = 1;
  }
  std::vector<std::size_t> kept;
  for (std::size_t row = 0; row < gone.size(); ++row) {
    if (gone[row] == 0) kept.push_back(row);
  }
  if (kept.size() == rows.size()) return {};
  NX_TRY(table.reorder(kept, stop));
  NX_TRY_ASSIGN(rows, rows.select(kept, stop));
  return {};
}

std::optional<std::size_t> earliest_shared_step(const Rows& rows, const Table& table) {
  std::unordered_map<std::string_view, std::vector<std::uint64_t>> seen;
  std::optional<std::size_t> earliest;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<std::uint64_t>& bits = seen[rows.labels(row).data()];
    bits.resize(table.words());
    for (std::size_t w = 0; w < table.words(); ++w) {
      const std::uint64_t twice = bits[w] & table.row_bits(row)[w];
      bits[w] |= table.row_bits(row)[w];
      if (twice == 0) continue;
      const std::size_t step = w * kWordBits + static_cast<std::size_t>(std::countr_zero(twice));
      if (!earliest || step < *earliest) earliest = step;
    }
  }
  return earliest;
}

}  // namespace narthex::query
