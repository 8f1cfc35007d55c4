// Vector matching and arithmetic.
#include "query/ops/binary.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "base/str.h"
#include "query/functions/math.h"

namespace narthex::query {
namespace {

bool changes_meaning(Token op) {
  return op >= Token::kAdd && op <= Token::kAtan2;
}

model::Labels matched_labels(const model::Labels& labels, const VectorMatching& matching) {
  model::LabelsBuilder builder(labels);
  if (matching.on) return builder.keep(matching.labels).build();
  builder.remove("__name__");
  for (const std::string& name : matching.labels) builder.remove(name);
  return builder.build();
}

// Upstream's Labels.String(), which gives the metric name no place of its own.
std::string braced(const model::Labels& labels) {
  std::vector<std::string> shown;
  for (const auto label : labels) {
    const std::string name(label.name);
    shown.push_back(
        concat(model::is_legacy_label_name(name) ? name : quote(name), "=", quote(label.value)));
  }
  return concat("{", join(shown, ", "), "}");
}

// Two rows of one signature with elements at one step; `before` is the first of them.
struct Clash {
  std::size_t step = 0;
  std::size_t row = 0;
  std::size_t before = 0;
};

std::optional<Clash> find_clash(const Table& table, const std::vector<std::uint64_t>& mask,
                                const std::vector<std::size_t>& rows) {
  std::optional<Clash> found;
  for (std::size_t w = 0; w < table.words() && !found; ++w) {
    std::uint64_t seen = 0;
    for (const std::size_t row : rows) {
      const std::uint64_t present = table.row_bits(row)[w] & mask[w];
      const std::uint64_t twice = seen & present;
      seen |= present;
      if (twice == 0) continue;
      const std::size_t step = w * kWordBits + static_cast<std::size_t>(std::countr_zero(twice));
      if (!found || step < found->step) found = {.step = step, .row = row};
    }
  }
  if (!found) return found;
  const auto meets = [&](std::size_t row) { return table.has(row, found->step); };
  found->before = *std::ranges::find_if(rows, meets);
  return found;
}

}  // namespace

std::size_t match_signatures(const Rows& left, const Rows& right, const VectorMatching& matching,
                             std::vector<std::uint32_t>& left_out,
                             std::vector<std::uint32_t>& right_out) {
  std::unordered_map<std::string, std::uint32_t> known;
  const auto number = [&](const Rows& rows, std::vector<std::uint32_t>& out) {
    out.resize(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const model::Labels key = matched_labels(rows.labels(row), matching);
      out[row] =
          known.try_emplace(key.data(), static_cast<std::uint32_t>(known.size())).first->second;
    }
  };
  number(left, left_out);
  number(right, right_out);
  return known.size();
}

// Combines tiles of the many side, as they come, with the whole one side.
class BinaryOp::ManySink final : public TileSink {
 public:
  ManySink(BinaryOp& op, QueryContext& context)
      : op_(op), context_(context), any(op.table_.words()) {}

  Result<void> take(Tile& tile) override {
    const std::size_t first_word = tile.first_step / kWordBits;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t w = 0; w < tile.words(); ++w) any[first_word + w] |= tile.row_bits(r)[w];
    }
    if (failure) return {};
    Result<void> combined = combine(tile);
    if (combined || combined.error().code() != Code::kExecution) return combined;
    failure = std::move(combined).error();
    return {};
  }

 private:
  Result<void> combine(Tile& tile) {
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t row = tile.first_row + r;
      const std::uint32_t signature = op_.many_signatures_[row];
      const std::vector<std::size_t>& ones = op_.one_rows_[signature];
      const Cells many{.values = tile.row_values(r), .bits = tile.row_bits(r)};
      const std::vector<std::size_t>& slots = op_.slots_of_row(context_, row);
      const Span span{.first_step = tile.first_step, .steps = tile.steps};
      for (std::size_t i = 0; i < ones.size(); ++i) {
        NX_TRY(
            op_.combine(context_, many, op_.one_cells(ones[i], span), span, op_.slots_[slots[i]]));
      }
      if (op_.one_fill()) NX_TRY(op_.fill_one(context_, many, span, row));
    }
    return {};
  }

  BinaryOp& op_;
  QueryContext& context_;

 public:
  std::vector<std::uint64_t> any;  // steps at which the many side has an element
  std::optional<Error> failure;    // the first; from then on only `any` is kept up
};

