// Kernels that work cell by cell, and new labels: small closures over what planning knows, so that
// the operator (MapOp) needs no case for any function. Patterns of label_replace() are compiled
// here, once for a query.
#include "query/plan/maps.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/regex.h"
#include "base/str.h"
#include "model/labels.h"
#include "query/functions/math.h"

namespace narthex::query {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A step whose bounds cross has no result.
void clamp_row(const MapRow& row, const double* min, const double* max) {
  for_each_bit(row.bits, words_for(row.steps), [&](std::size_t k) {
    const double low = min == nullptr ? -kInfinity : min[k];
    const double high = max == nullptr ? kInfinity : max[k];
    if (high < low) return clear_bit(row.bits, k);
    row.values[k] = go_max(low, go_min(high, row.values[k]));
  });
}

void round_row(const MapRow& row) {
  map_cells(row, [&](std::size_t k, double v) {
    const double inverse = 1.0 / (row.a == nullptr ? 1.0 : row.a[k]);
    return std::floor(v * inverse + 0.5) / inverse;
  });
}

void timestamp_row(const MapRow& row) {
  map_cells(row, [&](std::size_t k, double) {
    return static_cast<double>(row.axis->at(row.first_step + k)) / 1000;
  });
}

void filter_row(const MapRow& row, Token op, bool swapped) {
  for_each_bit(row.bits, words_for(row.steps), [&](std::size_t k) {
    const double left = swapped ? row.a[k] : row.values[k];
    const double right = swapped ? row.values[k] : row.a[k];
    if (!compare(op, left, right)) clear_bit(row.bits, k);
  });
}

void arithmetic_row(const MapRow& row, Token op, bool swapped) {
  map_cells(row, [&](std::size_t k, double v) {
    return swapped ? binary_math(op, row.a[k], v) : binary_math(op, v, row.a[k]);
  });
}

}  // namespace

std::optional<MapKernel> function_map(std::string_view name) {
  if (const UnaryMath f = find_unary_math(name)) {
    return [f](const MapRow& row) { map_cells(row, [f](std::size_t, double v) { return f(v); }); };
  }
  if (name == "round") return round_row;
  if (name == "timestamp") return timestamp_row;
  if (name == "clamp") return [](const MapRow& row) { clamp_row(row, row.a, row.b); };
  if (name == "clamp_min") return [](const MapRow& row) { clamp_row(row, row.a, nullptr); };
  if (name == "clamp_max") return [](const MapRow& row) { clamp_row(row, nullptr, row.a); };
  return std::nullopt;
}

MapKernel vector_scalar_map(QueryContext& context, const BinaryNode& node, Position position,
                            bool swapped) {
  const Token op = node.op;
  if (op == Token::kTrimLower || op == Token::kTrimUpper) {
    return [&context, op, position](const MapRow& row) {
      const std::size_t words = words_for(row.steps);
      if (!any_bit(row.bits, words)) return;
      context.notes.incompatible_types(position, "float", spelling(op), "float");
      std::fill_n(row.bits, words, 0);
    };
  }
  if (is_comparison(op) && !node.return_bool) {
    return [op, swapped](const MapRow& row) { filter_row(row, op, swapped); };
  }
  return [op, swapped](const MapRow& row) { arithmetic_row(row, op, swapped); };
}

Result<Relabel> label_replace_map(const std::vector<std::string>& args) {
  const std::string& target = args[0];
  Result<Regex> regex = Regex::anchored(args[3]);
  if (!regex) {
    return Error(Code::kExecution,
                 concat("invalid regular expression in label_replace(): ", args[3]));
  }
  if (!model::is_valid_name(target)) {
    return Error(Code::kExecution,
                 concat("invalid destination label name in label_replace(): ", target));
  }
  return [target, replacement = args[1], source = args[2], matcher = *std::move(regex)](
             const model::Labels& labels) -> Result<std::optional<model::Labels>> {
    std::string value;
    NX_TRY_ASSIGN(const bool matched, matcher.expand(labels.get(source), replacement,
                                                     model::LabelLimits().text_bytes, value));
    if (!matched) return std::nullopt;
    return model::LabelsBuilder(labels).set(target, value).build_within();
  };
}

Result<Relabel> label_join_map(const std::vector<std::string>& args) {
  const std::string& target = args[0];
  const std::vector<std::string> sources(args.begin() + 2, args.end());
  for (const std::string& source : sources) {
    if (model::is_valid_name(source)) continue;
    return Error(Code::kExecution, concat("invalid source label name in label_join(): ", source));
  }
  if (!model::is_valid_name(target)) {
    return Error(Code::kExecution,
                 concat("invalid destination label name in label_join(): ", target));
  }
  return [target, separator = args[1],
          sources](const model::Labels& labels) -> Result<std::optional<model::Labels>> {
    std::vector<std::string> values;
    for (const std::string& source : sources) values.emplace_back(labels.get(source));
    return model::LabelsBuilder(labels).set(target, join(values, separator)).build_within();
  };
}

InfoSpec info_spec(const VectorSelector* selector) {
  InfoSpec spec;
  for (const model::Matcher& matcher :
       selector == nullptr ? model::Matchers{} : selector->matchers) {
    if (matcher.name() == model::kMetricName) {
      spec.name_matchers.push_back(matcher);
    } else {
      spec.data_matchers[matcher.name()].push_back(matcher);
      spec.selector.matchers.push_back(matcher);
    }
  }
  const auto is_positive = [](const model::Matcher& m) {
    return m.type() == model::MatchType::kEqual || m.type() == model::MatchType::kRegex;
  };
  if (spec.name_matchers.empty()) {
    spec.name_matchers.push_back(
        model::Matcher::equal(std::string(model::kMetricName), "target_info"));
  } else if (std::ranges::none_of(spec.name_matchers, is_positive)) {
    // Exclusions alone would select everything; upstream then means metrics that end in _info.
    const auto info = model::Matcher::create(model::MatchType::kRegex,
                                             std::string(model::kMetricName), ".+_info");
    spec.name_matchers.insert(spec.name_matchers.begin(), *info);
  }
  for (const model::Matcher& matcher : spec.name_matchers)
    spec.selector.matchers.push_back(matcher);
  return spec;
}

}  // namespace narthex::query
