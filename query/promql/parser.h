// PromQL text to AST. Grammar and messages: upstream promql/parser at v3.14. Pure and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace narthex::query {

struct Expr;  // query/promql/ast.h
struct Stop;  // query/context.h

/// Deletes without recursion on input size.
struct ExprDelete {
  /// Takes the tree apart from its root by a list of its own; charges nothing, for it cannot be
  /// refused memory.
  void operator()(Expr* expr) const;
};
using ExprPtr = std::unique_ptr<Expr, ExprDelete>;

/// Feature flags that change the grammar; all off by default, as upstream.
struct ParserOptions {
  bool experimental_functions = false;
  bool extended_range_selectors = false;
  bool fill_modifiers = false;
  const Stop* stop = nullptr;  // asked before each pattern, which may take half a second to compile
};

/// Parses and type-checks. kInvalid: `<line>:<col>: parse error: <message>` as upstream words it.
/// Errors of `options.stop` as they are.
Result<ExprPtr> parse_expression(std::string_view text, const ParserOptions& options = {});

/// One vector selector, as `match[]` parameters hold: its matchers, the metric name among them.
Result<model::Matchers> parse_selector(std::string_view text, const ParserOptions& options = {});

/// `name{label="value"}` as a label set, as series lines of test scripts and rule tests hold.
Result<model::Labels> parse_metric(std::string_view text);

/// The one-line form, as upstream's String().
std::string to_string(const Expr& expr);
/// The broken-and-indented form of format_query, as upstream's Pretty().
std::string to_pretty_string(const Expr& expr);

}  // namespace narthex::query
