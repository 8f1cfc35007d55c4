// Arithmetic on durations, inside range brackets and after offset: [5m * 2], offset (step() + 1m).
// The same two stacks as for expressions, over indexes into a flat list, since a duration is
// printed and evaluated later by loops.
//
// What it may not do is read too far: behind `offset` a plain literal ends the duration, for what
// follows belongs to the expression around it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str.h"
#include "base/units.h"
#include "query/promql/ast.h"
#include "query/promql/parser_impl.h"

namespace narthex::query {
namespace {

bool is_context(Token token) {
  return token == Token::kStep || token == Token::kRange;
}
bool is_choice(Token token) {
  return token == Token::kMaxOf || token == Token::kMinOf;
}

int duration_precedence(Token token) {
  if (token == Token::kAdd || token == Token::kSub) return 1;
  if (token == Token::kMul || token == Token::kDiv || token == Token::kMod) return 2;
  return token == Token::kPow ? 3 : 0;
}

// Whether `seconds` does not fit 63 bits of nanoseconds.
bool out_of_range(double seconds) {
  constexpr double kSecondsMax = 9223372036854775808.0 / static_cast<double>(kNsPerSecond);
  return seconds > kSecondsMax || seconds < -kSecondsMax;
}

}  // namespace

Parser::DurationIndex Parser::add_duration(DurationNode node) {
  durations_.push_back(node);
  return static_cast<DurationIndex>(durations_.size() - 1);
}

// Inside brackets.
Parser::DurationIndex Parser::whole_duration() {
  durations_.clear();
  return duration_expression();
}

Parser::DurationIndex Parser::duration_literal() {
  DurationNode node{.op = lexeme_.token, .position = lexeme_.position()};
  node.seconds = parse_literal();
  if (out_of_range(node.seconds)) fail(node.position, "duration out of range");
  return add_duration(node);
}

// Signs, then an operand, then whatever on the stack binds tighter than the operator to come is
// reduced. A sign binds like a product, so -2^2 is -(2^2); powers are taken from the right.
Parser::DurationIndex Parser::duration_expression() {
  struct Pending {
    Token op;
    Position position;
    bool unary;
    Lexeme lexeme;
  };
  std::vector<DurationIndex> operands;
  std::vector<Pending> operators;
  if (!enter()) return kNone;
  const auto reduce_top = [&] {
    const Pending top = operators.back();
    operators.pop_back();
    const DurationIndex right = operands.back();
    operands.pop_back();
    if (top.unary) {
      operands.push_back(duration_unary(top.lexeme, right));
    } else {
      operands.back() = duration_binary(top.op, top.position, operands.back(), right);
    }
  };
  for (;;) {
    while (is(Token::kAdd) || is(Token::kSub)) {
      operators.push_back({lexeme_.token, lexeme_.position(), true, lexeme_});
      advance();
    }
    operands.push_back(duration_primary());
    if (failed() || operands.back() == kNone) return kNone;
    const int level = duration_precedence(lexeme_.token);
    while (!operators.empty() && !failed()) {
      const Pending& top = operators.back();
      const int held = top.unary ? 2 : duration_precedence(top.op);
      if (held < level || (held == level && top.op == Token::kPow)) break;
      reduce_top();
    }
    if (failed()) return kNone;
    if (level == 0) break;
    operators.push_back({lexeme_.token, lexeme_.position(), false, lexeme_});
    advance();
  }
  leave();
  return operands.back();
}

Parser::DurationIndex Parser::duration_primary() {
  if (is(Token::kNumber) || is(Token::kDuration)) return duration_literal();
  if (is_context(lexeme_.token) || is_choice(lexeme_.token)) return duration_call();
  if (!accept(Token::kLeftParen)) return kNone;
  const DurationIndex inner = duration_expression();
  if (failed() || inner == kNone || !accept(Token::kRightParen)) return kNone;
  if (!duration(inner).is_literal()) duration(inner).wrapped = true;
  return inner;
}

Parser::DurationIndex Parser::duration_call() {
  DurationNode node{.op = lexeme_.token};
  const std::int32_t start = lexeme_.start;
  advance();
  if (!accept(Token::kLeftParen)) return kNone;
  if (is_choice(node.op)) {
    node.left = duration_expression();
    if (failed() || node.left == kNone || !accept(Token::kComma)) return kNone;
    node.right = duration_expression();
    if (failed() || node.right == kNone) return kNone;
  }
  if (!accept(Token::kRightParen)) return kNone;
  node.position = {.start = start, .end = last_end_};
  return add_duration(node);
}

// After offset a plain literal or call ends the duration, so that `a offset 5m + b` adds b to the
// selector.
Parser::DurationIndex Parser::offset_duration() {
  durations_.clear();
  if (is(Token::kNumber) || is(Token::kDuration)) return duration_literal();
  if (is_context(lexeme_.token) || is_choice(lexeme_.token)) return duration_call();
  if (!is(Token::kAdd) && !is(Token::kSub)) return duration_expression();
  Lexer ahead = lexer_;
  const Token next = ahead.next().token;
  if (next == Token::kAdd || next == Token::kSub) return duration_expression();
  const Lexeme op = lexeme_;
  advance();
  const DurationIndex operand = duration_primary();
  if (failed() || operand == kNone) return kNone;
  return duration_unary(op, operand);
}

Parser::DurationIndex Parser::duration_unary(const Lexeme& op, DurationIndex operand) {
  DurationNode& inner = duration(operand);
  if (inner.is_literal()) {
    if (op.token == Token::kSub) inner.seconds = -inner.seconds;
    inner.position.start = op.start;
    return operand;
  }
  if (op.token == Token::kAdd) return operand;
  return add_duration({.op = Token::kSub,
                       .position = {.start = op.start, .end = inner.position.end},
                       .right = operand});
}

Parser::DurationIndex Parser::duration_binary(Token op, Position position, DurationIndex left,
                                              DurationIndex right) {
  const DurationNode& divisor = duration(right);
  const bool divides = op == Token::kDiv || op == Token::kMod;
  if (divides && divisor.is_literal() && divisor.seconds == 0) {
    fail(position, op == Token::kDiv ? "division by zero" : "modulo by zero");
    return kNone;
  }
  return add_duration(
      {.op = op,
       .position = {.start = duration(left).position.start, .end = divisor.position.end},
       .left = left,
       .right = right});
}

void Parser::to_spec(DurationIndex root, DurationSpec& out) {
  const DurationNode node = duration(root);
  if (!node.is_literal()) {
    out.expr = std::move(durations_);
    durations_.clear();
    return;
  }
  const double ns = std::round(node.seconds * static_cast<double>(kNsPerSecond));
  constexpr double kNsMax = 9223372036854774784.0;  // the largest double below 2^63
  out.ns = static_cast<std::int64_t>(std::clamp(ns, -kNsMax, kNsMax));
  literal_ = {.position = node.position, .positive = node.seconds > 0};
}

bool Parser::positive_duration(const DurationSpec& out) {
  if (!out.expr.empty() || literal_.positive) return true;
  fail(literal_.position, "duration must be greater than 0");
  return false;
}

}  // namespace narthex::query
