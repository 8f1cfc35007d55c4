// Expressions: operators, calls, aggregations. Selectors and durations: parser_selectors.cpp,
// parser_durations.cpp.
//
// The problem: upstream's grammar is a yacc file with error productions, and the API answers with
// its messages. So the same texts must be taken, and for every other text the same first complaint
// must come, with line and column: "unexpected <op:+> in aggregation, expected ...".
//
// The idea: a parser by hand, one function for each rule, with the binary operators on a stack
// instead of in the grammar. expression() reads operands and operators in turn; an operator that
// binds weaker than those on the stack makes them nodes first (reduce()). So chains of any length
// need no recursion. Only brackets recurse, and their depth is bounded (enter()).
//
// Yacc complains at the first token that no rule can take, and so does this: whenever a token does
// not fit, unexpected() words the complaint with what yacc's state would name as context and as
// expected, and everything else unwinds on failed(). Only the first complaint counts.
//
// Words are the other difficulty. Keywords, functions and aggregations are also valid metric and
// label names ("sum" is a metric unless a bracket, `by` or `without` follows), so primary() looks
// one token ahead with a copy of the lexer before it decides.
//
// Types are checked when the tree is whole (type_check.cpp), as upstream does: an error of syntax
// comes before any error of types.
//
// Positions are byte offsets; a node ends where the last token did that could close it (last_end_),
// which is what notes and messages point at.
#include "query/promql/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/str.h"
#include "model/sample.h"
#include "query/promql/ast.h"
#include "query/promql/parser_impl.h"

