// Aggregations that need no more than a few numbers per group and step.
#include "query/ops/aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <type_traits>
#include <utility>

#include "base/budget.h"
#include "model/sample.h"
#include "query/functions/kahan.h"
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
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::uint32_t group = groups_[tile.first_row + r];
      std::uint64_t* seen = table_.row_bits(group) + tile.first_step / kWordBits;
      const std::size_t at = group * table_.steps() + tile.first_step;
      for (std::size_t w = 0; w < tile.words(); ++w) {
        const std::uint64_t present = tile.row_bits(r)[w];
        if (present == 0) continue;
        first_rows_[group] = std::min(first_rows_[group], tile.first_row + r);
        const std::size_t first = w * kWordBits;
        const std::size_t steps = std::min(kWordBits, tile.steps - first);
        add_word(tile.row_values(r) + first, at + first, present, seen[w], steps);
        seen[w] |= present;
      }
    }
    return {};
  }

  virtual Result<void> finish(const Stop&) { return {}; }

  // By group: the first row with an element.
  const std::vector<std::size_t>& first_rows() const { return first_rows_; }

 protected:
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

class SumSink final : public AggregateSink {
 public:
  SumSink(const std::vector<std::uint32_t>& groups, Table& table)
      : AggregateSink(groups, table), c_(size()) {}

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
                                         Table& table) {
  if (op == Token::kSum) return std::make_unique<SumSink>(groups, table);
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
  const std::unique_ptr<AggregateSink> sink = make_sink(op_, groups_.group_of_row, table_);
  NX_TRY(input(0).stream(context, *sink));
  NX_TRY(sink->finish(context.stop));
  rows_ = groups_.rows;
  return order_groups(sink->first_rows(), rows_, table_, context.stop);
}

}  // namespace narthex::query
