// The invariant of the PromQL fuzzer, shared with the unit suite that replays its corpus: any bytes
// are a query or an error; a query's printed form parses again and prints the same; its tree is
// JSON; and evaluating it ends, with a result or an error, within its limits.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/parse.hpp>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "model/sample.h"
#include "query/engine.h"
#include "query/promql/ast.h"
#include "query/promql/parser.h"
#include "tests/support/memory_store.h"
#include "web/api/ast_json.h"

namespace narthex::fuzz {

inline constexpr query::ParserOptions kAllOfPromql{
    .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};

/// Durations below a millisecond are printed as upstream prints them, which loses them.
inline bool has_whole_durations(const query::Expr& root) {
  const auto whole = [](const query::DurationSpec& spec) {
    return !spec.expr.empty() || spec.ns % 1'000'000 == 0;
  };
  for (const query::Expr* expr : query::post_order(root)) {
    if (const auto* v = expr->as<query::VectorSelector>(); v && !whole(v->time.offset)) {
      return false;
    }
    if (const auto* m = expr->as<query::MatrixSelector>()) {
      if (!whole(m->range) || !whole(m->selector.time.offset)) return false;
    }
    if (const auto* s = expr->as<query::SubqueryNode>()) {
      if (!whole(s->range) || !whole(s->step) || !whole(s->time.offset)) return false;
    }
  }
  return true;
}

/// Upstream prints the literal Inf with a sign, and reads that as a sign of its own where the
/// literal is the base of a power: each time that is printed again there is one more.
inline std::string without_signs_of_inf(std::string text) {
  for (std::size_t at = text.find("+Inf"); at != std::string::npos; at = text.find("+Inf")) {
    text.erase(at, 1);
  }
  return text;
}

inline void check_printing(const query::Expr& expr) {
  const std::string printed = query::to_string(expr);
  const auto again = query::parse_expression(printed, kAllOfPromql);
  NX_CHECK(again.has_value());
  NX_CHECK(without_signs_of_inf(query::to_string(**again)) == without_signs_of_inf(printed));
  NX_CHECK(query::parse_expression(query::to_pretty_string(expr), kAllOfPromql).has_value());
}

inline void check_tree(const query::Expr& expr) {
  std::string json;
  web::append_ast_json(json, expr);
  boost::json::parse_options options;
  options.max_depth = 100'000;
  boost::system::error_code failed;
  boost::json::parse(json, failed, {}, options);
  NX_CHECK(!failed);
}

inline void check_evaluation(std::string_view text) {
  static const SystemClock clock;
  static Metrics metrics;
  static query::Engine engine({.timeout_ms = 100,
                               .samples_max = 100'000,
                               .query_memory_max = std::size_t{64} << 20,
                               .parser = kAllOfPromql},
                              clock, metrics);
  static test::MemoryStore store = [] {
    test::MemoryStore out;
    for (int i = 0; i < 60; ++i) {
      for (int s = 0; s < 6; ++s) {
        const double value = i % 13 == 5 ? model::stale_nan() : s * i - 20.5;
        out.add({{"__name__", s < 4 ? "a" : "b"}, {"job", concat(s % 2)}, {"le", concat(s)}},
                i * 1000, value);
      }
    }
    return out;
  }();
  const std::string expression(text);
  for (const query::DurationMs step : {query::DurationMs{0}, query::DurationMs{7000}}) {
    const auto result = engine.run(
        store,
        {.expression = expression, .start = step == 0 ? 50'000 : 0, .end = 50'000, .step = step});
    NX_CHECK(result.has_value() || !result.error().message().empty());
  }
}

inline void check_promql(std::string_view text) {
  const auto parsed = query::parse_expression(text, kAllOfPromql);
  if (!parsed) {
    NX_CHECK(!parsed.error().message().empty());
    return;
  }
  if (has_whole_durations(**parsed)) check_printing(**parsed);
  check_tree(**parsed);
  check_evaluation(text);
}

}  // namespace narthex::fuzz