bool BinaryOp::drops_name_now(const QueryContext& context) const {
  return changes_meaning(op_) || (return_bool_ && !context.delayed_name_removal);
}

Result<void> BinaryOp::prepare(QueryContext&) {
  trims_ = op_ == Token::kTrimLower || op_ == Token::kTrimUpper;
  std::vector<std::uint32_t> one_signatures;
  const std::size_t count =
      match_signatures(many().rows(), one().rows(), matching_, many_signatures_, one_signatures);
  signature_count_ = count;
  one_rows_.assign(count, {});
  for (std::size_t row = 0; row < one_signatures.size(); ++row) {
    one_rows_[one_signatures[row]].push_back(row);
  }
  return {};
}

model::Labels BinaryOp::result_labels(QueryContext& context, const model::Labels& many_labels,
                                      const model::Labels& one_labels) const {
  model::LabelsBuilder builder(many_labels);
  if (drops_name_now(context)) {
    builder.remove("__name__").remove("__type__").remove("__unit__");
  }
  if (matching_.cardinality == Cardinality::kOneToOne) {
    if (matching_.on) {
      builder.keep(matching_.labels);
    } else {
      for (const std::string& name : matching_.labels) builder.remove(name);
    }
  }
  for (const std::string& name : matching_.include) {
    builder.set(name, one_labels.get(name));
  }
  return builder.build();
}

std::size_t BinaryOp::slot_for(std::uint32_t signature, model::Labels labels) {
  std::string key(reinterpret_cast<const char*>(&signature), sizeof signature);
  key += labels.data();
  const auto [at, is_new] = slot_of_.try_emplace(std::move(key), slots_.size());
  if (!is_new) return at->second;
  // One-to-one: a signature may match once at a step. Grouped: each of its label sets may.
  const bool one_to_one = matching_.cardinality == Cardinality::kOneToOne;
  const std::size_t touched = one_to_one ? signature : slots_.size();
  if (touched_.size() <= touched) touched_.resize(touched + 1);
  touched_[touched].resize(table_.words());
  slots_.push_back({.row = rows_.size(), .touched = touched, .signature = signature});
  rows_.add(std::move(labels), return_bool_);
  table_.add_row();
  return at->second;
}

const std::vector<std::size_t>& BinaryOp::slots_of_row(QueryContext& context, std::size_t row) {
  std::vector<std::size_t>& slots = slots_of_row_[row];
  if (!slots.empty()) return slots;
  const std::uint32_t signature = many_signatures_[row];
  for (const std::size_t one_row : one_rows_[signature]) {
    const model::Labels& many_labels = many().rows().labels(row);
    slots.push_back(
        slot_for(signature, result_labels(context, many_labels, one().rows().labels(one_row))));
  }
  return slots;
}

BinaryOp::Cells BinaryOp::one_cells(std::size_t row, Span span) const {
  return {.values = one_table_->row_values(row) + span.first_step,
          .bits = one_table_->row_bits(row) + span.first_step / kWordBits};
}

// Steps at which the one side has an element of `signature`.
std::vector<std::uint64_t> BinaryOp::one_presence(std::uint32_t signature, Span span) const {
  std::vector<std::uint64_t> present(words_for(span.steps));
  for (const std::size_t row : one_rows_[signature]) {
    const Cells cells = one_cells(row, span);
    for (std::size_t w = 0; w < present.size(); ++w) present[w] |= cells.bits[w];
  }
  return present;
}

