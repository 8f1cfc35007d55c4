// Arithmetic on durations, inside range brackets and after offset.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str.h"
#include "query/promql/ast.h"
#include "query/promql/parser_impl.h"

namespace narthex::query {
namespace {

constexpr double kNsPerSecond = 1e9;

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
  constexpr double kSecondsMax = 9223372036854775808.0 / kNsPerSecond;
  return seconds > kSecondsMax || seconds < -kSecondsMax;
}

}  // namespace

Parser::DurationPtr Parser::duration_literal() {
  auto out = std::make_unique<DurationExpr>();
  out->op = lexeme_.token;
  out->position = lexeme_.position();
  out->seconds = parse_literal();
  if (out_of_range(out->seconds)) fail(out->position, "duration out of range");
  return out;
}

// Null without an error: what stands here does not start a duration, and the caller words the
// complaint.
Parser::DurationPtr Parser::duration_expression() {
  struct Pending {
    Token op;
    Position position;
    bool unary;
    Lexeme lexeme;
  };
  std::vector<DurationPtr> operands;
  std::vector<Pending> operators;
  if (!enter()) return nullptr;
  const auto reduce_top = [&] {
    const Pending top = operators.back();
    operators.pop_back();
    DurationPtr right = std::move(operands.back());
    operands.pop_back();
    if (top.unary) {
      operands.push_back(duration_unary(top.lexeme, std::move(right)));
      return;
    }
    DurationPtr left = std::move(operands.back());
    operands.back() = duration_binary(top.op, top.position, std::move(left), std::move(right));
  };
  for (;;) {
    while (is(Token::kAdd) || is(Token::kSub)) {
      operators.push_back({lexeme_.token, lexeme_.position(), true, lexeme_});
      advance();
    }
    operands.push_back(duration_primary());
    if (failed() || !operands.back()) return nullptr;
    const int level = duration_precedence(lexeme_.token);
    while (!operators.empty() && !failed()) {
      const Pending& top = operators.back();
      const int held = top.unary ? 2 : duration_precedence(top.op);
      if (held < level || (held == level && top.op == Token::kPow)) break;
      reduce_top();
    }
    if (failed()) return nullptr;
    if (level == 0) break;
    if (operands.size() + operators.size() > kNestingMax) {
      return fail(lexeme_.position(), "duration expression is too long"), nullptr;
    }
    operators.push_back({lexeme_.token, lexeme_.position(), false, lexeme_});
    advance();
  }
  leave();
  return std::move(operands.back());
}

Parser::DurationPtr Parser::duration_primary() {
  if (is(Token::kNumber) || is(Token::kDuration)) return duration_literal();
  if (is_context(lexeme_.token) || is_choice(lexeme_.token)) return duration_call();
  if (!accept(Token::kLeftParen)) return nullptr;
  DurationPtr inner = duration_expression();
  if (!inner || failed() || !accept(Token::kRightParen)) return nullptr;
  if (!inner->is_literal()) inner->wrapped = true;
  return inner;
}

Parser::DurationPtr Parser::duration_call() {
  auto out = std::make_unique<DurationExpr>();
  out->op = lexeme_.token;
  const std::int32_t start = lexeme_.start;
  advance();
  if (!accept(Token::kLeftParen)) return nullptr;
  if (is_choice(out->op)) {
    out->left = duration_expression();
    if (!out->left || !accept(Token::kComma)) return nullptr;
    out->right = duration_expression();
    if (!out->right) return nullptr;
  }
  if (!accept(Token::kRightParen)) return nullptr;
  out->position = {.start = start, .end = last_end_};
  return out;
}

// After offset a plain literal or call ends the duration, so that `a offset 5m + b` adds b to the
// selector.
Parser::DurationPtr Parser::offset_duration() {
  if (is(Token::kNumber) || is(Token::kDuration)) return duration_literal();
  if (is_context(lexeme_.token) || is_choice(lexeme_.token)) return duration_call();
  if (!is(Token::kAdd) && !is(Token::kSub)) return duration_expression();
  Lexer ahead = lexer_;
  const Token next = ahead.next().token;
  if (next == Token::kAdd || next == Token::kSub) return duration_expression();
  const Lexeme op = lexeme_;
  advance();
  DurationPtr operand = duration_primary();
  if (!operand || failed()) return nullptr;
  return duration_unary(op, std::move(operand));
}

Parser::DurationPtr Parser::duration_unary(const Lexeme& op, DurationPtr operand) {
  if (operand->is_literal()) {
    if (op.token == Token::kSub) operand->seconds = -operand->seconds;
    operand->position.start = op.start;
    return operand;
  }
  if (op.token == Token::kAdd) return operand;
  auto out = std::make_unique<DurationExpr>();
  out->op = Token::kSub;
  out->position = {.start = op.start, .end = operand->position.end};
  out->right = std::move(operand);
  return out;
}

Parser::DurationPtr Parser::duration_binary(Token op, Position position, DurationPtr left,
                                            DurationPtr right) {
  const bool divides = op == Token::kDiv || op == Token::kMod;
  if (divides && right->is_literal() && right->seconds == 0) {
    fail(position, op == Token::kDiv ? "division by zero" : "modulo by zero");
    return nullptr;
  }
  auto out = std::make_unique<DurationExpr>();
  out->op = op;
  out->position = {.start = left->position.start, .end = right->position.end};
  out->left = std::move(left);
  out->right = std::move(right);
  return out;
}

bool Parser::to_spec(DurationPtr expr, DurationSpec& out) {
  if (!expr->is_literal()) {
    out.expr = std::move(expr);
    return true;
  }
  const double ns = std::round(expr->seconds * kNsPerSecond);
  constexpr double kNsMax = 9223372036854774784.0;  // the largest double below 2^63
  out.ns = static_cast<std::int64_t>(std::clamp(ns, -kNsMax, kNsMax));
  literal_ = {.position = expr->position, .positive = expr->seconds > 0};
  return true;
}

bool Parser::positive_duration(const DurationSpec& out) {
  if (out.expr || literal_.positive) return true;
  fail(literal_.position, "duration must be greater than 0");
  return false;
}

}  // namespace narthex::query
