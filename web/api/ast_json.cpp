// Syntax trees as JSON, written by a loop: a stack holds what is still to be written, nodes and the
// texts between them. A node on top is replaced by its pieces, last one first. The pieces of each
// kind stand in Pieces, one function a kind, keys in the order in which Go's encoder sorts them.
#include "web/api/ast_json.h"

#include <array>
#include <vector>

#include "base/json.h"
#include "base/str.h"
#include "base/units.h"

namespace narthex::web {
namespace {

using query::Expr;
using query::Token;

std::string quoted(std::string_view text) {
  std::string out;
  append_json_html_string(out, text);
  return out;
}

std::string_view truth(bool value) {
  return value ? "true" : "false";
}

std::string string_list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += concat(out.empty() ? "" : ",", quoted(item));
  return concat("[", out, "]");
}

std::string number_text(double value) {
  return quoted(format_float(value, FloatStyle::kFixed));
}

// Children that are not there are null.
query::DurationPart member(std::string name, std::int32_t node) {
  if (node == query::DurationNode::kNone) return {name + "null"};
  return {std::move(name), node};
}

std::vector<query::DurationPart> duration_parts(const query::DurationNode& node) {
  if (node.is_literal()) {
    return {{concat(R"({"duration":)", truth(node.op == Token::kDuration),
                    R"(,"type":"numberLiteral","val":)", number_text(node.seconds), "}")}};
  }
  return {member(R"({"lhs":)", node.left),
          member(concat(R"(,"op":)", quoted(query::spelling(node.op)), R"(,"rhs":)"), node.right),
          {concat(R"(,"type":"durationExpr","wrapped":)", truth(node.wrapped), "}")}};
}

std::string duration_json(const query::DurationExpr& expr) {
  return expr.empty() ? "null" : query::write_duration(expr, duration_parts);
}

std::int64_t milliseconds(const query::DurationSpec& spec) {
  return spec.ns / kNsPerMs;
}

std::string offset_members(const query::TimeModifiers& time) {
  return concat(R"("offset":)", milliseconds(time.offset), R"(,"offsetExpr":)",
                duration_json(time.offset.expr));
}

std::string edge_json(const query::TimeModifiers& time) {
  if (time.at_edge == Token::kEof) return "null";
  return quoted(query::spelling(time.at_edge));
}

std::string timestamp_json(const query::TimeModifiers& time) {
  return time.at ? std::to_string(*time.at) : "null";
}

std::string matchers_json(const model::Matchers& matchers) {
  std::string out;
  for (const model::Matcher& matcher : matchers) {
    out += concat(out.empty() ? "" : ",", R"({"name":)", quoted(matcher.name()), R"(,"type":)",
                  quoted(model::match_operator(matcher.type())), R"(,"value":)",
                  quoted(matcher.value()), "}");
  }
  return concat("[", out, "]");
}

// A selector; `range` is empty for instant ones.
std::string selector_json(const query::VectorSelector& selector, const std::string& range) {
  const std::string_view type = range.empty() ? "vectorSelector" : "matrixSelector";
  return concat(R"({"anchored":)", truth(selector.anchored), R"(,"matchers":)",
                matchers_json(selector.matchers), R"(,"name":)", quoted(selector.name), ",",
                offset_members(selector.time), range, R"(,"smoothed":)", truth(selector.smoothed),
                R"(,"startOrEnd":)", edge_json(selector.time), R"(,"timestamp":)",
                timestamp_json(selector.time), R"(,"type":")", type, "\"}");
}

std::string range_members(const query::DurationSpec& range) {
  return concat(R"(,"range":)", milliseconds(range), R"(,"rangeExpr":)", duration_json(range.expr));
}

std::string fill_json(const std::optional<double>& fill) {
  if (!fill) return "null";
  std::string out;
  JsonWriter(out).number(*fill);
  return out;
}

std::string matching_json(const std::optional<query::VectorMatching>& matching) {
  constexpr std::array<std::string_view, 4> kCards = {"one-to-one", "many-to-one", "one-to-many",
                                                      "many-to-many"};
  if (!matching) return "null";
  return concat(R"({"card":")", kCards[static_cast<std::size_t>(matching->cardinality)],
                R"(","fillValues":{"lhs":)", fill_json(matching->fill_left), R"(,"rhs":)",
                fill_json(matching->fill_right), R"(},"include":)", string_list(matching->include),
                R"(,"labels":)", string_list(matching->labels), R"(,"on":)", truth(matching->on),
                "}");
}

