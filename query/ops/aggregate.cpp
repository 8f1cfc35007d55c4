// Aggregations that need no more than a few numbers per group and step.
#include "query/ops/aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>

#include "base/budget.h"
#include "base/kahan.h"
#include "model/histogram_sum.h"
#include "model/labels.h"
#include "model/sample.h"
#include "query/go_sort.h"

namespace narthex::query {
namespace {

// Neumaier addition of a run of steps. `sum` starts at -0.0, to which adding anything is exact.
void add_all(const double* in, double* sum, double* c, std::size_t steps) {
  for (std::size_t k = 0; k < steps; ++k) {
    const double value = in[k];
    const double t = sum[k] + value;
    const bool larger = std::fabs(sum[k]) >= std::fabs(value);
    const double high = larger ? sum[k] : value;
    const double low = larger ? value : sum[k];
    const double next = c[k] + ((high - t) + low);
    c[k] = std::fabs(t) > std::numeric_limits<double>::max() ? 0.0 : next;
    sum[k] = t;
  }
}

// One T for each cell, all bytes zero and untouched until it is written: what a query that is
// stopped did not come to costs nothing.
template <typename T>
class CellScratch {
 public:
  explicit CellScratch(std::size_t size)
      : cells_(static_cast<T*>(allocate_zeroed(size * sizeof(T)))) {}
  T* data() { return cells_.get(); }
  T& operator[](std::size_t i) { return cells_.get()[i]; }

 private:
  static_assert(std::is_trivially_copyable_v<T>);
  struct Free {
    void operator()(T* cells) const { free_zeroed(cells); }
  };
  std::unique_ptr<T[], Free> cells_;
};

class AggregateSink : public TileSink {
 public:
  AggregateSink(const std::vector<std::uint32_t>& groups, Table& table)
      : first_rows_(table.rows(), kNoRow), groups_(groups), table_(table) {}

  Result<void> take(Tile& tile) final {
    if (tile.histogram_bits != nullptr) take_histograms(tile);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::uint32_t group = groups_[tile.first_row + r];
      std::uint64_t* seen = table_.row_bits(group) + tile.first_step / kWordBits;
      const std::size_t at = group * table_.steps() + tile.first_step;
      for (std::size_t w = 0; w < tile.words(); ++w) {
        const std::uint64_t present = tile.row_bits(r)[w];
        if (present == 0) continue;
        note_row(group, tile.first_row + r);
        const std::size_t first = w * kWordBits;
        const std::size_t steps = std::min(kWordBits, tile.steps - first);
        add_word(tile.row_values(r) + first, at + first, present, seen[w], steps);
        seen[w] |= present;
      }
    }
    return {};
  }

  virtual Result<void> finish(const Stop&) { return {}; }

  // By group: a row of it has an element.
  void note_row(std::uint32_t group, std::size_t row) {
    first_rows_[group] = std::min(first_rows_[group], row);
  }

  // By group: the first row with an element.
  const std::vector<std::size_t>& first_rows() const { return first_rows_; }

 protected:
  virtual void take_histograms(Tile&) {}
  std::uint32_t group_of(std::size_t row) const { return groups_[row]; }
  std::size_t steps() const { return table_.steps(); }

  // Adds the values whose bit is set in `present` to the cells from `at` on; `seen` are the cells
  // in use already.
  virtual void add_word(const double* in, std::size_t at, std::uint64_t present, std::uint64_t seen,
                        std::size_t steps) = 0;

  // The result cell `at`, counted over the whole table.
  double* cells() { return table_.rows() == 0 ? nullptr : table_.row_values(0); }
  template <typename F>
  Result<void> for_each_cell(const Stop& stop, F&& f) {
    Pacer pacer(stop);
    for (std::size_t group = 0; group < table_.rows(); ++group) {
      NX_TRY(pacer.tick(1 + table_.words()));
      for_each_bit(table_.row_bits(group), table_.words(),
                   [&](std::size_t step) { f(group * table_.steps() + step); });
    }
    return {};
  }
  std::size_t size() const { return table_.rows() * table_.steps(); }

 private:
  std::vector<std::size_t> first_rows_;
  const std::vector<std::uint32_t>& groups_;
  Table& table_;
};

// The histograms of a sum's groups, by cell.
class HistogramCells {
 public:
  HistogramCells(QueryContext& context, Position position, const Rows& rows)
      : context_(context), position_(position), rows_(rows) {}