// Where the one side has nothing for `many`, the fill value stands in.
Result<void> BinaryOp::fill_one(QueryContext& context, Cells cells, Span span, std::size_t row) {
  const std::uint32_t signature = many_signatures_[row];
  std::vector<std::uint64_t> missing = one_presence(signature, span);
  for (std::uint64_t& word : missing) word = ~word;
  const std::vector<double> values(span.steps, *one_fill());
  const model::Labels& labels = many().rows().labels(row);
  const std::size_t slot =
      slot_for(signature, result_labels(context, labels, matched_labels(labels, matching_)));
  return combine(context, cells, {.values = values.data(), .bits = missing.data()}, span,
                 slots_[slot]);
}

// Where no element of the many side met an element of the one side, the fill value stands in.
Result<void> BinaryOp::fill_many(QueryContext& context) {
  const Span span{.first_step = 0, .steps = axis_.count};
  std::vector<std::vector<std::uint64_t>> missing(
      signature_count_, std::vector<std::uint64_t>(table_.words(), ~0ULL));
  for (const Slot& slot : slots_) {
    for (std::size_t w = 0; w < table_.words(); ++w) {
      missing[slot.signature][w] &= ~touched_[slot.touched][w];
    }
  }
  const std::vector<double> values(axis_.count, *many_fill());
  for (std::uint32_t signature = 0; signature < signature_count_; ++signature) {
    for (const std::size_t row : one_rows_[signature]) {
      const model::Labels& labels = one().rows().labels(row);
      const std::size_t slot =
          slot_for(signature, result_labels(context, matched_labels(labels, matching_), labels));
      NX_TRY(combine(context, {.values = values.data(), .bits = missing[signature].data()},
                     one_cells(row, span), span, slots_[slot]));
    }
  }
  return {};
}

Error BinaryOp::multiple_matches_error() const {
  if (matching_.cardinality == Cardinality::kOneToOne) {
    return Error(Code::kExecution,
                 "multiple matches for labels: many-to-one matching must be "
                 "explicit (group_left/group_right)");
  }
  return Error(Code::kExecution,
               "multiple matches for labels: grouping labels must ensure unique matches");
}

Result<void> BinaryOp::combine(QueryContext& context, Cells many, Cells one, Span span, Slot slot) {
  const std::size_t first_word = span.first_step / kWordBits;
  const bool filters = is_comparison(op_) && !return_bool_;
  for (std::size_t w = 0; w < words_for(span.steps); ++w) {
    const std::uint64_t both = many.bits[w] & one.bits[w];
    if (both == 0) continue;
    if (trims_) {
      context.notes.incompatible_types(position_, "float", spelling(op_), "float");
      continue;
    }
    std::uint64_t& touched = touched_[slot.touched][first_word + w];
    if ((touched & both) != 0) return multiple_matches_error();
    touched |= both;
    double* out = table_.row_values(slot.row) + span.first_step + w * kWordBits;
    std::uint64_t kept = both;
    for_each_bit(&both, 1, [&](std::size_t bit) {
      const std::size_t k = w * kWordBits + bit;
      const double left = swapped() ? one.values[k] : many.values[k];
      const double right = swapped() ? many.values[k] : one.values[k];
      if (filters) {
        out[bit] = left;
        if (!compare(op_, left, right)) clear_bit(&kept, bit);
      } else {
        out[bit] = binary_math(op_, left, right);
      }
    });
    table_.row_bits(slot.row)[first_word + w] |= kept;
  }
  return {};
}

Error BinaryOp::duplicate_error(std::size_t before, std::size_t row) const {
  const Rows& rows = one().rows();
  const auto [low, high] = std::minmax(rows.labels(row), rows.labels(before));
  return Error(Code::kExecution,
               concat("found duplicate series for the match group ",
                      braced(matched_labels(rows.labels(row), matching_)), " on the ",
                      swapped() ? "left" : "right", " hand-side of the operation: [", braced(low),
                      ", ", braced(high),
                      "];many-to-many matching not allowed: matching labels must be unique on one "
                      "side"));
}

