// Functions over ranges.
#include "query/ops/window.h"

#include <array>
#include <cmath>
#include <unordered_set>

#include "base/str.h"
#include "model/labels.h"

namespace narthex::query {
namespace {

constexpr std::size_t kWordsPerCheck = 1024;  // tuned: of 64 steps: well below a millisecond
constexpr std::uint64_t kKernelSamplesMax = 1024 * 1024;  // tuned: some 10 ms of one kernel

// Go's Duration.Seconds().
double seconds_of(std::int64_t ns) {
  return static_cast<double>(ns / kNsPerSecond) +
         static_cast<double>(ns % kNsPerSecond) / static_cast<double>(kNsPerSecond);
}

// Go's %f.
std::string go_fixed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:f}", value);
}

bool has_counter_suffix(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

// Two rows of one name, both with results, are an error even if they never meet at a step.
Result<void> check_no_duplicates(const Rows& rows, const Table& table, const Stop& stop) {
  NX_TRY(rows.build(stop));
  std::unordered_set<std::string_view> seen;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    NX_TRY(pacer.tick());
    if (!any_bit(table.row_bits(row), table.words())) continue;
    if (!seen.insert(rows.labels(row).data()).second) return same_labelset_error();
  }
  return {};
}

}  // namespace

Result<void> WindowOp::prepare(QueryContext& context) {
  if (spec_.selector) {
    NX_TRY_ASSIGN(set_, open_selection(context, *spec_.selector, axis_));
    source_rows_ = Rows(set_);
  } else {
    NX_TRY_ASSIGN(inner_, input(0).materialize(context));
    source_rows_ = input(0).rows();
    inner_axis_ = input(0).axis();
  }
  rows_ = source_rows_;
  if (!spec_.function->keeps_name) {
    NX_TRY_ASSIGN(rows_, rows_.without_name(context.delayed_name_removal, context.stop));
  }
  if (!context.delayed_name_removal) {
    NX_TRY_ASSIGN(checks_duplicates_, rows_.has_duplicates(context.stop));
  }
  if (spec_.function->wants_counter) {
    NX_TRY_ASSIGN(name_ids_, source_rows_.name_ids(context.stop));
    if (!set_) NX_TRY(source_rows_.build(context.stop));
  }
  return load_scalars(context);
}

Result<void> WindowOp::load_scalars(QueryContext& context) {
  scalars_.clear();
  for (std::size_t i = first_scalar(); i < inputs().size(); ++i) {
    NX_TRY_ASSIGN(const Table* table, input(i).materialize(context));
    scalars_.push_back(table->row_values(0));
  }
  return {};
}

// Smoothing factors out of bounds are an error where a window with samples is evaluated with them.
Result<void> WindowOp::check_factors(const Tile& tile) const {
  const auto bad = [](double factor) { return factor <= 0 || factor >= 1; };
  const auto error = [](std::string_view which, std::string_view letter, double factor) {
    return Error(Code::kExecution, fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {}",
                                               which, letter, go_fixed(factor)));
  };
  for (std::size_t k = 0; k < tile.steps; ++k) {
    if (hi_[k] == lo_[k]) continue;
    const double smoothing = scalars_[0][tile.first_step + k];
    const double trend = scalars_[1][tile.first_step + k];
    if (bad(smoothing)) return error("smoothing", "sf", smoothing);
    if (bad(trend)) return error("trend", "tf", trend);
  }
  return {};
}

Result<void> WindowOp::run(QueryContext& context) {
  NX_TRY(Operator::run(context));
  return checks_duplicates_ ? check_no_duplicates(rows_, table_, context.stop) : Result<void>{};
}