  void add(std::size_t cell, std::size_t row, HistogramHandle handle) {
    const model::FloatHistogram& histogram = *context_.histograms[handle];
    const auto [at, is_first] = cells_.try_emplace(cell, histogram);
    Cell& known = at->second;
    if (known.is_incompatible) return;
    known.saw_reset |= histogram.hint == model::CounterResetHint::kReset;
    known.saw_no_reset |= histogram.hint == model::CounterResetHint::kNotReset;
    if (is_first) return;
    using Added = model::HistogramSum::Added;
    const Added added = known.sum.add(histogram);
    if (added == Added::kReconciled) context_.notes.mismatched_custom_buckets(position_);
    if (added != Added::kIncompatible) return;
    known.is_incompatible = true;
    const bool has_labels = rows_.build(context_.stop).has_value();
    context_.notes.mixed_bucket_schemas(
        position_, has_labels ? rows_.labels(row).get(model::kMetricName) : std::string_view());
  }

  // Puts the sums into the table; a cell that has a float, too, is none.
  void finish(Table& table) {
    for (auto& [cell, sum] : cells_) {
      const std::size_t group = cell / table.steps();
      const std::size_t step = cell % table.steps();
      if (sum.saw_reset && sum.saw_no_reset && !sum.is_incompatible && !table.has(group, step)) {
        context_.notes.counter_reset_collision(position_);
      }
      if (table.has(group, step)) {
        clear_bit(table.row_bits(group), step);
        context_.notes.mixed_floats_and_histograms(position_);
      } else if (!sum.is_incompatible) {
        auto histogram = std::make_shared<model::FloatHistogram>(sum.sum.result());
        table.set_histogram(group, step, context_.keep(std::move(histogram)));
      }
    }
  }

 private:
  struct Cell {
    explicit Cell(const model::FloatHistogram& first) : sum(first) {}
    model::HistogramSum sum;
    bool saw_reset = false;
    bool saw_no_reset = false;
    bool is_incompatible = false;
  };
  QueryContext& context_;
  Position position_;
  const Rows& rows_;
  std::map<std::size_t, Cell> cells_;
};

class SumSink final : public AggregateSink {
 public:
  SumSink(const std::vector<std::uint32_t>& groups, Table& table, HistogramCells& histograms)
      : AggregateSink(groups, table), c_(size()), histograms_(histograms) {}

  void take_histograms(Tile& tile) override {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t row = tile.first_row + r;
      const std::size_t at = group_of(row) * steps() + tile.first_step;
      for_each_bit(tile.row_histogram_bits(r), tile.words(), [&](std::size_t k) {
        note_row(group_of(row), row);
        histograms_.add(at + k, row, handle_of(tile.row_values(r)[k]));
      });
    }
  }

  void add_word(const double* in, std::size_t at, std::uint64_t present, std::uint64_t seen,
                std::size_t steps) override {
    double* sum = cells() + at;
    double* c = c_.data() + at;
    const std::uint64_t fresh = present & ~seen;
    for_each_bit(&fresh, 1, [&](std::size_t k) { sum[k] = -0.0; });
    if (present == word_mask(steps, 0)) return add_all(in, sum, c, steps);
    for_each_bit(&present, 1, [&](std::size_t k) { add_all(in + k, sum + k, c + k, 1); });
  }

  Result<void> finish(const Stop& stop) override {
    return for_each_cell(stop, [&](std::size_t i) { cells()[i] += c_[i]; });
  }

 private:
  CellScratch<double> c_;
  HistogramCells& histograms_;
};

class AvgSink final : public AggregateSink {
 public:
  AvgSink(const std::vector<std::uint32_t>& groups, Table& table)
      : AggregateSink(groups, table), means_(size()) {}

  void add_word(const double* in, std::size_t at, std::uint64_t present, std::uint64_t seen,
                std::size_t) override {
    for_each_bit(&present, 1, [&](std::size_t k) {
      if (test_bit(&seen, k)) {
        means_[at + k].add(in[k]);
      } else {
        means_[at + k] = KahanMean(in[k]);
      }
    });
  }

  Result<void> finish(const Stop& stop) override {
    return for_each_cell(stop, [&](std::size_t i) { cells()[i] = means_[i].result(); });
  }

 private:
  CellScratch<KahanMean> means_;
};

class CountSink final : public AggregateSink {
 public:
  using AggregateSink::AggregateSink;

  void add_word(const double*, std::size_t at, std::uint64_t present, std::uint64_t,
                std::size_t) override {
    for_each_bit(&present, 1, [&](std::size_t k) { cells()[at + k] += 1; });
  }
};

class GroupSink final : public AggregateSink {
 public:
  using AggregateSink::AggregateSink;