namespace narthex::query {
namespace {

constexpr int kUnaryPrecedence = 5;  // that of multiplication: -1^2 is -(1^2)

// 0 for tokens that are no binary operator.
int precedence(Token token) {
  if (token == Token::kOr) return 1;
  if (token == Token::kAnd || token == Token::kUnless) return 2;
  if (is_comparison(token) || token == Token::kTrimUpper || token == Token::kTrimLower) return 3;
  if (token == Token::kAdd || token == Token::kSub) return 4;
  if (token == Token::kMul || token == Token::kDiv || token == Token::kMod ||
      token == Token::kAtan2) {
    return 5;
  }
  return token == Token::kPow ? 6 : 0;
}

bool is_query_context(Token token) {
  return token >= Token::kStart && token <= Token::kMinOf;
}

// Words that may stand for a metric name.
bool is_metric_word(Token token) {
  constexpr auto kWords = std::to_array<Token>(
      {Token::kIdentifier, Token::kMetricIdentifier, Token::kBy, Token::kWithout, Token::kOffset,
       Token::kSmoothed, Token::kAnchored, Token::kFill, Token::kFillLeft, Token::kFillRight,
       Token::kAnd, Token::kOr, Token::kUnless});
  return is_aggregator(token) || is_query_context(token) ||
         std::ranges::find(kWords, token) != kWords.end();
}

// Words that may name a label in a grouping list.
bool is_label_word(Token token) {
  if (token == Token::kWithout) return false;
  return is_metric_word(token) || is_keyword(token) || token == Token::kAtan2;
}

}  // namespace

Parser::Parser(std::string_view text, const ParserOptions& options)
    : text_(text), options_(options), lexer_(text) {}

bool Parser::accept(Token token) {
  if (!is(token)) return false;
  last_end_ = lexeme_.position().end;
  advance();
  return true;
}

void Parser::fail(Position position, std::string message) {
  if (!failed()) {
    error_ = concat(line_and_column(text_, position.start), ": parse error: ", message);
  }
}

void Parser::unexpected(std::string_view context, std::string_view expected) {
  if (is(Token::kError)) return fail(lexeme_.position(), std::string(lexeme_.text));
  std::string message = concat("unexpected ", describe(lexeme_));
  if (context.empty() && open_aggregations_ > 0) context = "aggregation";
  if (!context.empty()) message += concat(" in ", context);
  if (!expected.empty()) message += concat(", expected ", expected);
  fail(lexeme_.position(), std::move(message));
}

Error Parser::error() const {
  return stopped_ ? *stopped_ : Error(Code::kInvalid, error_);
}

ExprPtr Parser::make(Expr::Node node, Position position, ValueType type) {
  auto expr = std::make_unique<Expr>();
  expr->node = std::move(node);
  expr->position = position;
  expr->type = type;
  return ExprPtr(expr.release());
}

bool Parser::enter() {
  if (++depth_ <= kNestingMax) return true;
  fail(lexeme_.position(), concat("expression is nested more than ", kNestingMax, " levels"));
  return false;
}

bool Parser::starts_operand() const {
  return is_metric_word(lexeme_.token) || is(Token::kNumber) || is(Token::kDuration) ||
         is(Token::kString) || is(Token::kLeftParen) || is(Token::kLeftBrace) || is(Token::kAdd) ||
         is(Token::kSub);
}

Result<ExprPtr> Parser::parse_expression() {
  advance();
  ExprPtr expr;
  if (is(Token::kEof)) {
    fail({}, "no expression found in input");
  } else {
    expr = expression();
    if (!failed() && !is(Token::kEof)) unexpected();
  }
  if (!failed()) {
    check_types(*expr, text_, [this](Position at, std::string text) { fail(at, std::move(text)); });
  }
  if (failed()) return error();
  return expr;
}

// Operands and operators alternate; operators wait on a stack until one that binds weaker arrives.
ExprPtr Parser::expression() {
  std::vector<ExprPtr> operands;
  std::vector<Operator> operators;
  if (!enter()) return nullptr;
  for (;;) {
    while (is(Token::kAdd) || is(Token::kSub)) {
      operators.push_back({.op = lexeme_.token, .unary = true, .start = lexeme_.start});
      advance();
    }
    operands.push_back(operand());
    if (failed()) return nullptr;
    const int level = precedence(lexeme_.token);
    while (!operators.empty() && !failed()) {
      const Operator& top = operators.back();
      const int held = top.unary ? kUnaryPrecedence : precedence(top.op);
      // Only ^ binds to the right: an operator of the same level waits behind it.
      if (held < level || (held == level && top.op == Token::kPow)) break;
      reduce(operands, operators);
    }
    if (failed()) return nullptr;
    if (level == 0) break;
    Operator next{.op = lexeme_.token, .start = lexeme_.start};
    next.modifiers.op = lexeme_.token;
    advance();
    if (!binary_modifiers(next.modifiers)) return nullptr;
    operators.push_back(std::move(next));
  }
  leave();
  return std::move(operands.back());
}

void Parser::reduce(std::vector<ExprPtr>& operands, std::vector<Operator>& operators) {
  Operator top = std::move(operators.back());
  operators.pop_back();
  ExprPtr right = std::move(operands.back());
  operands.pop_back();
  if (top.unary) {
    const Position position{.start = top.start, .end = right->position.end};
    // -5 is a number, not an operator before one; upstream's grammar folds it too.
    if (auto* literal = right->as<NumberLiteral>()) {
      if (top.op == Token::kSub) literal->value = -literal->value;
      right->position = position;
      operands.push_back(std::move(right));
      return;
    }
    ExprPtr unary = make(UnaryNode{.op = top.op}, position, right->type);
    unary->children.push_back(std::move(right));
    operands.push_back(std::move(unary));
    return;
  }
  ExprPtr left = std::move(operands.back());
  operands.pop_back();
  const bool scalar = left->type == ValueType::kScalar && right->type == ValueType::kScalar;
  const Position position{.start = left->position.start, .end = right->position.end};
  const VectorMatching& matching = *top.modifiers.matching;
  if (!options_.fill_modifiers && (matching.fill_left || matching.fill_right)) {
    fail(position, "binop fill modifiers are experimental and not enabled");
  }
  ExprPtr binary =
      make(std::move(top.modifiers), position, scalar ? ValueType::kScalar : ValueType::kVector);
  binary->children.push_back(std::move(left));
  binary->children.push_back(std::move(right));
  operands.push_back(std::move(binary));
}

bool Parser::binary_modifiers(BinaryNode& node) {
  node.return_bool = accept(Token::kBool);
  node.matching.emplace();
  return matching_modifiers(*node.matching) && fill_modifiers(*node.matching);
}

bool Parser::matching_modifiers(VectorMatching& matching) {
  if (!is(Token::kOn) && !is(Token::kIgnoring)) return true;
  matching.on = is(Token::kOn);
  advance();
  if (!grouping(matching.labels)) return false;
  if (!is(Token::kGroupLeft) && !is(Token::kGroupRight)) return true;
  matching.cardinality = is(Token::kGroupLeft) ? Cardinality::kManyToOne : Cardinality::kOneToMany;
  advance();
  if (!starts_operand()) return unexpected("grouping opts", "\"(\""), false;
  return !is(Token::kLeftParen) || grouping(matching.include);
}

bool Parser::fill_modifiers(VectorMatching& matching) {
  const Token first = lexeme_.token;
  if (first != Token::kFill && first != Token::kFillLeft && first != Token::kFillRight) return true;
  advance();
  const std::optional<double> value = fill_value();
  if (!value) return false;
  if (first != Token::kFillRight) matching.fill_left = value;
  if (first != Token::kFillLeft) matching.fill_right = value;
  const Token other = first == Token::kFillLeft ? Token::kFillRight : Token::kFillLeft;
  if (first != Token::kFill && accept(other)) {
    const std::optional<double> second = fill_value();
    if (!second) return false;
    (first == Token::kFillLeft ? matching.fill_right : matching.fill_left) = second;
  }
  return true;
}

std::optional<double> Parser::fill_value() {
  if (!accept(Token::kLeftParen)) return unexpected(), std::nullopt;
  const bool negative = is(Token::kSub);
  if (negative || is(Token::kAdd)) advance();
  if (!is(Token::kNumber) && !is(Token::kDuration)) return unexpected(), std::nullopt;
  const double value = parse_literal();
  if (!accept(Token::kRightParen)) return unexpected(), std::nullopt;
  return negative ? -value : value;
}

ExprPtr Parser::operand() {
  ExprPtr expr = primary();
  return failed() ? nullptr : postfix(std::move(expr));
}

ExprPtr Parser::primary() {
  const Lexeme first = lexeme_;
  if (is(Token::kNumber) || is(Token::kDuration)) return number();
  if (is(Token::kLeftParen)) return paren();
  if (is(Token::kLeftBrace)) return vector_selector();
  if (is(Token::kString)) {
    advance();
    return make(StringLiteral{unquote(first.text)}, first.position(), ValueType::kString);
  }
  if (!is_metric_word(first.token)) return unexpected(), nullptr;
  if (is_aggregator(first.token)) return aggregate();
  // A function's name is one only before a bracket.
  Lexer ahead = lexer_;
  const bool calls = first.token == Token::kIdentifier || is_query_context(first.token);
  if (calls && ahead.next().token == Token::kLeftParen) return call();
  return vector_selector();
}

ExprPtr Parser::postfix(ExprPtr expr) {
  while (!failed()) {
    const Token token = lexeme_.token;
    if (token == Token::kLeftBracket) {
      expr = brackets(std::move(expr));
    } else if (token == Token::kOffset) {
      offset(*expr);
    } else if (token == Token::kAt) {
      at(*expr);
    } else if (token == Token::kAnchored || token == Token::kSmoothed) {
      extended(*expr, token);
    } else {
      return expr;
    }
  }
  return nullptr;
}

ExprPtr Parser::paren() {
  const std::int32_t start = lexeme_.start;
  advance();
  ExprPtr inner = expression();
  if (failed()) return nullptr;
  if (!accept(Token::kRightParen)) return unexpected(), nullptr;
  ExprPtr expr = make(ParenNode{}, {.start = start, .end = last_end_}, inner->type);
  expr->children.push_back(std::move(inner));
  return expr;
}

ExprPtr Parser::number() {
  const Position position = lexeme_.position();
  const bool is_duration = is(Token::kDuration);
  const double value = parse_literal();
  return make(NumberLiteral{.value = value, .is_duration = is_duration}, position,
              ValueType::kScalar);
}

// The number or duration at the cursor, which it passes.
double Parser::parse_literal() {
  double value = 0;
  if (is(Token::kNumber)) {
    value = parse_number(lexeme_.text);
  } else if (const Result<model::DurationMs> ms = model::parse_duration(lexeme_.text)) {
    value = static_cast<double>(*ms) / 1000.0;
  } else {
    fail(lexeme_.position(), ms.error().message());
  }
  last_end_ = lexeme_.position().end;
  advance();
  return value;
}

// Go's ParseInt with base 0, then ParseFloat. The lexer has checked where underscores stand.
double Parser::parse_number(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  const char* begin = digits.data();
  const char* end = begin + digits.size();
  const bool hex = digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
  const bool octal = !hex && digits.size() > 1 && digits[0] == '0';
  std::int64_t integer = 0;
  const auto parsed = std::from_chars(hex ? begin + 2 : begin, end, integer,
                                      hex     ? 16
                                      : octal ? 8
                                              : 10);
  const bool open_end = text.ends_with('_');  // the lexer lets it pass in front of a blank
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == end;
  if (whole && !open_end) return static_cast<double>(integer);
  if (equals_ignore_case(text, "nan")) return model::normal_nan();
  double value = 0;
  if (!hex && !open_end && parse_float(digits, value)) return value;
  const bool too_large = std::from_chars(begin, end, value).ec == std::errc::result_out_of_range;
  fail(lexeme_.position(), concat("error parsing number: strconv.ParseFloat: parsing ", quote(text),
                                  too_large && !hex ? ": value out of range" : ": invalid syntax"));
  return 0;
}

ExprPtr Parser::call() {
  const Lexeme name = lexeme_;
  advance();
  std::vector<ExprPtr> args;
  if (!arguments(args)) return nullptr;
  const Function* function = find_function(name.text);
  if (function == nullptr) {
    fail(name.position(), concat("unknown function with name ", quote(name.text)));
    return nullptr;
  }
  if (function->experimental && !options_.experimental_functions) {
    fail(name.position(), concat("function ", quote(name.text), " is not enabled"));
    return nullptr;
  }
  ExprPtr expr =
      make(CallNode{function}, {.start = name.start, .end = last_end_}, function->result);
  expr->children = std::move(args);
  return expr;
}

bool Parser::arguments(std::vector<ExprPtr>& out) {
  advance();
  if (accept(Token::kRightParen)) return true;
  for (;;) {
    out.push_back(expression());
    if (failed()) return false;
    if (accept(Token::kRightParen)) return true;
    if (!is(Token::kComma)) return unexpected(), false;
    const Position comma = lexeme_.position();
    advance();
    if (starts_operand()) continue;
    if (is(Token::kError)) return unexpected(), false;
    fail(comma, "trailing commas not allowed in function call args");
    return false;
  }
}

ExprPtr Parser::aggregate() {
  const Lexeme op = lexeme_;
  // The operators' names are no reserved words: `sum` alone is a metric.
  Lexer ahead = lexer_;
  const Token next = ahead.next().token;
  if (next != Token::kLeftParen && next != Token::kBy && next != Token::kWithout) {
    return vector_selector();
  }
  advance();
  AggregateNode node{.op = op.token};
  ++open_aggregations_;
  if (!is(Token::kLeftParen) && !aggregate_modifier(node)) return nullptr;
  if (!is(Token::kLeftParen)) return unexpected(), nullptr;
  const bool modifier_first = next != Token::kLeftParen;
  std::vector<ExprPtr> args;
  if (!arguments(args)) return nullptr;
  const bool modifier_last = !modifier_first && (is(Token::kBy) || is(Token::kWithout));
  if (modifier_last && !aggregate_modifier(node)) return nullptr;
  --open_aggregations_;
  ExprPtr expr = make(std::move(node), {.start = op.start, .end = last_end_}, ValueType::kVector);
  return finish_aggregate(*expr, std::move(args)) ? std::move(expr) : nullptr;
}

bool Parser::aggregate_modifier(AggregateNode& node) {
  node.without = is(Token::kWithout);
  advance();
  return grouping(node.grouping);
}

bool Parser::finish_aggregate(Expr& aggregate, std::vector<ExprPtr> args) {
  const Token op = aggregate.as<AggregateNode>()->op;
  if (args.empty()) {
    fail(aggregate.position, "no arguments for aggregate expression provided");
    return false;
  }
  const bool experimental = op == Token::kLimitk || op == Token::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    fail(aggregate.position, concat(spelling(op),
                                    "() is experimental and must be enabled with "
                                    "--enable-feature=promql-experimental-functions"));
    return false;
  }
  const std::size_t wanted = is_aggregator_with_parameter(op) ? 2 : 1;
  if (args.size() != wanted) {
    fail(aggregate.position,
         concat("wrong number of arguments for aggregate expression provided, expected ", wanted,
                ", got ", args.size()));
    return false;
  }
  // The vector comes first in the tree, the parameter first in the text.
  aggregate.children.push_back(std::move(args[wanted - 1]));
  if (wanted == 2) aggregate.children.push_back(std::move(args[0]));
  return true;
}