Result<void> WindowOp::run_stream(QueryContext& context, TileSink& sink) {
  TileBuffer buffer;
  held_before_ = context.samples_held;
  results_ = 0;
  std::size_t rows = 0;
  for (std::size_t row = 0; row < source_rows_.size(); row += rows) {
    NX_TRY_ASSIGN(rows, read_block(context, row, std::min(kTileRows, source_rows_.size() - row)));
    const auto strip = [&](std::size_t step, std::size_t steps) -> Result<void> {
      Tile tile = buffer.shape(row, rows, step, steps);
      for (std::size_t r = 0; r < rows; ++r) NX_TRY(fill_row(context, row + r, r, tile));
      return sink.take(tile);
    };
    NX_TRY(for_each_strip(axis_.count, strip));
    NX_TRY(count_block(context, rows));
  }
  if (inner_ != nullptr) input(0).release(context);
  return {};
}

Result<void> WindowOp::count_block(QueryContext& context, std::size_t rows) {
  const auto check = [&](std::uint64_t samples) {
    const std::uint64_t counted = context.samples_held - held_before_;
    return samples <= counted ? Result<void>() : context.check_room(samples - counted);
  };
  for (std::size_t r = 0; r < rows; ++r) {
    NX_TRY(check(results_ + held_[r].largest));
    results_ += held_[r].results;
    if (held_[r].results > 0) NX_TRY(check(results_ + held_[r].last));
  }
  return {};
}

// How many of `rows` series were read: fewer when they are long.
Result<std::size_t> WindowOp::read_block(QueryContext& context, std::size_t first,
                                         std::size_t rows) {
  columns_.resize(kTileRows);
  cursors_.assign(kTileRows, {});
  held_.assign(kTileRows, {});
  std::size_t samples = 0;
  std::size_t read = 0;
  while (read < rows && samples < kBlockSamplesMax) {
    NX_TRY(read_series(context, first + read, columns_[read]));
    samples += columns_[read].size();
    ++read;
  }
  return read;
}

Result<void> WindowOp::read_series(QueryContext& context, std::size_t row,
                                   model::SampleColumns& columns) const {
  columns.clear();
  if (inner_ != nullptr) {
    for (std::size_t word = 0; word < inner_->words(); word += kWordsPerCheck) {
      NX_TRY(context.stop.check());
      const std::size_t words = std::min(kWordsPerCheck, inner_->words() - word);
      for_each_bit(inner_->row_bits(row) + word, words, [&](std::size_t i) {
        const std::size_t step = word * kWordBits + i;
        columns.push(inner_axis_.at(step), inner_->value(row, step));
      });
    }
  } else if (Result<void> read = set_->read(row, spec_.selector->needed(axis_), columns); !read) {
    return store_error(std::move(read).error());
  }
  drop_stale(columns);
  return refuse_histograms(columns, "in a range");
}

// Moves both ends of row r's windows along the steps of `tile`.
void WindowOp::slide(const model::SampleColumns& columns, std::size_t r, const Tile& tile) {
  const auto count = static_cast<std::uint32_t>(columns.size());
  const TimeMs* times = columns.times.data();
  const DurationMs range = range_ms() + (spec_.selector ? spec_.selector->before_ms : 0);
  const DurationMs after = spec_.selector ? spec_.selector->after_ms : 0;
  const DurationMs step_ms = spec_.shift.reference_step(axis_);
  lo_.resize(tile.steps);
  hi_.resize(tile.steps);
  auto [lo, hi] = cursors_[r];
  TimeMs end = spec_.shift.reference(axis_, tile.first_step);
  for (std::size_t k = 0; k < tile.steps; ++k, end += step_ms) {
    while (hi < count && times[hi] <= end + after) ++hi;
    while (lo < hi && times[lo] <= end - range) ++lo;
    lo_[k] = lo;
    hi_[k] = hi;
  }
  cursors_[r] = {.lo = lo, .hi = hi};
}

