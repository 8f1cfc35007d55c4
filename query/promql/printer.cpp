// Prints trees back as text, on one line or broken and indented. Truth: upstream
// promql/parser/printer.go and prettier.go.
//
// Both forms are made by unfolding a stack of pieces, text or trees, so depth costs no C++ stack: a
// tree is replaced by its pieces until only text is left. For the pretty form the length of every
// subtree on one line is computed first, from the leaves up; what is longer than a line is broken.
#include <algorithm>
#include <cmath>
#include <ranges>
#include <unordered_map>
#include <utility>

#include "base/str.h"
#include "base/units.h"
#include "model/labels.h"
#include "query/promql/ast.h"
#include "query/promql/parser.h"

namespace narthex::query {
namespace {

constexpr std::size_t kLineBytesMax = 100;  // fixed by upstream's Pretty
constexpr std::size_t kIndentLevelsMax =
    1024;  // deeper chains are printed on one line, to bound the text

// Either text or a tree still to be unfolded.
struct Piece {
  std::string text;
  const Expr* expr = nullptr;
  std::size_t level = 0;
  bool no_indent = false;  // the first line's indentation is printed already

  static Piece of(std::string text) { return {.text = std::move(text)}; }
  static Piece of(const Expr& expr, std::size_t level = 0, bool no_indent = false) {
    return {.text = {}, .expr = &expr, .level = level, .no_indent = no_indent};
  }
};
using Pieces = std::vector<Piece>;

std::string duration_text(std::int64_t ns) {
  return ns < 0 ? concat("-", model::format_duration(-(ns / kNsPerMs)))
                : model::format_duration(ns / kNsPerMs);
}

std::string literal_text(double value, bool is_duration) {
  if (!is_duration) return format_float(value, FloatStyle::kFixed);
  return duration_text(static_cast<std::int64_t>(value * static_cast<double>(kNsPerSecond)));
}

std::vector<DurationPart> duration_parts(const DurationNode& node) {
  const std::string op(spelling(node.op));
  const std::string open = node.wrapped ? "(" : "";
  const std::string close = node.wrapped ? ")" : "";
  if (node.is_literal())
    return {{open + literal_text(node.seconds, node.op == Token::kDuration) + close}};
  if (node.op == Token::kStep || node.op == Token::kRange) return {{concat(open, op, "()", close)}};
  if (node.left == DurationNode::kNone) return {{open + op, node.right}, {close}};
  if (node.op == Token::kMinOf || node.op == Token::kMaxOf) {
    return {{concat(open, op, "("), node.left}, {", ", node.right}, {concat(")", close)}};
  }
  return {{open, node.left}, {concat(" ", op, " "), node.right}, {close}};
}

std::string spec_text(const DurationSpec& spec) {
  return spec.expr.empty() ? duration_text(spec.ns) : write_duration(spec.expr, duration_parts);
}

std::string offset_text(const TimeModifiers& time) {
  return time.offset.set() ? concat(" offset ", spec_text(time.offset)) : std::string();
}

std::string at_text(const TimeModifiers& time) {
  if (time.at) return fmt::format(" @ {:.3f}", static_cast<double>(*time.at) / 1000.0);
  if (time.at_edge == Token::kStart) return " @ start()";
  return time.at_edge == Token::kEnd ? " @ end()" : "";
}

std::string_view extended_text(const VectorSelector& selector) {
  if (selector.anchored) return " anchored";
  return selector.smoothed ? " smoothed" : "";
}

// Whether a grouping list can hold `label` without quotes: a few words cannot name a label there.
bool is_plain_label(const std::string& label) {
  const Token token = keyword(label);
  return model::is_legacy_label_name(label) && token != Token::kWithout && token != Token::kNumber;
}

std::string label_list(const std::vector<std::string>& labels) {
  std::vector<std::string> shown;
  for (const std::string& label : labels) {
    shown.push_back(is_plain_label(label) ? label : quote(label));
  }
  return join(shown, ", ");
}

// The name and the matchers, without what follows them.
std::string selector_text(const VectorSelector& selector) {
  std::vector<std::string> shown;
  for (const model::Matcher& matcher : selector.matchers) {
    const bool is_name = matcher.name() == model::kMetricName &&
                         matcher.type() == model::MatchType::kEqual &&
                         matcher.value() == selector.name && !selector.name.empty();
    if (!is_name) shown.push_back(matcher.to_string());
  }
  if (shown.empty()) return selector.name;
  std::ranges::sort(shown);
  return concat(selector.name, "{", join(shown, ","), "}");
}

std::string fill_text(const VectorMatching& matching) {
  const auto number = [](double v) { return format_float(v, FloatStyle::kGeneral); };
  const auto& left = matching.fill_left;
  const auto& right = matching.fill_right;
  if (left && right && *left == *right) return concat(" fill (", number(*left), ")");
  std::string text;
  if (left) text += concat(" fill_left (", number(*left), ")");
  if (right) text += concat(" fill_right (", number(*right), ")");
  return text;
}

std::string operator_text(const BinaryNode& node) {
  std::string text = concat(spelling(node.op), node.return_bool ? " bool" : "");
  if (!node.matching) return text;
  const VectorMatching& matching = *node.matching;
  const bool grouped = matching.cardinality == Cardinality::kManyToOne ||
                       matching.cardinality == Cardinality::kOneToMany;
  if (!matching.labels.empty() || matching.on || grouped) {
    text += concat(matching.on ? " on (" : " ignoring (", label_list(matching.labels), ")");
  }
  if (grouped) {
    const bool left = matching.cardinality == Cardinality::kManyToOne;
    text += concat(left ? " group_left (" : " group_right (", label_list(matching.include), ")");
  }
  return text + fill_text(matching);
}

std::string aggregate_text(const AggregateNode& node) {
  if (node.without) return concat(spelling(node.op), " without (", label_list(node.grouping), ") ");
  if (node.grouping.empty()) return std::string(spelling(node.op));
  return concat(spelling(node.op), " by (", label_list(node.grouping), ") ");
}

std::string subquery_text(const SubqueryNode& node) {
  return concat("[", spec_text(node.range), ":", node.step.set() ? spec_text(node.step) : "", "]",
                at_text(node.time), offset_text(node.time));
}

std::string leaf_text(const Expr& expr) {
  if (const auto* n = expr.as<NumberLiteral>()) return literal_text(n->value, n->is_duration);
  if (const auto* s = expr.as<StringLiteral>()) return quote(s->value);
  if (const auto* v = expr.as<VectorSelector>()) {
    return concat(selector_text(*v), at_text(v->time), extended_text(*v), offset_text(v->time));
  }
  const auto& m = *expr.as<MatrixSelector>();
  return concat(selector_text(m.selector), "[", spec_text(m.range), "]", extended_text(m.selector),
                at_text(m.selector.time), offset_text(m.selector.time));
}

// What stands before the first child, between children and after the last one, on one line.
struct Frame {
  std::string head;
  std::string separator = ", ";
  std::string tail;
};

Frame line_frame(const Expr& expr) {
  if (const auto* a = expr.as<AggregateNode>()) return {aggregate_text(*a) + "(", ", ", ")"};
  if (const auto* c = expr.as<CallNode>()) return {concat(c->function->name, "("), ", ", ")"};
  if (const auto* b = expr.as<BinaryNode>()) return {"", concat(" ", operator_text(*b), " "), ""};
  if (const auto* u = expr.as<UnaryNode>()) return {std::string(spelling(u->op)), "", ""};
  if (const auto* s = expr.as<SubqueryNode>()) return {"", "", subquery_text(*s)};
  if (expr.as<ParenNode>() != nullptr) return {"(", "", ")"};
  return {leaf_text(expr), "", ""};
}

// In the order they are printed: an aggregation's parameter comes first.
std::vector<const Expr*> printed_children(const Expr& expr) {
  std::vector<const Expr*> out;
  for (const ExprPtr& child : expr.children) out.push_back(child.get());
  if (expr.as<AggregateNode>() != nullptr) std::ranges::reverse(out);
  return out;
}

Pieces line_pieces(const Expr& expr) {
  Frame frame = line_frame(expr);
  Pieces pieces{Piece::of(std::move(frame.head))};
  bool first = true;
  for (const Expr* child : printed_children(expr)) {
    if (!std::exchange(first, false)) pieces.push_back(Piece::of(frame.separator));
    pieces.push_back(Piece::of(*child));
  }
  pieces.push_back(Piece::of(std::move(frame.tail)));
  return pieces;
}

using Lengths = std::unordered_map<const Expr*, std::size_t>;

// Bytes of every subtree on one line.
Lengths line_lengths(const Expr& root) {
  Lengths lengths;
  for (const Expr* expr : post_order(root)) {
    std::size_t bytes = 0;
    for (const Piece& piece : line_pieces(*expr)) {
      bytes += piece.expr != nullptr ? lengths[piece.expr] : piece.text.size();
    }
    lengths[expr] = bytes;
  }
  return lengths;
}

std::string indent(std::size_t level) {
  return std::string(2 * level, ' ');
}

// `head(`, the children a level deeper on lines of their own, `)`.
Pieces broken_list(const Expr& expr, std::string head, std::size_t level) {
  Pieces pieces{Piece::of(std::move(head) + "\n")};
  bool first = true;
  for (const Expr* child : printed_children(expr)) {
    if (!std::exchange(first, false)) pieces.push_back(Piece::of(",\n"));
    pieces.push_back(Piece::of(*child, level + 1));
  }
  pieces.push_back(Piece::of(concat("\n", indent(level), ")")));
  return pieces;
}

// One node of a query that is too long for a line: operators on lines of their own, calls and
// aggregations opened like brackets. A sign stays on its operand's line, which then needs no
// margin.
Pieces broken_pieces(const Piece& at, const Lengths& lengths) {
  const Expr& expr = *at.expr;
  const std::size_t level = at.level;
  const std::string margin = at.no_indent ? "" : indent(level);
  const bool splits = lengths.at(&expr) > kLineBytesMax && level < kIndentLevelsMax;
  if (const auto* unary = expr.as<UnaryNode>()) {
    return {Piece::of(margin + std::string(spelling(unary->op))),
            Piece::of(*expr.children[0], level, true)};
  }
  if (!splits || expr.children.empty()) {
    const bool bare = at.no_indent || (expr.as<SubqueryNode>() != nullptr);
    return {Piece::of((bare ? "" : margin) + to_string(expr))};
  }
  if (const auto* a = expr.as<AggregateNode>()) {
    return broken_list(expr, margin + aggregate_text(*a) + "(", level);
  }
  if (const auto* c = expr.as<CallNode>()) {
    return broken_list(expr, concat(margin, c->function->name, "("), level);
  }
  if (expr.as<ParenNode>() != nullptr) return broken_list(expr, margin + "(", level);
  if (const auto* s = expr.as<SubqueryNode>()) {
    return {Piece::of(*expr.children[0], level, at.no_indent), Piece::of(subquery_text(*s))};
  }
  const auto& binary = *expr.as<BinaryNode>();
  return {Piece::of(*expr.children[0], level + 1, at.no_indent),
          Piece::of(concat("\n", indent(level), operator_text(binary), "\n")),
          Piece::of(*expr.children[1], level + 1)};
}

template <typename Unfold>
std::string unfold_all(const Expr& root, const Unfold& unfold) {
  std::string out;
  Pieces pending{Piece::of(root)};
  while (!pending.empty()) {
    const Piece piece = std::move(pending.back());
    pending.pop_back();
    if (piece.expr == nullptr) {
      out += piece.text;
      continue;
    }
    for (Piece& next : std::views::reverse(unfold(piece))) pending.push_back(std::move(next));
  }
  return out;
}

}  // namespace

std::string to_string(const Expr& expr) {
  return unfold_all(expr, [](const Piece& piece) { return line_pieces(*piece.expr); });
}

std::string to_pretty_string(const Expr& expr) {
  const Lengths lengths = line_lengths(expr);
  return unfold_all(expr, [&](const Piece& piece) { return broken_pieces(piece, lengths); });
}

}  // namespace narthex::query
