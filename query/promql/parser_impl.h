// The parser behind parser.h: precedence climbing with its own stacks for operators, recursion only
// for brackets, at most kNestingMax deep. It stops at the first error, which is the one upstream
// reports. Private to promql/.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "query/promql/ast.h"
#include "query/promql/lexer.h"

namespace narthex::query {

/// Go's Unquote of a string token, which the lexer has checked.
std::string unquote(std::string_view token_text);

/// Checks types from the leaves up and settles what depends on them. False: `fail` was called once.
bool check_types(Expr& root, std::string_view text,
                 const std::function<void(Position, std::string)>& fail);

/// One text, parsed once: make it, call one of the three, drop it.
class Parser {
 public:
  /// `text` outlives the parser.
  Parser(std::string_view text, const ParserOptions& options);

  /// As the functions of parser.h with these names.
  Result<ExprPtr> parse_expression();
  Result<model::Matchers> parse_selector();
  Result<model::Labels> parse_metric();

 private:
  // One entry of the operator stack of an expression.
  struct Operator {
    Token op = Token::kAdd;
    bool unary = false;
    std::int32_t start = 0;
    BinaryNode modifiers;
  };

  void advance() { lexeme_ = lexer_.next(); }
  bool is(Token token) const { return lexeme_.token == token; }
  bool accept(Token token);
  // Records an error unless there is one already.
  void fail(Position position, std::string message);
  // Complains about the current token; the context is that of the innermost open aggregation if
  // none is given.
  void unexpected(std::string_view context = {}, std::string_view expected = {});
  bool failed() const { return !error_.empty(); }
  Error error() const;
  ExprPtr make(Expr::Node node, Position position, ValueType type);
  bool enter();
  void leave() { --depth_; }
  bool starts_operand() const;

  ExprPtr expression();
  ExprPtr operand();
  ExprPtr primary();
  ExprPtr postfix(ExprPtr expr);
  ExprPtr paren();
  ExprPtr number();
  ExprPtr call();
  ExprPtr aggregate();
  void reduce(std::vector<ExprPtr>& operands, std::vector<Operator>& operators);
  bool binary_modifiers(BinaryNode& node);
  bool matching_modifiers(VectorMatching& matching);
  bool fill_modifiers(VectorMatching& matching);
  std::optional<double> fill_value();
  bool arguments(std::vector<ExprPtr>& out);
  bool grouping(std::vector<std::string>& out);
  bool aggregate_modifier(AggregateNode& node);
  bool finish_aggregate(Expr& aggregate, std::vector<ExprPtr> args);

  ExprPtr vector_selector();
  bool matchers(model::Matchers& out);
  bool matcher(model::Matchers& out);
  bool may_go_on();
  bool label_set(std::vector<std::pair<std::string, std::string>>& out);
  bool label_set_item(std::vector<std::pair<std::string, std::string>>& out);

  ExprPtr brackets(ExprPtr expr);
  ExprPtr matrix_selector(ExprPtr expr, DurationSpec range, Position brackets);
  ExprPtr subquery(ExprPtr expr, DurationSpec range);
  bool offset(Expr& expr);
  bool at(Expr& expr);
  bool extended(Expr& expr, Token token);
  TimeModifiers* time_modifiers(Expr& expr, std::string_view name);

  // An index into durations_; kNone without an error means that no duration starts here, and the
  // caller words the complaint.
  using DurationIndex = std::int32_t;
  static constexpr DurationIndex kNone = DurationNode::kNone;
  DurationIndex add_duration(DurationNode node);
  DurationNode& duration(DurationIndex index) {
    return durations_[static_cast<std::size_t>(index)];
  }
  DurationIndex whole_duration();
  DurationIndex duration_literal();
  DurationIndex duration_expression();
  DurationIndex duration_primary();
  DurationIndex duration_call();
  DurationIndex offset_duration();
  DurationIndex duration_binary(Token op, Position position, DurationIndex left,
                                DurationIndex right);
  DurationIndex duration_unary(const Lexeme& op, DurationIndex operand);
  void to_spec(DurationIndex root, DurationSpec& out);
  bool positive_duration(const DurationSpec& out);

  double parse_number(std::string_view text);
  double parse_literal();

  std::string_view text_;
  ParserOptions options_;
  Lexer lexer_;
  Lexeme lexeme_;
  std::string error_;
  std::optional<Error> stopped_;  // by options_.stop; then error_ is its message
  std::size_t depth_ = 0;
  std::size_t open_aggregations_ = 0;
  DurationExpr durations_;  // the duration being read
  // The literal that to_spec() saw last.
  struct SeenLiteral {
    Position position;
    bool positive = false;
  };
  SeenLiteral literal_;
  std::int32_t last_end_ = 0;  // end of the last token that may close an expression
};

}  // namespace narthex::query