Result<void> WindowOp::fill_row(QueryContext& context, std::size_t row, std::size_t r, Tile& tile) {
  const model::SampleColumns& columns = columns_[r];
  if (columns.size() == 0) return {};
  slide(columns, r, tile);
  std::uint64_t seen = 0;
  std::uint32_t largest = 0;
  for (std::size_t k = 0; k < tile.steps; ++k) {
    const std::uint32_t size = hi_[k] - lo_[k];
    seen += size;
    largest = std::max(largest, size);
  }
  context.samples_total += seen;
  if (has_factors()) NX_TRY(check_factors(tile));
  if (largest > context.samples_max) NX_TRY(context.check_room(largest));
  held_[r].largest = std::max<std::uint64_t>(held_[r].largest, largest);
  held_[r].last = hi_[tile.steps - 1] - lo_[tile.steps - 1];
  const auto scalar = [&](std::size_t i) {
    return i < scalars_.size() ? scalars_[i] + tile.first_step : nullptr;
  };
  const WindowArgs args{.times = columns.times.data(),
                        .values = columns.values.data(),
                        .lo = lo_.data(),
                        .hi = hi_.data(),
                        .steps = tile.steps,
                        .first_end = spec_.shift.reference(axis_, tile.first_step),
                        .end_step = spec_.shift.reference_step(axis_),
                        .first_eval = axis_.at(tile.first_step),
                        .eval_step = axis_.step,
                        .range_ms = range_ms(),
                        .range_seconds = seconds_of(spec_.range_ns),
                        .a = scalar(0),
                        .b = scalar(1),
                        .scratch = &scratch_,
                        .stop = &context.stop.token};
  if (seen <= kKernelSamplesMax) {
    spec_.function->kernel(args, tile.row_values(r), tile.row_bits(r));
  } else {
    NX_TRY(run_in_parts(context, args, tile.row_values(r), tile.row_bits(r)));
  }
  if (seen > kUnaskedSamplesMax) NX_TRY(context.stop.check());
  const bool has_result = any_bit(tile.row_bits(r), tile.words());
  held_[r].results += count_bits(tile.row_bits(r), tile.words());
  if (has_result && spec_.function->wants_counter) note_counter(context, row);
  if (has_result && spec_.function->takes_quantile) note_quantiles(context, tile, r);
  return {};
}

// Windows of very many samples: a few steps at a time, so that the query can be stopped.
Result<void> WindowOp::run_in_parts(QueryContext& context, const WindowArgs& args, double* out,
                                    std::uint64_t* bits) const {
  for (std::size_t k = 0; k < args.steps;) {
    std::size_t steps = 1;
    std::uint64_t samples = args.size(k);
    while (k + steps < args.steps && samples + args.size(k + steps) <= kKernelSamplesMax) {
      samples += args.size(k + steps++);
    }
    WindowArgs part = args;
    part.lo += k;
    part.hi += k;
    part.steps = steps;
    part.first_end = args.end(k);
    part.first_eval = args.eval(k);
    if (args.a != nullptr) part.a += k;
    if (args.b != nullptr) part.b += k;
    std::array<std::uint64_t, words_for(kTileSteps)> present{};
    spec_.function->kernel(part, out + k, present.data());
    for_each_bit(present.data(), words_for(steps), [&](std::size_t i) { set_bit(bits, k + i); });
    k += steps;
    NX_TRY(context.stop.check());
  }
  return {};
}

// Quantiles out of bounds, at steps that have a window.
void WindowOp::note_quantiles(QueryContext& context, const Tile& tile, std::size_t r) {
  for_each_bit(tile.row_bits(r), tile.words(), [&](std::size_t k) {
    const double q = scalars_[0][tile.first_step + k];
    if (std::isnan(q) || q < 0 || q > 1) context.notes.invalid_quantile(spec_.quantile_position, q);
  });
}

void WindowOp::note_counter(QueryContext& context, std::size_t row) {
  const std::uint32_t id = name_ids_[row];
  if (id == 0) return;
  if (names_seen_.size() <= id) names_seen_.resize(id + 1U, 0);
  if (std::exchange(names_seen_[id], std::uint8_t{1}) != 0) return;
  const model::Labels labels = set_ ? set_->labels(row) : source_rows_.labels(row);
  const std::string_view name = labels.get(model::kMetricName);
  if (!has_counter_suffix(name)) {
    context.notes.possible_non_counter(spec_.argument_position, name);
  }
}

}  // namespace narthex::query
