// Vector matching and arithmetic.
//
// The problem: upstream joins two vectors anew at every step, by hashing the matching labels of
// every element. Over thousands of steps that is nearly all the time a query takes, though labels
// of series never change.
//
// The idea: settle everything that depends on labels once (prepare()). Rows of both sides get the
// number of their signature, equal numbers match. Then a step is nothing but a bit: two rows meet
// at the steps at which both have their presence bit set, 64 steps at a time, and the arithmetic
// runs over those.
//
// The many side streams by in tiles; the one side is a whole table. A result row (Slot) is made
// when a pair first meets, so that rows come in the order in which upstream would first produce
// them, and is found again by signature and labels, for several pairs may make the same result row
// at different steps.
//
// Errors are where the order matters. Upstream stops at the first step at which something is wrong,
// and within a step checks duplicates on the one side, then several matches, then equal results.
// Here pairs are combined in another order, so nothing is an error at once: the first step of each
// kind is noted and judged at the end (check_matches()). What was computed past that step is never
// looked at.
//
// Fill values stand in for missing elements, after all pairs have met, which is when it is known
// what is missing.
//
// Memory: one table for the one side, one for the result, and two bitmaps (presence, touched) for
// each result row.
#include "query/ops/binary.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "base/str.h"
#include "model/labels.h"
#include "query/functions/math.h"

namespace narthex::query {
namespace {

bool changes_meaning(Token op) {
  return op >= Token::kAdd && op <= Token::kAtan2;
}

model::Labels matched_labels(const model::Labels& labels, const VectorMatching& matching) {
  model::LabelsBuilder builder(labels);
  if (matching.on) return builder.keep(matching.labels).build();
  builder.remove(model::kMetricName);
  for (const std::string& name : matching.labels) builder.remove(name);
  return builder.build();
}

}  // namespace

Result<std::size_t> match_signatures(const SignatureSides& sides, const VectorMatching& matching,
                                     std::vector<std::uint32_t>& left_out,
                                     std::vector<std::uint32_t>& right_out, const Stop& stop) {
  std::unordered_map<std::string, std::uint32_t> known;
  Pacer pacer(stop);
  const auto number = [&](const Rows& rows, std::vector<std::uint32_t>& out) -> Result<void> {
    NX_TRY(rows.build(stop));
    out.resize(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      NX_TRY(pacer.tick(cost_of_bytes(rows.labels(row).data().size())));
      const model::Labels key = matched_labels(rows.labels(row), matching);
      out[row] =
          known.try_emplace(key.data(), static_cast<std::uint32_t>(known.size())).first->second;
    }
    return {};
  };
  NX_TRY(number(sides.left, left_out));
  NX_TRY(number(sides.right, right_out));
  return known.size();
}

// Combines tiles of the many side, as they come, with the whole one side.
class BinaryOp::ManySink final : public TileSink {
 public:
  ManySink(BinaryOp& op, QueryContext& context)
      : any(op.table_.words()), op_(op), context_(context) {}

  Result<void> take(Tile& tile) override {
    const std::size_t first_word = tile.first_step / kWordBits;
    for (std::size_t r = 0; r < tile.rows; ++r) {
      for (std::size_t w = 0; w < tile.words(); ++w) any[first_word + w] |= tile.row_bits(r)[w];
    }
    const Span span{.first_step = tile.first_step, .steps = tile.steps};
    for (std::size_t r = 0; r < tile.rows; ++r) {
      const std::size_t row = tile.first_row + r;
      const std::uint32_t signature = op_.many_signatures_[row];
      const std::vector<std::size_t>& ones = op_.one_rows_[signature];
      const Cells many{.values = tile.row_values(r), .bits = tile.row_bits(r)};
      for (std::size_t i = 0; i < ones.size(); ++i) {
        const Cells one = op_.one_cells(ones[i], span);
        if (!meet(many, one, span)) continue;
        op_.combine(context_, many, one, span, op_.slots_[op_.slot_of_pair(context_, row, i)]);
      }
      if (op_.one_fill()) op_.fill_one(context_, many, span, row);
    }
    return {};
  }