// At a step where both sides have elements, no two elements of the one side may have one signature.
// The earliest clash is reported, as upstream meets it: by step, then by row.
Result<void> BinaryOp::check_one_side(const Table& one_table,
                                      const std::vector<std::uint64_t>& any_many) {
  std::optional<Clash> earliest;
  for (const std::vector<std::size_t>& rows : one_rows_) {
    if (rows.size() < 2) continue;
    const std::optional<Clash> clash = find_clash(one_table, any_many, rows);
    if (!clash) continue;
    const auto order = [](const Clash& c) { return std::pair(c.step, c.row); };
    if (!earliest || order(*clash) < order(*earliest)) earliest = clash;
  }
  if (!earliest) return {};
  return duplicate_error(earliest->before, earliest->row);
}

Result<void> BinaryOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(one_table_, one().materialize(context));
  rows_ = Rows();
  table_ = Table(0, axis_.count);
  slots_of_row_.assign(many_signatures_.size(), {});
  ManySink sink(*this, context);
  // A duplicate on the one side is the more telling error, so it is looked for before any other is
  // returned.
  const Result<void> combined = many().stream(context, sink);
  if (!combined && combined.error().code() != Code::kExecution) return combined;
  if (one_fill() || many_fill()) std::ranges::fill(sink.any, ~0ULL);
  NX_TRY(check_one_side(*one_table_, sink.any));
  NX_TRY(combined);
  if (sink.failure) return *std::move(sink.failure);
  if (many_fill()) NX_TRY(fill_many(context));
  return merge_equal_rows(rows_, table_);
}

Result<void> SetOp::prepare(QueryContext&) {
  signature_count_ = match_signatures(input(0).rows(), input(1).rows(), matching_, left_signatures_,
                                      right_signatures_);
  return {};
}

Result<void> SetOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* left, input(0).materialize(context));
  NX_TRY_ASSIGN(const Table* right, input(1).materialize(context));
  const bool is_or = op_ == Token::kOr;
  const Table& other = is_or ? *left : *right;
  const std::vector<std::uint32_t>& other_signatures = is_or ? left_signatures_ : right_signatures_;
  std::vector<std::uint64_t> present(signature_count_ * other.words());  // steps, by signature
  for (std::size_t row = 0; row < other.rows(); ++row) {
    std::uint64_t* bits = present.data() + other_signatures[row] * other.words();
    for (std::size_t w = 0; w < other.words(); ++w) bits[w] |= other.row_bits(row)[w];
  }
  const auto masked = [&](std::uint64_t bits, std::uint64_t seen) {
    return op_ == Token::kAnd ? bits & seen : bits & ~seen;
  };
  table_ = *left;
  rows_ = input(0).rows();
  const Table& filtered = is_or ? *right : *left;
  const std::vector<std::uint32_t>& signatures = is_or ? right_signatures_ : left_signatures_;
  for (std::size_t row = 0; row < filtered.rows(); ++row) {
    std::size_t target = row;
    if (is_or) {
      target = rows_.size();
      rows_.add(input(1).rows().labels(row), input(1).rows().drops_name(row));
      table_.add_row();
      std::copy_n(filtered.row_values(row), axis_.count, table_.row_values(target));
    }
    const std::uint64_t* seen = present.data() + signatures[row] * filtered.words();
    for (std::size_t w = 0; w < filtered.words(); ++w) {
      table_.row_bits(target)[w] = masked(filtered.row_bits(row)[w], seen[w]);
    }
  }
  return is_or ? merge_equal_rows(rows_, table_) : Result<void>{};
}

}  // namespace narthex::query
