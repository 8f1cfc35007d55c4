// One function per kind of node, recursion over the tree.
#include "tests/support/naive_evaluator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/str.h"

namespace narthex::test {
namespace {

using model::DurationMs;
using model::Labels;
using model::LabelsBuilder;
using model::SampleColumns;
using model::TimeMs;
using query::Expr;
using query::Token;

/// The samples of each series in a window.
struct Window {
  std::vector<std::pair<Labels, SampleColumns>> series;
  TimeMs start = 0;  // open
  TimeMs end = 0;    // closed
  DurationMs range() const { return end - start; }
};

Error fail(std::string message) {
  return Error(Code::kExecution, std::move(message));
}

Labels without_name(const Labels& labels) {
  LabelsBuilder builder(labels);
  return builder.remove(model::kMetricName).build();
}

DurationMs milliseconds(const query::DurationSpec& spec) {
  return spec.ns / 1'000'000;
}

double arithmetic(Token op, double a, double b) {
  switch (static_cast<int>(op)) {
    case static_cast<int>(Token::kAdd):
      return a + b;
    case static_cast<int>(Token::kSub):
      return a - b;
    case static_cast<int>(Token::kMul):
      return a * b;
    case static_cast<int>(Token::kDiv):
      return a / b;
    case static_cast<int>(Token::kMod):
      return std::fmod(a, b);
    case static_cast<int>(Token::kPow):
      return std::pow(a, b);
    default:
      return std::atan2(a, b);
  }
}

bool compare(Token op, double a, double b) {
  switch (static_cast<int>(op)) {
    case static_cast<int>(Token::kEqlc):
      return a == b;
    case static_cast<int>(Token::kNeq):
      return a != b;
    case static_cast<int>(Token::kLte):
      return a <= b;
    case static_cast<int>(Token::kLss):
      return a < b;
    case static_cast<int>(Token::kGte):
      return a >= b;
    default:
      return a > b;
  }
}

double quantile(double phi, std::vector<double> values) {
  if (values.empty() || std::isnan(phi)) return std::numeric_limits<double>::quiet_NaN();
  if (phi < 0) return -std::numeric_limits<double>::infinity();
  if (phi > 1) return std::numeric_limits<double>::infinity();
  std::ranges::sort(values,
                    [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = phi * (static_cast<double>(values.size()) - 1);
  const auto low = static_cast<std::size_t>(std::max(0.0, std::floor(rank)));
  const std::size_t high = std::min(values.size() - 1, low + 1);
  const double weight = rank - std::floor(rank);
  return values[low] * (1 - weight) + values[high] * weight;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double variance(const std::vector<double>& values) {
  const double m = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - m) * (v - m);
  return sum / static_cast<double>(values.size());
}

double extreme(const std::vector<double>& values, bool smallest) {
  double best = values.front();
  for (const double v : values) {
    if (std::isnan(best) || (smallest ? v < best : v > best)) best = v;
  }
  return best;
}

// rate, increase, delta: the extrapolation of upstream's promql/functions.go, extrapolatedRate
// (v3.14.0).
std::optional<double> extrapolated(const SampleColumns& s, const Window& w, bool counter,
                                   bool per_second) {
  const std::size_t n = s.size();
  if (n < 2) return std::nullopt;
  double result = s.values.back() - s.values.front();
  if (counter) {
    for (std::size_t i = 1; i < n; ++i) {
      if (s.values[i] < s.values[i - 1]) result += s.values[i - 1];
    }
  }
  const double sampled = static_cast<double>(s.times.back() - s.times.front()) / 1000;
  const double average = sampled / static_cast<double>(n - 1);
  double to_start = static_cast<double>(s.times.front() - w.start) / 1000;
  double to_end = static_cast<double>(w.end - s.times.back()) / 1000;
  const double threshold = average * 1.1;
  if (to_start >= threshold) to_start = average / 2;
  if (counter && result > 0 && s.values.front() >= 0) {
    to_start = std::min(to_start, sampled * (s.values.front() / result));
  }
  if (to_end >= threshold) to_end = average / 2;
  result *= (sampled + to_start + to_end) / sampled;
  return per_second ? result / (static_cast<double>(w.range()) / 1000) : result;
}

std::optional<double> instant_change(const SampleColumns& s, bool rate) {
  const std::size_t n = s.size();
  if (n < 2) return std::nullopt;
  const bool reset = rate && s.values[n - 1] < s.values[n - 2];
  const double change = reset ? s.values[n - 1] : s.values[n - 1] - s.values[n - 2];
  return rate ? change / (static_cast<double>(s.times[n - 1] - s.times[n - 2]) / 1000) : change;
}

double count_steps(const SampleColumns& s, bool drops_only) {
  double count = 0;
  for (std::size_t i = 1; i < s.size(); ++i) {
    const double a = s.values[i - 1];
    const double b = s.values[i];
    count += drops_only ? (b < a ? 1 : 0) : (a != b && !(std::isnan(a) && std::isnan(b)) ? 1 : 0);
  }
  return count;
}

/// Evaluates at one time.
class Evaluator {
 public:
  Evaluator(model::Queryable& store, const NaiveOptions& options)
      : store_(store), options_(options) {}

  Result<NaiveValue> eval(const Expr& expr, TimeMs t) {
    if (const auto* number = expr.as<query::NumberLiteral>()) return number->value;
    if (expr.as<query::ParenNode>() != nullptr) return eval(*expr.children[0], t);
    if (const auto* selector = expr.as<query::VectorSelector>()) return instant(*selector, t);
    if (const auto* unary = expr.as<query::UnaryNode>()) return eval_unary(*unary, expr, t);
    if (const auto* binary = expr.as<query::BinaryNode>()) return eval_binary(*binary, expr, t);
    if (const auto* aggregate = expr.as<query::AggregateNode>())
      return eval_aggregate(*aggregate, expr, t);
    if (const auto* call = expr.as<query::CallNode>()) return eval_call(*call, expr, t);
    return fail("naive: unknown kind of expression");
  }

 private:
  TimeMs shifted(const query::TimeModifiers& time, TimeMs t) const {
    if (time.at) t = *time.at;
    if (time.at_edge == Token::kStart) t = options_.query_start;
    if (time.at_edge == Token::kEnd) t = options_.query_end;
    return t - milliseconds(time.offset);
  }

  Result<std::vector<std::pair<Labels, SampleColumns>>> fetch(const query::VectorSelector& selector,
                                                              TimeMs from, TimeMs to) {
    NX_TRY_ASSIGN(const auto querier, store_.querier({from, to}));
    NX_TRY_ASSIGN(const auto set, querier->select(selector.matchers, {.range = {from, to}}));
    std::vector<std::pair<Labels, SampleColumns>> out;
    for (std::size_t i = 0; i < set->size(); ++i) {
      SampleColumns columns;
      NX_TRY(set->read(i, {from, to}, columns));
      if (columns.size() > 0) out.emplace_back(set->labels(i), std::move(columns));
    }
    return out;
  }

  Result<NaiveValue> instant(const query::VectorSelector& selector, TimeMs t) {
    const TimeMs at = shifted(selector.time, t);
    NX_TRY_ASSIGN(const auto series, fetch(selector, at - options_.lookback + 1, at));
    NaiveVector out;
    for (const auto& [labels, columns] : series) {
      if (!model::is_stale(columns.values.back())) out.emplace_back(labels, columns.values.back());
    }
    return out;
  }

  Result<Window> window(const Expr& expr, TimeMs t) {
    Window out;
    if (const auto* matrix = expr.as<query::MatrixSelector>()) {
      out.end = shifted(matrix->selector.time, t);
      out.start = out.end - milliseconds(matrix->range);
      NX_TRY_ASSIGN(auto series, fetch(matrix->selector, out.start + 1, out.end));
      for (auto& [labels, columns] : series) {
        SampleColumns kept;
        for (std::size_t i = 0; i < columns.size(); ++i) {
          if (!model::is_stale(columns.values[i])) kept.push(columns.times[i], columns.values[i]);
        }
        if (kept.size() > 0) out.series.emplace_back(labels, std::move(kept));
      }
      return out;
    }
    const auto* subquery = expr.as<query::SubqueryNode>();
    if (subquery == nullptr) return fail("naive: not a range");
    out.end = shifted(subquery->time, t);
    out.start = out.end - milliseconds(subquery->range);
    const DurationMs step =
        subquery->step.set() ? milliseconds(subquery->step) : options_.subquery_step;
    std::map<std::string, std::pair<Labels, SampleColumns>> rows;
    TimeMs at = out.start - ((out.start % step) + step) % step;
    for (; at <= out.end; at += step) {
      if (at <= out.start) continue;
      NX_TRY_ASSIGN(const NaiveValue value, eval(*expr.children[0], at));
      for (const auto& [labels, v] : std::get<NaiveVector>(value)) {
        auto& row = rows[labels.data()];
        row.first = labels;
        row.second.push(at, v);
      }
    }
    for (auto& [key, row] : rows) out.series.push_back(std::move(row));
    return out;
  }

  Result<NaiveValue> eval_unary(const query::UnaryNode& unary, const Expr& expr, TimeMs t) {
    NX_TRY_ASSIGN(NaiveValue value, eval(*expr.children[0], t));
    if (unary.op != Token::kSub) return value;
    if (auto* number = std::get_if<double>(&value)) return -*number;
    NaiveVector out;
    for (const auto& [labels, v] : std::get<NaiveVector>(value))
      out.emplace_back(without_name(labels), -v);
    return unique(std::move(out));
  }

  static Result<NaiveValue> unique(NaiveVector vector) {
    std::set<std::string> seen;
    for (const auto& entry : vector) {
      if (!seen.insert(entry.first.data()).second) {
        return fail("vector cannot contain metrics with the same labelset");
      }
    }
    return vector;
  }

  // ---- binary operators ----

  Result<NaiveValue> eval_binary(const query::BinaryNode& node, const Expr& expr, TimeMs t) {
    NX_TRY_ASSIGN(const NaiveValue left, eval(*expr.children[0], t));
    NX_TRY_ASSIGN(const NaiveValue right, eval(*expr.children[1], t));
    const auto* a = std::get_if<double>(&left);
    const auto* b = std::get_if<double>(&right);
    if (a != nullptr && b != nullptr) {
      return query::is_comparison(node.op) ? (compare(node.op, *a, *b) ? 1.0 : 0.0)
                                           : arithmetic(node.op, *a, *b);
    }
    if (a != nullptr) return vector_scalar(node, std::get<NaiveVector>(right), *a, true);
    if (b != nullptr) return vector_scalar(node, std::get<NaiveVector>(left), *b, false);
    if (query::is_set_operator(node.op)) {
      return set_operation(node, std::get<NaiveVector>(left), std::get<NaiveVector>(right));
    }
    return match(node, std::get<NaiveVector>(left), std::get<NaiveVector>(right));
  }

  static Result<NaiveValue> vector_scalar(const query::BinaryNode& node, const NaiveVector& vector,
                                          double scalar, bool scalar_left) {
    NaiveVector out;
    for (const auto& [labels, v] : vector) {
      const double x = scalar_left ? scalar : v;
      const double y = scalar_left ? v : scalar;
      if (!query::is_comparison(node.op)) {
        out.emplace_back(without_name(labels), arithmetic(node.op, x, y));
      } else if (node.return_bool) {
        out.emplace_back(without_name(labels), compare(node.op, x, y) ? 1 : 0);
      } else if (compare(node.op, x, y)) {
        out.emplace_back(labels, v);
      }
    }
    return unique(std::move(out));
  }

  static std::string signature(const query::VectorMatching& matching, const Labels& labels) {
    LabelsBuilder builder(labels);
    if (matching.on) {
      builder.keep(matching.labels);
    } else {
      for (const std::string& name : matching.labels) builder.remove(name);
      builder.remove(model::kMetricName);
    }
    return builder.build().data();
  }

  static Result<NaiveValue> set_operation(const query::BinaryNode& node, const NaiveVector& left,
                                          const NaiveVector& right) {
    std::set<std::string> in_left;
    std::set<std::string> in_right;
    for (const auto& entry : left) in_left.insert(signature(*node.matching, entry.first));
    for (const auto& entry : right) in_right.insert(signature(*node.matching, entry.first));
    NaiveVector out;
    for (const auto& entry : left) {
      const bool found = in_right.contains(signature(*node.matching, entry.first));
      if (node.op == Token::kOr || found == (node.op == Token::kAnd)) out.push_back(entry);
    }
    if (node.op == Token::kOr) {
      for (const auto& entry : right) {
        if (!in_left.contains(signature(*node.matching, entry.first))) out.push_back(entry);
      }
    }
    return out;
  }

  static Labels result_labels(const query::BinaryNode& node, const Labels& many,
                              const Labels& one) {
    const query::VectorMatching& matching = *node.matching;
    LabelsBuilder builder(many);
    if (!query::is_comparison(node.op) || node.return_bool) builder.remove(model::kMetricName);
    if (matching.cardinality == query::Cardinality::kOneToOne) {
      if (matching.on) {
        builder.keep(matching.labels);
      } else {
        for (const std::string& name : matching.labels) builder.remove(name);
      }
    }
    for (const std::string& name : matching.include) builder.set(name, one.get(name));
    return builder.build();
  }

  static Result<NaiveValue> match(const query::BinaryNode& node, const NaiveVector& left,
                                  const NaiveVector& right) {
    const query::VectorMatching& matching = *node.matching;
    const bool swapped = matching.cardinality == query::Cardinality::kOneToMany;
    const NaiveVector& many = swapped ? right : left;
    const NaiveVector& one = swapped ? left : right;
    if (many.empty() || one.empty()) return NaiveVector{};
    std::map<std::string, const std::pair<Labels, double>*> ones;
    for (const auto& entry : one) {
      if (!ones.emplace(signature(matching, entry.first), &entry).second)
        return fail("duplicate series on one side");
    }
    NaiveVector out;
    std::set<std::string> used;
    std::set<std::string> results;
    for (const auto& entry : many) {
      const std::string key = signature(matching, entry.first);
      const auto found = ones.find(key);
      if (found == ones.end()) continue;
      const double x = swapped ? found->second->second : entry.second;
      const double y = swapped ? entry.second : found->second->second;
      double value = 0;
      bool kept = true;
      if (!query::is_comparison(node.op)) {
        value = arithmetic(node.op, x, y);
      } else {
        const bool holds = compare(node.op, x, y);
        value = node.return_bool ? (holds ? 1 : 0) : x;
        kept = node.return_bool || holds;
      }
      Labels labels = result_labels(node, entry.first, found->second->first);
      const bool one_to_one = matching.cardinality == query::Cardinality::kOneToOne;
      if (one_to_one && !used.insert(key).second) return fail("many-to-many matching");
      if (!one_to_one && !results.insert(labels.data()).second)
        return fail("multiple matches for labels");
      if (kept)
        out.emplace_back(std::move(labels), value);  // a filtered pair has matched all the same
    }
    return unique(std::move(out));
  }

  // ---- aggregation ----

  Result<NaiveValue> eval_aggregate(const query::AggregateNode& node, const Expr& expr, TimeMs t) {
    NX_TRY_ASSIGN(const NaiveValue input, eval(*expr.children[0], t));
    double parameter = 0;
    if (expr.children.size() > 1) {
      NX_TRY_ASSIGN(const NaiveValue value, eval(*expr.children[1], t));
      if (!std::holds_alternative<double>(value)) return fail("naive: parameter is not a number");
      parameter = std::get<double>(value);
    }
    std::map<std::string, std::pair<Labels, NaiveVector>> groups;
    for (const auto& entry : std::get<NaiveVector>(input)) {
      LabelsBuilder builder(entry.first);
      if (node.without) {
        for (const std::string& name : node.grouping) builder.remove(name);
        builder.remove(model::kMetricName);
      } else {
        builder.keep(node.grouping);
      }
      const Labels key = builder.build();
      auto& group = groups[key.data()];
      group.first = key;
      group.second.push_back(entry);
    }
    NaiveVector out;
    for (const auto& [key, group] : groups) {
      if (node.op == Token::kTopk || node.op == Token::kBottomk) {
        rank(node.op == Token::kTopk, parameter, group.second, out);
        continue;
      }
      NX_TRY_ASSIGN(const double value, aggregate(node.op, parameter, group.second));
      out.emplace_back(group.first, value);
    }
    return out;
  }

  static void rank(bool top, double k, const NaiveVector& group, NaiveVector& out) {
    const auto before = [&](std::size_t a, std::size_t b) {
      const double x = group[a].second;
      const double y = group[b].second;
      if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
      return top ? x > y : x < y;
    };
    std::vector<bool> taken(group.size(), false);
    for (double rank = 1; rank <= k && rank <= static_cast<double>(group.size()); ++rank) {
      std::size_t best = group.size();
      for (std::size_t i = 0; i < group.size(); ++i) {
        if (!taken[i] && (best == group.size() || before(i, best))) best = i;
      }
      taken[best] = true;
      out.push_back(group[best]);
    }
  }

  static Result<double> aggregate(Token op, double parameter, const NaiveVector& group) {
    std::vector<double> values;
    for (const auto& entry : group) values.push_back(entry.second);
    switch (static_cast<int>(op)) {
      case static_cast<int>(Token::kSum):
        return mean(values) * static_cast<double>(values.size());
      case static_cast<int>(Token::kAvg):
        return mean(values);
      case static_cast<int>(Token::kCount):
        return static_cast<double>(values.size());
      case static_cast<int>(Token::kGroup):
        return 1.0;
      case static_cast<int>(Token::kMin):
        return extreme(values, true);
      case static_cast<int>(Token::kMax):
        return extreme(values, false);
      case static_cast<int>(Token::kStddev):
        return std::sqrt(variance(values));
      case static_cast<int>(Token::kStdvar):
        return variance(values);
      case static_cast<int>(Token::kQuantile):
        return quantile(parameter, values);
      default:
        return fail("naive: unknown aggregation");
    }
  }

  // ---- functions ----

  Result<NaiveValue> eval_call(const query::CallNode& call, const Expr& expr, TimeMs t) {
    const std::string_view name = call.function->name;
    if (name == "time") return static_cast<double>(t) / 1000;
    if (name == "pi") return 3.141592653589793;
    const bool takes_range = std::ranges::any_of(
        expr.children, [](const auto& child) { return child->type == query::ValueType::kMatrix; });
    if (takes_range) return eval_range_call(name, expr, t);
    if (expr.children.empty()) return fail("naive: unknown function");
    NX_TRY_ASSIGN(const NaiveValue first, eval(*expr.children[0], t));
    if (name == "vector") return NaiveVector{{Labels(), std::get<double>(first)}};
    if (std::holds_alternative<double>(first)) return fail("naive: unknown function");
    const auto& vector = std::get<NaiveVector>(first);
    if (name == "scalar") {
      return vector.size() == 1 ? vector[0].second : std::numeric_limits<double>::quiet_NaN();
    }
    if (name == "sort" || name == "sort_desc") return vector;
    if (name == "absent" && !vector.empty()) return NaiveVector{};
    std::vector<double> arguments;
    for (std::size_t i = 1; i < expr.children.size(); ++i) {
      NX_TRY_ASSIGN(const NaiveValue value, eval(*expr.children[i], t));
      if (!std::holds_alternative<double>(value)) return fail("naive: unknown function");
      arguments.push_back(std::get<double>(value));
    }
    return map(name, vector, arguments);
  }

  static Result<NaiveValue> map(std::string_view name, const NaiveVector& vector,
                                const std::vector<double>& args) {
    std::function<double(double)> f;
    if (name == "abs") f = [](double v) { return std::fabs(v); };
    if (name == "ceil") f = [](double v) { return std::ceil(v); };
    if (name == "floor") f = [](double v) { return std::floor(v); };
    if (name == "sqrt") f = [](double v) { return std::sqrt(v); };
    if (name == "exp") f = [](double v) { return std::exp(v); };
    if (name == "ln") f = [](double v) { return std::log(v); };
    if (name == "sgn") f = [](double v) { return v > 0 ? 1.0 : v < 0 ? -1.0 : v; };
    if (name == "round")
      f = [&](double v) {
        const double inverse = 1 / (args.empty() ? 1 : args[0]);
        return std::floor(v * inverse + 0.5) / inverse;
      };
    if (name == "clamp_min") f = [&](double v) { return std::isnan(v) ? v : std::max(v, args[0]); };
    if (name == "clamp_max") f = [&](double v) { return std::isnan(v) ? v : std::min(v, args[0]); };
    if (!f) return fail("naive: unknown function");
    NaiveVector out;
    for (const auto& [labels, v] : vector) out.emplace_back(without_name(labels), f(v));
    return unique(std::move(out));
  }

  Result<NaiveValue> eval_range_call(std::string_view name, const Expr& expr, TimeMs t) {
    std::vector<double> arguments;
    Window w;
    for (const auto& child : expr.children) {
      if (child->type == query::ValueType::kMatrix) {
        NX_TRY_ASSIGN(w, window(*child, t));
        continue;
      }
      NX_TRY_ASSIGN(const NaiveValue value, eval(*child, t));
      arguments.push_back(std::get<double>(value));
    }
    const bool keeps_name = name == "last_over_time" || name == "first_over_time";
    NaiveVector out;
    for (const auto& [labels, samples] : w.series) {
      NX_TRY_ASSIGN(const std::optional<double> value, over_range(name, samples, w, arguments));
      if (value) out.emplace_back(keeps_name ? labels : without_name(labels), *value);
    }
    return unique(std::move(out));
  }

  static Result<std::optional<double>> over_range(std::string_view name, const SampleColumns& s,
                                                  const Window& w,
                                                  const std::vector<double>& args) {
    const std::vector<double>& v = s.values;
    if (name == "rate") return extrapolated(s, w, true, true);
    if (name == "increase") return extrapolated(s, w, true, false);
    if (name == "delta") return extrapolated(s, w, false, false);
    if (name == "irate") return instant_change(s, true);
    if (name == "idelta") return instant_change(s, false);
    if (name == "sum_over_time") return mean(v) * static_cast<double>(v.size());
    if (name == "avg_over_time") return mean(v);
    if (name == "count_over_time") return static_cast<double>(v.size());
    if (name == "min_over_time") return extreme(v, true);
    if (name == "max_over_time") return extreme(v, false);
    if (name == "stddev_over_time") return std::sqrt(variance(v));
    if (name == "stdvar_over_time") return variance(v);
    if (name == "last_over_time") return v.back();
    if (name == "first_over_time") return v.front();
    if (name == "present_over_time") return 1.0;
    if (name == "quantile_over_time") return quantile(args[0], v);
    if (name == "changes") return count_steps(s, false);
    if (name == "resets") return count_steps(s, true);
    return fail("naive: unknown function");
  }

  model::Queryable& store_;
  const NaiveOptions& options_;
};

}  // namespace

Result<NaiveValue> evaluate_naively(const Expr& expr, model::Queryable& store, TimeMs time,
                                    const NaiveOptions& options) {
  return Evaluator(store, options).eval(expr, time);
}

}  // namespace narthex::test