  void add_word(const double*, std::size_t at, std::uint64_t present, std::uint64_t,
                std::size_t) override {
    for_each_bit(&present, 1, [&](std::size_t k) { cells()[at + k] = 1; });
  }
};

template <typename Better>
class ExtremumSink final : public AggregateSink {
 public:
  using AggregateSink::AggregateSink;

  void add_word(const double* in, std::size_t at, std::uint64_t present, std::uint64_t seen,
                std::size_t) override {
    for_each_bit(&present, 1, [&](std::size_t k) {
      double& held = cells()[at + k];
      if (!test_bit(&seen, k) || Better()(in[k], held) || std::isnan(held)) held = in[k];
    });
  }
};

// Welford's method, without compensation, as upstream.
class VarianceSink final : public AggregateSink {
 public:
  VarianceSink(const std::vector<std::uint32_t>& groups, Table& table, bool root)
      : AggregateSink(groups, table), mean_(size()), count_(size()), root_(root) {}

  void add_word(const double* in, std::size_t at, std::uint64_t present, std::uint64_t seen,
                std::size_t) override {
    for_each_bit(&present, 1, [&](std::size_t k) { add(in[k], at + k, test_bit(&seen, k)); });
  }

  Result<void> finish(const Stop& stop) override {
    return for_each_cell(stop, [&](std::size_t i) {
      const double variance = cells()[i] / count_[i];
      cells()[i] = root_ ? std::sqrt(variance) : variance;
    });
  }

 private:
  void add(double value, std::size_t i, bool seen) {
    if (!seen) {
      count_[i] = 1;
      mean_[i] = value;
      cells()[i] = std::isfinite(value) ? 0 : model::normal_nan();
      return;
    }
    count_[i] += 1;
    const double delta = value - mean_[i];
    mean_[i] += delta / count_[i];
    cells()[i] += delta * (value - mean_[i]);
  }

  CellScratch<double> mean_;
  CellScratch<double> count_;
  bool root_;
};

std::unique_ptr<AggregateSink> make_sink(Token op, const std::vector<std::uint32_t>& groups,
                                         Table& table, HistogramCells& histograms) {
  if (op == Token::kSum) return std::make_unique<SumSink>(groups, table, histograms);
  if (op == Token::kAvg) return std::make_unique<AvgSink>(groups, table);
  if (op == Token::kCount) return std::make_unique<CountSink>(groups, table);
  if (op == Token::kGroup) return std::make_unique<GroupSink>(groups, table);
  if (op == Token::kMin) return std::make_unique<ExtremumSink<std::less<double>>>(groups, table);
  if (op == Token::kMax) {
    return std::make_unique<ExtremumSink<std::greater<double>>>(groups, table);
  }
  return std::make_unique<VarianceSink>(groups, table, op == Token::kStddev);
}

}  // namespace

Result<Grouping> make_groups(const Rows& input, const LabelChoice& choice, const Stop& stop) {
  Grouping out;
  NX_TRY_ASSIGN(out.group_of_row, input.group(choice, out.count, stop));
  std::vector<std::uint8_t> seen(out.count, 0);
  Pacer pacer(stop);
  for (std::size_t row = 0; row < input.size(); ++row) {
    NX_TRY(pacer.tick());
    const std::uint32_t group = out.group_of_row[row];
    if (seen[group] == 0) out.rows.add(input.group_labels(row, choice), false);
    seen[group] = 1;
    if (input.drops_name(row)) out.rows.set_drops_name(group, true);
  }
  return out;
}

Result<void> order_groups(const std::vector<std::size_t>& first_rows, Rows& rows, Table& table,
                          const Stop& stop) {
  if (std::ranges::is_sorted(first_rows)) return {};
  std::vector<std::size_t> order(first_rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return std::pair(first_rows[a], a) < std::pair(first_rows[b], b);
  };
  NX_TRY(go_sort(order, before, stop));
  NX_TRY_ASSIGN(rows, rows.select(order, stop));
  return table.reorder(order, stop);
}

Result<void> AggregateOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(groups_, make_groups(input(0).rows(), choice_, context.stop));
  rows_ = groups_.rows;
  return {};
}

Result<void> AggregateOp::run(QueryContext& context) {
  table_ = Table(groups_.count, axis_.count);
  HistogramCells histograms(context, position_, input(0).rows());
  const std::unique_ptr<AggregateSink> sink =
      make_sink(op_, groups_.group_of_row, table_, histograms);
  NX_TRY(input(0).stream(context, *sink));
  NX_TRY(sink->finish(context.stop));
  histograms.finish(table_);
  rows_ = groups_.rows;
  return order_groups(sink->first_rows(), rows_, table_, context.stop);
}

}  // namespace narthex::query
