// Type rules of PromQL over a parsed tree, in upstream's order (checkAST in
// promql/parser/parse.go), so that the first error is the same one. A loop with its own stack:
// trees may be thousands of levels deep. A node is looked at before its children, after each of
// them and after all, since upstream's recursive function checks at all three places.
#include <algorithm>
#include <utility>

#include "base/str.h"
#include "model/labels.h"
#include "query/promql/ast.h"
#include "query/promql/parser_impl.h"

namespace narthex::query {
namespace {

using Fail = std::function<void(Position, std::string)>;

bool is_scalar_or_vector(const Expr& expr) {
  return expr.type == ValueType::kScalar || expr.type == ValueType::kVector;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Checker {
 public:
  Checker(std::string_view text, const Fail& fail) : text_(text), fail_(fail) {}

  // Down and up without recursion, stopping at the first fault: upstream collects several and shows
  // the first.
  bool run(Expr& root) {
    struct Frame {
      Expr* expr;
      std::size_t next = 0;
    };
    std::vector<Frame> frames{{&root}};
    while (!frames.empty() && !failed_) {
      Frame& top = frames.back();
      if (top.next == 0) before(*top.expr);
      if (top.next > 0) after_child(*top.expr, top.next - 1);
      if (top.next < top.expr->children.size()) {
        Expr* child = top.expr->children[top.next++].get();
        frames.push_back({child});
        continue;
      }
      after(*top.expr);
      frames.pop_back();
    }
    return !failed_;
  }

 private:
  void fail(Position position, std::string message) {
    if (!failed_) fail_(position, std::move(message));
    failed_ = true;
  }

  void before(Expr& expr) {
    if (const auto* call = expr.as<CallNode>()) check_arguments(expr, *call->function);
    if (const auto* selector = expr.as<VectorSelector>()) {
      check_selector(*selector, expr.position, std::exchange(skip_matchers_of_, nullptr) == &expr);
    }
    if (const auto* matrix = expr.as<MatrixSelector>()) {
      check_selector(matrix->selector, matrix->selector_position, false);
    }
  }

  void after_child(Expr& expr, std::size_t index) {
    const Expr& child = *expr.children[index];
    if (const auto* call = expr.as<CallNode>()) {
      expect(child, call->function->argument(index),
             concat("call to function ", quote(call->function->name)));
      if (call->function->name == "info" && index == 0 && expr.children.size() > 1) {
        skip_matchers_of_ = expr.children[1].get();
      }
    }
    if (const auto* aggregate = expr.as<AggregateNode>()) {
      const ValueType parameter =
          aggregate->op == Token::kCountValues ? ValueType::kString : ValueType::kScalar;
      if (index == 0) expect(child, ValueType::kVector, "aggregation expression");
      if (index == 1) expect(child, parameter, "aggregation parameter");
    }
  }

  void after(Expr& expr) {
    if (auto* binary = expr.as<BinaryNode>()) check_binary(expr, *binary);
    if (expr.as<UnaryNode>() != nullptr && !is_scalar_or_vector(*expr.children[0])) {
      fail(expr.position,
           concat("unary expression only allowed on expressions of type scalar or instant vector, "
                  "got ",
                  quote(documented_type(expr.children[0]->type))));
    }
    if (expr.as<SubqueryNode>() != nullptr && expr.children[0]->type != ValueType::kVector) {
      fail(expr.position, concat("subquery is only allowed on instant vector, got ",
                                 type_name(expr.children[0]->type), " instead"));
    }
  }

  void expect(const Expr& expr, ValueType want, std::string_view where) {
    if (expr.type == want) return;
    fail(expr.position, concat("expected type ", documented_type(want), " in ", where, ", got ",
                               documented_type(expr.type)));
  }

  void check_arguments(const Expr& expr, const Function& function) {
    const std::size_t given = expr.children.size();
    const std::size_t listed = function.argument_count;
    const auto complain = [&](std::string_view bound, std::size_t count) {
      fail(expr.position, concat("expected ", bound, count, " argument(s) in call to ",
                                 quote(function.name), ", got ", given));
    };
    if (function.variadic == 0) {
      if (given != listed) complain("", listed);
      return;
    }
    if (given < listed - 1) return complain("at least ", listed - 1);
    const std::size_t most = listed - 1 + static_cast<std::size_t>(std::max(function.variadic, 0));
    if (function.variadic > 0 && given > most) return complain("at most ", most);
    if (function.name == "info" && given > 1) check_info(expr);
  }

  void check_info(const Expr& expr) {
    const Expr& labels = *expr.children[1];
    if (labels.type != ValueType::kVector) {
      fail(expr.position, concat("expected type instant vector in call to function \"info\", got ",
                                 documented_type(labels.type)));
    }
    const auto* selector = labels.as<VectorSelector>();
    if (selector == nullptr) return fail(labels.position, "expected label selectors only");
    if (!selector->name.empty()) {
      fail(labels.position, "expected label selectors only, got vector selector instead");
    }
  }

  void check_selector(const VectorSelector& selector, Position position, bool may_be_empty) {
    if (!selector.name.empty()) {
      // All but the last matcher, which is that of the name before the braces.
      for (std::size_t i = 0; i + 1 < selector.matchers.size(); ++i) {
        const model::Matcher& matcher = selector.matchers[i];
        if (matcher.name() != model::kMetricName) continue;
        fail(position, concat("metric name must not be set twice: ", quote(selector.name), " or ",
                              quote(matcher.value())));
      }
      return;
    }
    const auto selects = [](const model::Matcher& m) { return !m.matches(std::string_view{}); };
    if (!may_be_empty && std::ranges::none_of(selector.matchers, selects)) {
      fail(position, "vector selector must contain at least one non-empty matcher");
    }
  }

  // Between the operands, blanks trimmed.
  Position operator_position(const Expr& expr) const {
    auto start = static_cast<std::size_t>(expr.children[0]->position.end);
    while (start < text_.size() && is_blank(text_[start])) ++start;
    return {.start = static_cast<std::int32_t>(start), .end = static_cast<std::int32_t>(start)};
  }

  void check_binary(Expr& expr, BinaryNode& node) {
    const Expr& left = *expr.children[0];
    const Expr& right = *expr.children[1];
    const bool scalars = left.type == ValueType::kScalar && right.type == ValueType::kScalar;
    if (node.return_bool && !is_comparison(node.op)) {
      fail(operator_position(expr), "bool modifier can only be used on comparison operators");
    }
    if (is_comparison(node.op) && !node.return_bool && scalars) {
      fail(operator_position(expr), "comparisons between scalars must use BOOL modifier");
    }
    VectorMatching& matching = *node.matching;
    // Set operators compare whole groups, which nobody writes down; what was written otherwise is
    // an error below.
    if (is_set_operator(node.op) && matching.cardinality == Cardinality::kOneToOne) {
      matching.cardinality = Cardinality::kManyToMany;
    }
    check_include(expr, matching);
    for (const Expr* side : {&left, &right}) {
      if (is_scalar_or_vector(*side)) continue;
      fail(side->position, "binary expression must contain only scalar and instant vector types");
    }
    if (left.type == ValueType::kVector && right.type == ValueType::kVector) {
      if (is_set_operator(node.op)) check_set_operator(expr, node);
      return;
    }
    check_scalar_side(expr, node);
    // With a scalar there is nothing to match; printing and planning go by that.
    node.matching.reset();
  }

  void check_include(const Expr& expr, const VectorMatching& matching) {
    if (!matching.on) return;
    for (const std::string& label : matching.labels) {
      if (std::ranges::find(matching.include, label) == matching.include.end()) continue;
      fail(operator_position(expr),
           concat("label ", quote(label), " must not occur in ON and GROUP clause at once"));
    }
  }

  void check_scalar_side(const Expr& expr, const BinaryNode& node) {
    const VectorMatching& matching = *node.matching;
    if (!matching.labels.empty()) {
      fail(expr.position, "vector matching only allowed between instant vectors");
    }
    if (matching.fill_left || matching.fill_right) {
      fail(expr.position, "filling in missing series only allowed between instant vectors");
    }
    if (is_set_operator(node.op)) {
      fail(expr.position, concat("set operator ", quote(spelling(node.op)),
                                 " not allowed in binary scalar expression"));
    }
  }

  void check_set_operator(const Expr& expr, const BinaryNode& node) {
    const VectorMatching& matching = *node.matching;
    if (matching.cardinality != Cardinality::kManyToMany) {
      fail(expr.position,
           concat("no grouping allowed for ", quote(spelling(node.op)), " operation"));
    }
    if (matching.fill_left || matching.fill_right) {
      fail(expr.position, "filling in missing series not allowed for set operators");
    }
  }

  std::string_view text_;
  const Fail& fail_;
  const Expr* skip_matchers_of_ = nullptr;
  bool failed_ = false;
};

}  // namespace

bool check_types(Expr& root, std::string_view text, const Fail& fail) {
  return Checker(text, fail).run(root);
}

}  // namespace narthex::query
