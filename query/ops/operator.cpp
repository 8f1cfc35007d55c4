// What all operators do alike: tables, tiles and the count of samples.
#include "query/ops/operator.h"

#include <bit>
#include <string_view>
#include <unordered_map>

namespace narthex::query {
namespace {

Error histograms_not_taken() {
  return Error(Code::kExecution,
               "not implemented yet: native histograms (in anything but selectors and sum)");
}

// Counts the cells that pass by: at each step, and at once against the limit if `holds`.
class CountingSink final : public TileSink {
 public:
  CountingSink(QueryContext& context, TileSink& next, bool holds, bool takes_histograms,
               std::vector<std::uint32_t>& step_counts)
      : context_(context),
        next_(next),
        holds_(holds),
        takes_histograms_(takes_histograms),
        step_counts_(step_counts) {}

  Result<void> take(Tile& tile) override {
    NX_TRY(context_.stop.check());
    if (tile.histogram_bits != nullptr && !takes_histograms_) return histograms_not_taken();
    const std::size_t count = count_bits(tile.bits, tile.rows * tile.words());
    cells += count;
    if (holds_) NX_TRY(context_.hold(count));
    add_step_counts(tile.bits, tile.rows, tile.steps, step_counts_.data() + tile.first_step);
    return next_.take(tile);
  }

  std::uint64_t cells = 0;

 private:
  QueryContext& context_;
  TileSink& next_;
  bool holds_;
  bool takes_histograms_;
  std::vector<std::uint32_t>& step_counts_;
};

Error too_many_samples() {
  return Error(Code::kLimit,
               "query processing would load too many samples into memory in query execution");
}

}  // namespace

Result<void> QueryContext::check_room(std::uint64_t samples) {
  const std::uint64_t total = samples_held - std::min(samples_later, samples_held) + samples;
  samples_peak = std::max(samples_peak, total);
  for (WaitingStream* stream : waiting) {
    if (stream->turn < turn) stream->peak = std::max(stream->peak, total);
  }
  return total <= samples_max ? Result<void>() : too_many_samples();
}

Result<void> QueryContext::hold(std::uint64_t samples) {
  NX_TRY(check_room(samples));
  samples_held += samples;
  return {};
}

// While an operator runs that has waited: what was counted since its turn does not count beside it.
class Operator::Turn {
 public:
  Turn(Operator& op, QueryContext& context)
      : context_(context), later_(context.samples_later), turn_(context.turn) {
    if (op.waiting_.turn == 0)
      op.waiting_ = {.turn = ++context.turns, .base = context.samples_held};
    context.turn = op.waiting_.turn;
    context.samples_later = context.samples_held - std::min(op.waiting_.base, context.samples_held);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    context_.samples_later = later_;
    context_.turn = turn_;
  }