  std::vector<std::uint64_t> any;  // steps at which the many side has an element

 private:
  BinaryOp& op_;
  QueryContext& context_;
};

// Whether both have an element at one step.
bool BinaryOp::meet(Cells many, Cells one, Span span) {
  for (std::size_t w = 0; w < words_for(span.steps); ++w) {
    if ((many.bits[w] & one.bits[w]) != 0) return true;
  }
  return false;
}

bool BinaryOp::drops_name_now(const QueryContext& context) const {
  return changes_meaning(op_) || (return_bool_ && !context.delayed_name_removal);
}

Result<void> BinaryOp::prepare(QueryContext& context) {
  trims_ = op_ == Token::kTrimLower || op_ == Token::kTrimUpper;
  std::vector<std::uint32_t> one_signatures;
  NX_TRY_ASSIGN(const std::size_t count,
                match_signatures({many().rows(), one().rows()}, matching_, many_signatures_,
                                 one_signatures, context.stop));
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
    builder.remove(model::kMetricName).remove("__type__").remove("__unit__");
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

// The slot of many-side row `row` and the `i`th one-side row of its signature. Made when the two
// first meet, so that results come in the order of the elements that make them.
std::size_t BinaryOp::slot_of_pair(QueryContext& context, std::size_t row, std::size_t i) {
  const std::uint32_t signature = many_signatures_[row];
  const std::vector<std::size_t>& ones = one_rows_[signature];
  std::vector<std::size_t>& slots = slots_of_row_[row];
  slots.resize(ones.size(), kNoSlot);
  if (slots[i] == kNoSlot) {
    slots[i] = slot_for(
        signature, result_labels(context, many().rows().labels(row), one().rows().labels(ones[i])));
  }
  return slots[i];
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
void BinaryOp::fill_one(QueryContext& context, Cells cells, Span span, std::size_t row) {
  const std::uint32_t signature = many_signatures_[row];
  std::vector<std::uint64_t> missing = one_presence(signature, span);
  for (std::uint64_t& word : missing) word = ~word;
  const std::vector<double> values(span.steps, *one_fill());
  const Cells fill{.values = values.data(), .bits = missing.data()};
  if (!meet(cells, fill, span)) return;
  const model::Labels& labels = many().rows().labels(row);
  const std::size_t slot =
      slot_for(signature, result_labels(context, labels, matched_labels(labels, matching_)));
  combine(context, cells, fill, span, slots_[slot]);
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
    NX_TRY(context.stop.check());
    const Cells fill{.values = values.data(), .bits = missing[signature].data()};
    for (const std::size_t row : one_rows_[signature]) {
      if (!meet(fill, one_cells(row, span), span)) continue;
      const model::Labels& labels = one().rows().labels(row);
      const std::size_t slot =
          slot_for(signature, result_labels(context, matched_labels(labels, matching_), labels));
      combine(context, fill, one_cells(row, span), span, slots_[slot]);
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

// Several matches at one step are noted, and what is computed from them is never looked at.
void BinaryOp::combine(QueryContext& context, Cells many, Cells one, Span span, Slot slot) {
  const std::size_t first_word = span.first_step / kWordBits;
  const bool filters = is_comparison(op_) && !return_bool_;
  for (std::size_t w = 0; w < words_for(span.steps); ++w) {
    const std::uint64_t both = many.bits[w] & one.bits[w];
    if (both == 0) continue;
    // The operators </ and >/ are defined for native histograms only: floats give a note and no
    // result.
    if (trims_) {
      context.notes.incompatible_types(position_, "float", spelling(op_), "float");
      continue;
    }
    std::uint64_t& touched = touched_[slot.touched][first_word + w];
    if ((touched & both) != 0) {
      const std::uint64_t twice = touched & both;
      const std::size_t bit = static_cast<std::size_t>(std::countr_zero(twice));
      second_match_ = std::min(second_match_, span.first_step + w * kWordBits + bit);
    }
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
}

Error BinaryOp::duplicate_error(std::size_t before, std::size_t row) const {
  const Rows& rows = one().rows();
  const auto [low, high] = std::minmax(rows.labels(row), rows.labels(before));
  return Error(Code::kExecution,
               concat("found duplicate series for the match group ",
                      model::to_braced_string(matched_labels(rows.labels(row), matching_)),
                      " on the ", swapped() ? "left" : "right", " hand-side of the operation: [",
                      model::to_braced_string(low), ", ", model::to_braced_string(high),
                      "];many-to-many matching not allowed: matching labels must be unique on one "
                      "side"));
}

// At the steps of `mask`.
std::optional<BinaryOp::Clash> BinaryOp::find_clash(const Table& table,
                                                    const std::vector<std::uint64_t>& mask,
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

// At a step where both sides have elements, no two elements of the one side may have one signature.
// The earliest clash is reported, as upstream meets it: by step, then by row.
std::optional<BinaryOp::Clash> BinaryOp::one_side_clash(
    const std::vector<std::uint64_t>& any_many) const {
  std::optional<Clash> earliest;
  for (const std::vector<std::size_t>& rows : one_rows_) {
    if (rows.size() < 2) continue;
    const std::optional<Clash> clash = find_clash(*one_table_, any_many, rows);
    if (!clash) continue;
    const auto order = [](const Clash& c) { return std::pair(c.step, c.row); };
    if (!earliest || order(*clash) < order(*earliest)) earliest = clash;
  }
  return earliest;
}

// Upstream goes step by step: the earliest step at which anything is wrong decides, and in it
// duplicates on the one side come before several matches, and these before equal results.
Result<void> BinaryOp::check_matches(const std::vector<std::uint64_t>& any_many) const {
  const std::optional<Clash> clash = one_side_clash(any_many);
  const std::size_t clash_step = clash ? clash->step : kNoStep;
  if (clash_step == kNoStep && second_match_ == kNoStep) return {};
  const std::optional<std::size_t> shared = earliest_shared_step(rows_, table_);
  if (shared && *shared < std::min(clash_step, second_match_)) return same_labelset_error();
  if (clash_step <= second_match_) return duplicate_error(clash->before, clash->row);
  return multiple_matches_error();
}

Result<void> BinaryOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(one_table_, one().materialize(context));
  rows_ = Rows();
  table_ = Table(0, axis_.count);
  slots_of_row_.assign(many_signatures_.size(), {});
  second_match_ = kNoStep;
  ManySink sink(*this, context);
  NX_TRY(many().stream(context, sink));
  if (many_fill()) NX_TRY(fill_many(context));
  // With a fill value every step counts as one at which the many side has something.
  if (one_fill() || many_fill()) std::ranges::fill(sink.any, ~0ULL);
  NX_TRY(check_matches(sink.any));
  return merge_equal_rows(rows_, table_, context.stop);
}

Result<void> SetOp::prepare(QueryContext& context) {
  NX_TRY_ASSIGN(signature_count_,
                match_signatures({input(0).rows(), input(1).rows()}, matching_, left_signatures_,
                                 right_signatures_, context.stop));
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
  NX_TRY_ASSIGN(table_, left->clone(context.stop));
  rows_ = input(0).rows();
  if (is_or) NX_TRY(rows_.build(context.stop));
  const Table& filtered = is_or ? *right : *left;
  const std::vector<std::uint32_t>& signatures = is_or ? right_signatures_ : left_signatures_;
  Pacer pacer(context.stop);
  for (std::size_t row = 0; row < filtered.rows(); ++row) {
    NX_TRY(pacer.tick(cost_of_bytes(axis_.count)));
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
  return is_or ? merge_equal_rows(rows_, table_, context.stop) : Result<void>{};
}

}  // namespace narthex::query
