// The syntax tree of PromQL: one node type, what is special about a kind in a variant, children in
// one list, so that every walk can be a loop with its own stack: chains of operators make trees
// thousands of levels deep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/matcher.h"
#include "model/time.h"
#include "query/promql/functions.h"
#include "query/promql/parser.h"
#include "query/promql/token.h"

namespace narthex::query {

/// Of a query's text in bytes, and of brackets in brackets, which are what the parser recurses on.
inline constexpr std::size_t kQueryTextBytesMax = 1024 * 1024;  // docs/limits.md
inline constexpr std::size_t kNestingMax = 512;                 // docs/limits.md

/// One node of arithmetic on durations: `step() * 2` has three.
struct DurationNode {
  /// Where there is no operand.
  static constexpr std::int32_t kNone = -1;

  /// kNumber and kDuration are literals; kStep, kRange, kMaxOf, kMinOf; otherwise an arithmetic
  /// operator, unary when `left` is kNone.
  Token op = Token::kNumber;
  double seconds = 0;
  bool wrapped = false;  // in parentheses
  Position position;
  std::int32_t left = kNone;  // index of another node of the same expression
  std::int32_t right = kNone;

  /// A number or a duration as written, such as 5m.
  bool is_literal() const { return op == Token::kNumber || op == Token::kDuration; }
};

/// A whole such expression, children before parents, the last node the root. Flat, so that every
/// walk over it is a loop however long it is. Empty: none.
using DurationExpr = std::vector<DurationNode>;

/// A piece of a duration's text: `text`, then the text of another node if `node` names one.
struct DurationPart {
  std::string text;
  std::int32_t node = DurationNode::kNone;
};

/// The text of the non-empty `expr`, where `parts` gives the pieces of one node in order.
std::string write_duration(
    const DurationExpr& expr,
    const std::function<std::vector<DurationPart>(const DurationNode&)>& parts);

/// A length of time as written: a literal in nanoseconds, or an expression.
struct DurationSpec {
  std::int64_t ns = 0;
  DurationExpr expr;

  bool set() const { return ns != 0 || !expr.empty(); }
};

/// `offset` and `@`, as selectors and subqueries carry them.
struct TimeModifiers {
  DurationSpec offset;
  std::optional<model::TimeMs> at;
  Token at_edge = Token::kEof;  // kStart or kEnd when `@ start()` or `@ end()`

  bool has_at() const { return at.has_value() || at_edge != Token::kEof; }
};

/// 1.5, 0x1F, or a duration such as 5m standing for seconds, printed as it came.
struct NumberLiteral {
  double value = 0;
  bool is_duration = false;
};

/// Decoded; only arguments of functions and whole queries are strings.
struct StringLiteral {
  std::string value;
};

/// A metric with matchers. `name` is among the matchers too, as the last one.
struct VectorSelector {
  std::string name;  // only when written before the braces
  model::Matchers matchers;
  TimeModifiers time;
  bool anchored = false;
  bool smoothed = false;
};

/// A selector with a range in brackets; its modifiers are the selector's.
struct MatrixSelector {
  VectorSelector selector;
  Position selector_position;
  DurationSpec range;
};

/// [range:step] behind any instant vector; without a step that is the engine's.
struct SubqueryNode {
  DurationSpec range;
  DurationSpec step;
  TimeModifiers time;
};

/// by (...) unless `without`; grouping labels in the order of the text.
struct AggregateNode {
  Token op = Token::kSum;
  std::vector<std::string> grouping;
  bool without = false;
};

/// A function of the table; the pointer lives for ever.
struct CallNode {
  const Function* function = nullptr;
};

/// How many elements of either side may match one of the other.
enum class Cardinality : std::uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

/// on(...) or ignoring(...), group_left/right(include), fill(...): how elements find each other.
struct VectorMatching {
  Cardinality cardinality = Cardinality::kOneToOne;
  std::vector<std::string> labels;
  bool on = false;
  std::vector<std::string> include;
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

/// The operands are the children, left and right.
struct BinaryNode {
  Token op = Token::kAdd;
  bool return_bool = false;
  std::optional<VectorMatching> matching;  // only between vectors, after type checking
};

/// A sign before a vector; before a number it has become part of the number.
struct UnaryNode {
  Token op = Token::kSub;
};

/// Kept for printing.
struct ParenNode {};

/// Children by kind: subquery, unary, paren: 1; binary: left, right; call: arguments; aggregate:
/// the vector, then the parameter if the operator has one.
struct Expr {
  using Node =
      std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, SubqueryNode,
                   AggregateNode, CallNode, BinaryNode, UnaryNode, ParenNode>;
  Node node;
  ValueType type = ValueType::kNone;
  Position position;
  std::vector<ExprPtr> children;

  /// The node as this kind, null when it is another.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
  template <typename T>
  T* as() {
    return std::get_if<T>(&node);
  }
};

/// `expr` and all below it, children before parents, each node once. Pointers into the tree.
std::vector<const Expr*> post_order(const Expr& expr);

/// The matchers of every selector in `expr`.
std::vector<const model::Matchers*> selectors_of(const Expr& expr);

/// "line:column" of `offset` in `text`, both from 1, columns in bytes; "unknown position" for an
/// empty text.
std::string line_and_column(std::string_view text, std::int32_t offset);

}  // namespace narthex::query