 private:
  QueryContext& context_;
  std::uint64_t later_;
  std::size_t turn_;
};

void Operator::wait(QueryContext& context) {
  for (Operator* used : inputs_) std::erase(context.waiting, &used->waiting_);
  waiting_ = {.turn = ++context.turns, .base = context.samples_held};
  context.waiting.push_back(&waiting_);
}

Result<void> Operator::run(QueryContext& context) {
  table_ = Table(rows_.size(), axis_.count);
  TableSink sink(table_, context.stop);
  return run_stream(context, sink);
}

Result<void> Operator::run_stream(QueryContext&, TileSink&) {
  return Error(Code::kInternal, "operator does not stream");
}

std::vector<std::uint32_t> Operator::step_counts() const {
  return filled_ ? table_.step_counts() : streamed_counts_;
}

// Upstream keeps the inputs, the results of all steps so far, and the elements of the step at hand.
Result<void> Operator::check_steps(QueryContext& context) const {
  const std::vector<std::uint32_t> results = step_counts();
  std::vector<std::uint32_t> elements(axis_.count);
  if (gathers_itself()) elements = results;
  for (const Operator* used : inputs_) {
    const std::vector<std::uint32_t> counts = used->step_counts();
    for (std::size_t k = 0; k < elements.size() && k < counts.size(); ++k) elements[k] += counts[k];
  }
  std::uint64_t sum = 0;
  std::uint64_t most = 0;
  for (std::size_t k = 0; k < elements.size(); ++k) {
    sum += results[k];
    most = std::max(most, sum + elements[k]);
  }
  return context.check_room(most);
}

// The result of `cells` is there, and counted if it stays beside the inputs: now what upstream
// holds.
Result<void> Operator::settle(QueryContext& context, std::uint64_t cells) {
  const Counting how = counting();
  if (how == Counting::kByStep) NX_TRY(check_steps(context));
  if (how == Counting::kInPlace || how == Counting::kBeside) {
    for (Operator* used : inputs_) held_ += used->take_held();
  }
  for (Operator* used : inputs_) used->release(context);
  if (how != Counting::kInPlace) held_ += cells;
  if (how == Counting::kByStep || how == Counting::kAtEnd) context.samples_held += cells;
  return {};
}

Result<void> Operator::run_into_table(QueryContext& context) {
  if (axis_.count == 0) {
    table_ = Table(rows_.size(), 0);
  } else {
    NX_TRY(run(context));
  }
  filled_ = true;
  const bool taken = user_ == nullptr || user_->takes_histograms();
  if (table_.has_histograms() && !taken) return histograms_not_taken();
  const std::uint64_t cells = counts_as_.value_or(table_.cells());
  if (counting() == Counting::kBeside) NX_TRY(context.hold(cells));
  return settle(context, cells);
}

Result<void> Operator::run_into(QueryContext& context, TileSink& sink) {
  streamed_counts_.assign(axis_.count, 0);
  const bool taken = user_ == nullptr || user_->takes_histograms();
  CountingSink counter(context, sink, counting() == Counting::kBeside, taken, streamed_counts_);
  NX_TRY(run_stream(context, counter));
  return settle(context, counter.cells);
}

Result<void> Operator::execute(QueryContext& context) {
  NX_TRY(context.stop.check());
  return in_turn(context, [&] { return run_into_table(context); });
}

Result<void> Operator::stream(QueryContext& context, TileSink& sink) {
  if (filled_) return table_.stream(sink, context.stop);
  return in_turn(context, [&] { return run_into(context, sink); });
}

template <typename F>
Result<void> Operator::in_turn(QueryContext& context, F&& f) {
  const std::uint64_t before = held_with_inputs();
  const std::uint64_t peak = waiting_.peak;
  std::erase(context.waiting, &waiting_);
  {
    const Turn turn(*this, context);
    NX_TRY(f());
  }
  for (WaitingStream* later : context.waiting) {  // for them this was there before
    if (later->turn > waiting_.turn) later->base += held_ - before;
  }
  if (peak == 0) return {};
  // Upstream would have held this result while the peak was reached.
  const std::uint64_t total = peak + held_ - std::min(before, peak + held_);
  context.samples_peak = std::max(context.samples_peak, total);
  return total <= context.samples_max ? Result<void>() : too_many_samples();
}

std::uint64_t Operator::held_with_inputs() const {
  std::uint64_t held = held_;
  for (const Operator* used : inputs_) held += used->held_;
  return held;
}

void Operator::uncount(QueryContext& context, std::uint64_t samples) {
  const std::uint64_t less = std::min(samples, held_);
  held_ -= less;
  context.release(less);
}

Result<const Table*> Operator::materialize(QueryContext& context) {
  if (filled_) return &table_;
  NX_TRY(execute(context));
  return &table_;
}

// The inputs went when the result was there.
void Operator::release(QueryContext& context) {
  context.release(held_);
  held_ = 0;
  filled_ = false;
  table_ = Table();
  streamed_counts_ = {};
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
    const std::size_t first = table.first_present(row);
    const std::size_t held_first = table.first_present(held);
    if (first == kNoStep) {
      gone[row] = 1;
      continue;
    }
    if (held_first == kNoStep) {
      gone[held] = 1;
      at->second = row;
      continue;
    }
    if (table.shares_step(held, row)) return same_labelset_error();
    if (first < held_first) rows.set_drops_name(held, rows.drops_name(row));
    table.move_row(row, held);
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