std::string function_json(const query::Function& function) {
  std::string types;
  for (std::size_t i = 0; i < function.argument_count; ++i) {
    types += concat(i == 0 ? "" : ",", quoted(query::type_name(function.arguments[i])));
  }
  return concat(R"({"argTypes":[)", types, R"(],"name":)", quoted(function.name),
                R"(,"returnType":)", quoted(query::type_name(function.result)), R"(,"variadic":)",
                function.variadic, "}");
}

// What is still to be written: a node, or text behind one.
struct Piece {
  const Expr* expr = nullptr;
  std::string text;
};

// The pieces of one node, in order.
struct Pieces {
  const Expr& expr;
  std::vector<Piece> out;

  void text(std::string value) { out.push_back({nullptr, std::move(value)}); }
  void child(std::size_t index) {
    if (index < expr.children.size()) {
      out.push_back({expr.children[index].get(), {}});
    } else {
      text("null");
    }
  }

  void operator()(const query::NumberLiteral& node) {
    text(concat(R"({"type":"numberLiteral","val":)", number_text(node.value), "}"));
  }
  void operator()(const query::StringLiteral& node) {
    text(concat(R"({"type":"stringLiteral","val":)", quoted(node.value), "}"));
  }
  void operator()(const query::VectorSelector& node) { text(selector_json(node, {})); }
  void operator()(const query::MatrixSelector& node) {
    text(selector_json(node.selector, range_members(node.range)));
  }
  void operator()(const query::SubqueryNode& node) {
    text(R"({"expr":)");
    child(0);
    text(concat(",", offset_members(node.time), range_members(node.range), R"(,"startOrEnd":)",
                edge_json(node.time), R"(,"step":)", milliseconds(node.step), R"(,"stepExpr":)",
                duration_json(node.step.expr), R"(,"timestamp":)", timestamp_json(node.time),
                R"(,"type":"subquery"})"));
  }
  void operator()(const query::AggregateNode& node) {
    text(R"({"expr":)");
    child(0);
    text(concat(R"(,"grouping":)", string_list(node.grouping), R"(,"op":)",
                quoted(query::spelling(node.op)), R"(,"param":)"));
    child(1);
    text(concat(R"(,"type":"aggregation","without":)", truth(node.without), "}"));
  }
  void operator()(const query::CallNode& node) {
    text(R"({"args":[)");
    for (std::size_t i = 0; i < expr.children.size(); ++i) {
      if (i > 0) text(",");
      child(i);
    }
    text(concat(R"(],"func":)", function_json(*node.function), R"(,"type":"call"})"));
  }
  void operator()(const query::BinaryNode& node) {
    text(concat(R"({"bool":)", truth(node.return_bool), R"(,"lhs":)"));
    child(0);
    text(concat(R"(,"matching":)", matching_json(node.matching), R"(,"op":)",
                quoted(query::spelling(node.op)), R"(,"rhs":)"));
    child(1);
    text(R"(,"type":"binaryExpr"})");
  }
  void operator()(const query::UnaryNode& node) {
    text(R"({"expr":)");
    child(0);
    text(concat(R"(,"op":)", quoted(query::spelling(node.op)), R"(,"type":"unaryExpr"})"));
  }
  void operator()(const query::ParenNode&) {
    text(R"({"expr":)");
    child(0);
    text(R"(,"type":"parenExpr"})");
  }
};

}  // namespace

void append_ast_json(std::string& out, const query::Expr& root) {
  std::vector<Piece> todo;
  todo.push_back({&root, {}});
  while (!todo.empty()) {
    const Piece piece = std::move(todo.back());
    todo.pop_back();
    if (piece.expr == nullptr) {
      out += piece.text;
      continue;
    }
    Pieces pieces{*piece.expr, {}};
    std::visit(pieces, piece.expr->node);
    for (auto it = pieces.out.rbegin(); it != pieces.out.rend(); ++it) {
      todo.push_back(std::move(*it));
    }
  }
}

}  // namespace narthex::web
