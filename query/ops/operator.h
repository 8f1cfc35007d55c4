// Physical operators. The builder lays them out as a list, inputs before users; the engine prepares
// and runs them in that order, so depth of an expression costs no C++ stack. A streaming operator
// hands tiles through to its user as they come; a blocking one fills a table when its turn comes.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "query/context.h"
#include "query/rows.h"
#include "query/table.h"
#include "query/tile.h"

namespace narthex::query {

/// How the samples of an operator's inputs and result are counted against the query's limit, which
/// is how upstream would hold them.
enum class Counting : std::uint8_t {
  kByStep,   // results of a step come beside the inputs and the elements of the step
  kAtEnd,    // the result takes the place of the inputs, and is not checked
  kInPlace,  // the input becomes the result
  kBeside,   // the result comes beside the inputs, and these stay counted
};

/// Thread-compatible. Inputs outlive it.
class Operator {
 public:
  Operator(StepAxis axis, std::vector<Operator*> inputs) : axis_(axis), inputs_(std::move(inputs)) {
    for (Operator* used : inputs_) used->user_ = this;
  }
  virtual ~Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  /// Settles rows(), as far as they do not depend on values. Inputs are prepared, and run if they
  /// block.
  virtual Result<void> prepare(QueryContext& context) = 0;
  /// Whether execute() fills table(); asked after prepare().
  virtual bool blocking() const { return true; }
  /// Fills the table and releases the inputs. Only for operators that block.
  Result<void> execute(QueryContext& context);
  /// Hands on every tile. Tiles of one strip come in row order.
  Result<void> stream(QueryContext& context, TileSink& sink);
  /// The result was used: its memory and its count of samples go.
  void release(QueryContext& context);
  /// The user counts `samples` of the result itself.
  void uncount(QueryContext& context, std::uint64_t samples);
  /// It is the turn of this operator, but it streams and so runs when its user does.
  void wait(QueryContext& context);

  const StepAxis& axis() const { return axis_; }
  const Rows& rows() const { return rows_; }
  const Table& table() const { return table_; }
  /// Runs a streaming operator into its table, for a user that needs it whole.
  Result<const Table*> materialize(QueryContext& context);
  /// Whether this one calculates with native histograms. An input that gives it some fails else.
  virtual bool takes_histograms() const { return false; }
  /// Streaming operators between this one and the next table below.
  virtual std::size_t stream_depth() const { return 0; }

 protected:
  virtual Counting counting() const { return Counting::kByStep; }
  /// Whether the elements of a step are counted beside the results though there is no input.
  virtual bool gathers_itself() const { return false; }
  virtual Result<void> run(QueryContext& context);
  virtual Result<void> run_stream(QueryContext& context, TileSink& sink);

  /// Counts the result's cells differently than one by one; for run() of operators that do.
  void count_as(std::uint64_t samples) { counts_as_ = samples; }
  /// The count of this operator goes over to its user.
  std::uint64_t take_held() { return std::exchange(held_, 0); }
  /// Elements of the result by step.
  std::vector<std::uint32_t> step_counts() const;
  Operator& input(std::size_t i) const { return *inputs_[i]; }
  const std::vector<Operator*>& inputs() const { return inputs_; }

  StepAxis axis_;
  Rows rows_;
  Table table_;

 private:
  class Turn;
  Result<void> run_into_table(QueryContext& context);
  Result<void> run_into(QueryContext& context, TileSink& sink);
  Result<void> settle(QueryContext& context, std::uint64_t cells);
  Result<void> check_steps(QueryContext& context) const;
  template <typename F>
  Result<void> in_turn(QueryContext& context, F&& f);
  std::uint64_t held_with_inputs() const;

  std::vector<Operator*> inputs_;
  const Operator* user_ = nullptr;              // null: the engine, which takes everything
  std::vector<std::uint32_t> streamed_counts_;  // by step, of what was streamed
  std::optional<std::uint64_t> counts_as_;
  WaitingStream waiting_;
  std::uint64_t held_ = 0;
  bool filled_ = false;
};

using OperatorPtr = std::unique_ptr<Operator>;

/// Copies tiles into a table.
class TableSink final : public TileSink {
 public:
  TableSink(Table& table, const Stop& stop) : table_(table), stop_(stop) {}
  Result<void> take(Tile& tile) override {
    table_.copy_in(tile);
    return stop_.check();
  }

 private:
  Table& table_;
  const Stop& stop_;
};

/// Rows that share labels become one, which stands where the first of them with an element stood:
/// upstream never sees the others. Two values at one step are upstream's error. `rows` and `table`
/// are replaced.
Result<void> merge_equal_rows(Rows& rows, Table& table, const Stop& stop);

/// The first step at which merge_equal_rows() would find two values.
std::optional<std::size_t> earliest_shared_step(const Rows& rows, const Table& table);

/// The error of merge_equal_rows.
Error same_labelset_error();

}  // namespace narthex::query
