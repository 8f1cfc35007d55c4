// Durations, invariance, and the labels of absent(): all that can be said of a tree before
// operators exist. Walks are loops over post_order(), children first, because trees are deep.
#include "query/plan/resolve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/str.h"
#include "base/units.h"
#include "model/labels.h"
#include "query/functions/math.h"

namespace narthex::query {
namespace {

Error duration_error(const DurationNode& expr, std::string_view message) {
  return Error(Code::kInvalid, concat(expr.position.start, ":", expr.position.end, ": ", message));
}

double seconds_of(DurationMs ms) {
  return static_cast<double>(ms) / 1000;
}

// `values` are those of the nodes before `node`.
Result<double> evaluate_node(const DurationNode& node, const std::vector<double>& values,
                             const QueryTimes& times) {
  if (node.is_literal()) return node.seconds;
  if (node.op == Token::kStep) return seconds_of(times.step);
  if (node.op == Token::kRange) return seconds_of(model::time_between(times.start, times.end));
  const double right = values[static_cast<std::size_t>(node.right)];
  if (node.left == DurationNode::kNone) return node.op == Token::kSub ? -right : right;
  const double left = values[static_cast<std::size_t>(node.left)];
  if (node.op == Token::kMinOf) return go_min(left, right);
  if (node.op == Token::kMaxOf) return go_max(left, right);
  if (node.op == Token::kDiv && right == 0) return duration_error(node, "division by zero");
  if (node.op == Token::kMod && right == 0) return duration_error(node, "modulo by zero");
  return binary_math(node.op, left, right);
}

Result<double> evaluate(const DurationExpr& expr, const QueryTimes& times) {
  std::vector<double> values;
  values.reserve(expr.size());
  for (const DurationNode& node : expr) {
    NX_TRY_ASSIGN(const double value, evaluate_node(node, values, times));
    values.push_back(value);
  }
  return values.back();
}

// Functions whose result changes with the time of evaluation though their arguments do not.
bool depends_on_time(std::string_view function) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month",
       "predict_linear", "time", "timestamp", "year"});
  return std::ranges::find(kNames, function) != kNames.end();
}

bool call_is_invariant(const Expr& expr, const CallNode& call, const Invariance& known) {
  const auto invariant = [&](const ExprPtr& arg) { return known.at(arg.get()); };
  if (!std::ranges::all_of(expr.children, invariant)) return false;
  const std::string_view name = call.function->name;
  if (name == "timestamp") return unwrap(*expr.children[0]).as<VectorSelector>() != nullptr;
  return !depends_on_time(name);
}

bool is_invariant(const Expr& expr, const Invariance& known) {
  if (const auto* vector = expr.as<VectorSelector>()) return vector->time.has_at();
  if (const auto* matrix = expr.as<MatrixSelector>()) return matrix->selector.time.has_at();
  if (const auto* sub = expr.as<SubqueryNode>()) return sub->time.has_at();
  if (expr.as<AggregateNode>() != nullptr) return known.at(expr.children[0].get());
  if (const auto* call = expr.as<CallNode>()) return call_is_invariant(expr, *call, known);
  return std::ranges::all_of(expr.children,
                             [&](const ExprPtr& child) { return known.at(child.get()); });
}

// Upstream's store reorders the matchers of a selector in place (tsdb.PostingsForMatchers): first
// those that select series, then those that only take some away. absent() meets them in that order.
std::vector<const model::Matcher*> in_store_order(const model::Matchers& matchers) {
  std::set<std::string_view> set_labels;  // which every selected series has
  for (const model::Matcher& matcher : matchers) {
    if (!matcher.matches(std::string_view())) set_labels.insert(matcher.name());
  }
  const auto subtracts = [&](const model::Matcher* matcher) {
    if (!set_labels.contains(matcher->name())) return true;
    const bool negative = matcher->type() == model::MatchType::kNotEqual ||
                          matcher->type() == model::MatchType::kNotRegex;
    return negative && matcher->matches(std::string_view());
  };
  std::vector<const model::Matcher*> order;
  for (const bool turn : {false, true}) {
    for (const model::Matcher& matcher : matchers) {
      if (subtracts(&matcher) == turn) order.push_back(&matcher);
    }
  }
  return order;
}

}  // namespace

Result<std::int64_t> resolve_duration(const DurationSpec& spec, const QueryTimes& times,
                                      bool may_be_negative) {
  if (spec.expr.empty()) return spec.ns;
  NX_TRY_ASSIGN(const double seconds, evaluate(spec.expr, times));
  const DurationNode& root = spec.expr.back();
  constexpr double kSecondsMax = 9223372036.854775808;  // 2^63 ns
  if (!std::isfinite(seconds)) return duration_error(root, "duration is NaN or infinite");
  if (seconds <= 0 && !may_be_negative) {
    return duration_error(root, "duration must be greater than 0");
  }
  if (std::fabs(seconds) >= kSecondsMax) {
    return duration_error(root, "duration is out of range");
  }
  // Milliseconds are what an expression is cut to; only literals have more.
  return static_cast<std::int64_t>(seconds * 1000) * kNsPerMs;
}

// Before anything is planned, node by node as upstream walks, so that of several faults the first
// is told.
Result<void> check_durations(const Expr& root, const QueryTimes& times) {
  std::vector<const Expr*> pending{&root};
  while (!pending.empty()) {
    const Expr& expr = *pending.back();
    pending.pop_back();
    if (const auto* vector = expr.as<VectorSelector>()) {
      NX_TRY(resolve_duration(vector->time.offset, times, true));
    } else if (const auto* matrix = expr.as<MatrixSelector>()) {
      NX_TRY(resolve_duration(matrix->range, times, false));
      NX_TRY(resolve_duration(matrix->selector.time.offset, times, true));
    } else if (const auto* sub = expr.as<SubqueryNode>()) {
      NX_TRY(resolve_duration(sub->time.offset, times, true));
      NX_TRY(resolve_duration(sub->step, times, false));
      NX_TRY(resolve_duration(sub->range, times, false));
    }
    for (auto child = expr.children.rbegin(); child != expr.children.rend(); ++child) {
      pending.push_back(child->get());
    }
  }
  return {};
}

Invariance find_invariant(const Expr& root) {
  Invariance known;
  for (const Expr* expr : post_order(root)) known[expr] = is_invariant(*expr, known);
  return known;
}

const Expr& unwrap(const Expr& expr) {
  const Expr* at = &expr;
  while (at->as<ParenNode>() != nullptr) at = at->children[0].get();
  return *at;
}

model::Labels labels_of_absent(const Expr& argument) {
  const Expr& bare = unwrap(argument);
  const model::Matchers* matchers = nullptr;
  if (const auto* vector = bare.as<VectorSelector>()) matchers = &vector->matchers;
  if (const auto* matrix = bare.as<MatrixSelector>()) matchers = &matrix->selector.matchers;
  if (matchers == nullptr) return {};
  model::LabelsBuilder labels;
  std::set<std::string> seen;
  for (const model::Matcher* matcher : in_store_order(*matchers)) {
    if (matcher->name() == model::kMetricName) continue;
    if (matcher->type() == model::MatchType::kEqual && seen.insert(matcher->name()).second) {
      labels.set(matcher->name(), matcher->value());
    } else {
      labels.remove(matcher->name());
    }
  }
  return labels.build();
}

}  // namespace narthex::query