bool Parser::grouping(std::vector<std::string>& out) {
  constexpr std::string_view kContext = "grouping opts";
  if (!accept(Token::kLeftParen)) return unexpected(kContext, "\"(\""), false;
  while (!is(Token::kRightParen)) {
    const bool quoted = is(Token::kString);
    if (!quoted && !is_label_word(lexeme_.token)) return unexpected(kContext, "label"), false;
    std::string name = quoted ? unquote(lexeme_.text) : std::string(lexeme_.text);
    if (!model::is_valid_name(name)) {
      fail(lexeme_.position(), concat("invalid label name for grouping: ", quote(name)));
      return false;
    }
    out.push_back(std::move(name));
    advance();
    if (accept(Token::kComma)) continue;
    if (!is(Token::kRightParen)) return unexpected(kContext, "\",\" or \")\""), false;
  }
  return accept(Token::kRightParen);
}

namespace {

Result<void> check_size(std::string_view text) {
  if (text.size() <= kQueryTextBytesMax) return {};
  return Error(Code::kInvalid,
               concat("1:1: parse error: query is longer than ", kQueryTextBytesMax, " bytes"));
}

}  // namespace

Result<ExprPtr> parse_expression(std::string_view text, const ParserOptions& options) {
  NX_TRY(check_size(text));
  return Parser(text, options).parse_expression();
}

Result<model::Matchers> parse_selector(std::string_view text, const ParserOptions& options) {
  NX_TRY(check_size(text));
  return Parser(text, options).parse_selector();
}

Result<model::Labels> parse_metric(std::string_view text) {
  NX_TRY(check_size(text));
  return Parser(text, {}).parse_metric();
}

}  // namespace narthex::query
