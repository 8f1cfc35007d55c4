// Selectors, matchers, label sets, and what may follow a selector: ranges, offset, @, anchored,
// smoothed. Patterns are compiled here, as matchers are made; that may take long, so the caller's
// Stop is asked before each.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str.h"
#include "base/utf8.h"
#include "model/labels.h"
#include "query/context.h"
#include "query/promql/ast.h"
#include "query/promql/parser_impl.h"

namespace narthex::query {
namespace {

std::optional<model::MatchType> match_type(Token token) {
  if (token == Token::kEql) return model::MatchType::kEqual;
  if (token == Token::kNeq) return model::MatchType::kNotEqual;
  if (token == Token::kEqlRegex) return model::MatchType::kRegex;
  if (token == Token::kNeqRegex) return model::MatchType::kNotRegex;
  return std::nullopt;
}

// Decodes the escape whose backslash is at `at`, and returns where the text goes on.
std::size_t unescape(std::string_view text, std::size_t at, std::string& out) {
  constexpr std::string_view kNames = "abfnrtv\\'\"";
  constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\'\"";
  const char name = text[at + 1];
  if (const std::size_t i = kNames.find(name); i != std::string_view::npos) {
    out += kValues[i];
    return at + 2;
  }
  const bool octal = name >= '0' && name <= '7';
  const std::size_t digits = octal ? 3 : name == 'x' ? 2 : name == 'u' ? 4 : 8;
  const std::size_t begin = octal ? at + 1 : at + 2;
  const std::string piece(text.substr(begin, digits));
  const auto value = static_cast<std::uint32_t>(std::stoul(piece, nullptr, octal ? 8 : 16));
  if (octal || name == 'x') {
    out += static_cast<char>(value);
  } else {
    append_utf8(out, value);
  }
  return begin + digits;
}

}  // namespace

std::string unquote(std::string_view token_text) {
  const std::string_view body = token_text.substr(1, token_text.size() - 2);
  if (token_text.front() == '`' || body.find('\\') == std::string_view::npos) {
    return std::string(body);
  }
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    if (body[at] == '\\') {
      at = unescape(body, at, out);
    } else {
      out += body[at++];
    }
  }
  return out;
}

ExprPtr Parser::vector_selector() {
  const std::int32_t start = lexeme_.start;
  VectorSelector selector;
  last_end_ = lexeme_.position().end;
  std::int32_t end = last_end_;
  if (!is(Token::kLeftBrace)) {
    selector.name = std::string(lexeme_.text);
    advance();
  }
  if (is(Token::kLeftBrace)) {
    if (!matchers(selector.matchers)) return nullptr;
    end = last_end_;
  }
  // Behind what is written, as upstream has it: printing and messages depend on the order.
  if (!selector.name.empty()) {
    selector.matchers.push_back(
        model::Matcher::equal(std::string(model::kMetricName), selector.name));
  }
  return make(std::move(selector), {.start = start, .end = end}, ValueType::kVector);
}

bool Parser::matchers(model::Matchers& out) {
  advance();
  while (!is(Token::kRightBrace)) {
    if (!matcher(out)) return false;
    if (accept(Token::kComma)) continue;
    if (!is(Token::kRightBrace)) return unexpected("label matching", "\",\" or \"}\""), false;
  }
  return accept(Token::kRightBrace);
}

bool Parser::may_go_on() {
  if (options_.stop == nullptr) return true;
  const Result<void> go_on = options_.stop->check();
  if (go_on) return true;
  stopped_ = go_on.error();
  error_ = go_on.error().message();
  return false;
}

bool Parser::matcher(model::Matchers& out) {
  constexpr std::string_view kContext = "label matching";
  const Lexeme name = lexeme_;
  const bool quoted = is(Token::kString);
  if (!quoted && !is(Token::kIdentifier)) {
    return unexpected(kContext, "identifier or \"}\""), false;
  }
  std::string label = quoted ? unquote(name.text) : std::string(name.text);
  advance();
  const std::optional<model::MatchType> type = match_type(lexeme_.token);
  if (!type) {
    // A text alone is the metric's name, {"metric"}.
    if (!quoted) return unexpected(kContext, "label matching operator"), false;
    if (is(Token::kError)) return unexpected(), false;
    out.push_back(model::Matcher::equal(std::string(model::kMetricName), std::move(label)));
    return true;
  }
  advance();
  if (!is(Token::kString)) return unexpected(kContext, "string"), false;
  const bool is_pattern = type == model::MatchType::kRegex || type == model::MatchType::kNotRegex;
  if (is_pattern && !may_go_on()) return false;
  Result<model::Matcher> made =
      model::Matcher::create(*type, std::move(label), unquote(lexeme_.text));
  if (!made) return fail(name.position(), made.error().message()), false;
  out.push_back(*std::move(made));
  advance();
  return true;
}

Result<model::Matchers> Parser::parse_selector() {
  advance();
  if (!is(Token::kLeftBrace) &&
      (!starts_operand() || is(Token::kNumber) || is(Token::kDuration) || is(Token::kString) ||
       is(Token::kLeftParen) || is(Token::kAdd) || is(Token::kSub))) {
    unexpected();
    return error();
  }
  ExprPtr selector = vector_selector();
  if (!failed() && !is(Token::kEof)) unexpected();
  if (failed()) return error();
  return std::move(selector->as<VectorSelector>()->matchers);
}

Result<model::Labels> Parser::parse_metric() {
  std::vector<std::pair<std::string, std::string>> pairs;
  advance();
  std::string name;
  if (starts_operand() && !is(Token::kLeftBrace)) {
    name = std::string(lexeme_.text);
    advance();
  }
  if (is(Token::kLeftBrace)) label_set(pairs);
  if (!failed() && !is(Token::kEof)) unexpected();
  if (failed()) return error();
  if (!name.empty()) pairs.emplace_back(model::kMetricName, name);
  return model::Labels::from_pairs(std::move(pairs));
}

bool Parser::label_set(std::vector<std::pair<std::string, std::string>>& out) {
  advance();
  while (!is(Token::kRightBrace)) {
    if (!label_set_item(out)) return false;
    if (accept(Token::kComma)) continue;
    if (!is(Token::kRightBrace)) return unexpected("label set", "\",\" or \"}\""), false;
  }
  return accept(Token::kRightBrace);
}

bool Parser::label_set_item(std::vector<std::pair<std::string, std::string>>& out) {
  const bool quoted = is(Token::kString);
  if (!quoted && !is(Token::kIdentifier)) {
    return unexpected("label set", "identifier or \"}\""), false;
  }
  std::string name = quoted ? unquote(lexeme_.text) : std::string(lexeme_.text);
  advance();
  if (!is(Token::kEql)) {
    if (!quoted) return unexpected("label set", "\"=\""), false;
    out.emplace_back(model::kMetricName, std::move(name));
    return true;
  }
  advance();
  if (!is(Token::kString)) return unexpected("label set", "string"), false;
  out.emplace_back(std::move(name), unquote(lexeme_.text));
  advance();
  return true;
}

ExprPtr Parser::brackets(ExprPtr expr) {
  constexpr std::string_view kAny = "number, duration, step(), or range()";
  const std::int32_t start = lexeme_.start;
  advance();
  const DurationIndex parsed = whole_duration();
  if (failed()) return nullptr;
  if (parsed == kNone) return unexpected("subquery or range selector", kAny), nullptr;
  DurationSpec range;
  const bool is_range = is(Token::kRightBracket);
  if (!is_range && !is(Token::kColon)) {
    return unexpected("subquery or range", "\":\" or \"]\""), nullptr;
  }
  // The bracket or colon behind it has been seen before the range is judged, as the grammar has it.
  to_spec(parsed, range);
  if (!positive_duration(range)) return nullptr;
  if (accept(Token::kRightBracket)) {
    return matrix_selector(std::move(expr), std::move(range), {.start = start, .end = last_end_});
  }
  advance();
  return subquery(std::move(expr), std::move(range));
}

ExprPtr Parser::matrix_selector(ExprPtr expr, DurationSpec range, Position brackets) {
  auto* selector = expr->as<VectorSelector>();
  if (selector == nullptr) {
    return fail(brackets, "ranges only allowed for vector selectors"), nullptr;
  }
  // Only what stands before the bracket by mistake; modifiers behind it come later.
  if (selector->time.offset.ns != 0) {
    return fail(brackets, "no offset modifiers allowed before range"), nullptr;
  }
  if (selector->time.at) return fail(brackets, "no @ modifiers allowed before range"), nullptr;
  const Position position{.start = expr->position.start, .end = brackets.end};
  MatrixSelector matrix{.selector = std::move(*selector),
                        .selector_position = expr->position,
                        .range = std::move(range)};
  return make(std::move(matrix), position, ValueType::kMatrix);
}

ExprPtr Parser::subquery(ExprPtr expr, DurationSpec range) {
  constexpr std::string_view kContext = "subquery selector";
  constexpr std::string_view kAny = "number, duration, step(), range(), or \"]\"";
  DurationSpec step;
  if (!is(Token::kRightBracket)) {
    const DurationIndex parsed = whole_duration();
    if (failed()) return nullptr;
    if (parsed == kNone) return unexpected(kContext, kAny), nullptr;
    if (!is(Token::kRightBracket)) return unexpected(kContext, "\"]\""), nullptr;
    to_spec(parsed, step);
    if (!positive_duration(step)) return nullptr;
  }
  accept(Token::kRightBracket);
  const Position position{.start = expr->position.start, .end = last_end_};
  ExprPtr node = make(SubqueryNode{.range = std::move(range), .step = std::move(step)}, position,
                      ValueType::kMatrix);
  node->children.push_back(std::move(expr));
  return node;
}

TimeModifiers* Parser::time_modifiers(Expr& expr, std::string_view name) {
  if (auto* vector = expr.as<VectorSelector>()) return &vector->time;
  if (auto* matrix = expr.as<MatrixSelector>()) return &matrix->selector.time;
  if (auto* sub = expr.as<SubqueryNode>()) return &sub->time;
  fail(expr.position, concat(name,
                             " modifier must be preceded by an instant vector selector or "
                             "range vector selector or a subquery"));
  return nullptr;
}

bool Parser::offset(Expr& expr) {
  advance();
  const DurationIndex parsed = offset_duration();
  if (failed()) return false;
  if (parsed == kNone) return unexpected("offset", "number, duration, step(), or range()"), false;
  DurationSpec spec;
  to_spec(parsed, spec);
  TimeModifiers* time = time_modifiers(expr, "offset");
  if (time == nullptr) return false;
  if (time->offset.set()) {
    return fail(expr.position, "offset may not be set multiple times"), false;
  }
  time->offset = std::move(spec);
  expr.position.end = last_end_;
  return true;
}

bool Parser::at(Expr& expr) {
  constexpr std::string_view kSetTwice = "@ <timestamp> may not be set multiple times";
  advance();
  const Token edge = lexeme_.token;
  double seconds = 0;
  if (edge == Token::kStart || edge == Token::kEnd) {
    advance();
    if (!accept(Token::kLeftParen) || !accept(Token::kRightParen)) {
      return unexpected("@", "timestamp"), false;
    }
  } else {
    const bool negative = is(Token::kSub);
    if (negative || is(Token::kAdd)) advance();
    if (!is(Token::kNumber) && !is(Token::kDuration)) return unexpected("@", "timestamp"), false;
    seconds = parse_literal();
    if (negative) seconds = -seconds;
    constexpr double kLimit = 9223372036854775808.0;  // 2^63
    if (!std::isfinite(seconds) || seconds >= kLimit || seconds <= -kLimit) {
      const std::string shown = std::isfinite(seconds) ? fmt::format("{:f}", seconds)
                                                       : format_float(seconds, FloatStyle::kFixed);
      fail(expr.position, concat("timestamp out of bounds for @ modifier: ", shown));
    }
  }
  TimeModifiers* time = failed() ? nullptr : time_modifiers(expr, "@");
  if (time == nullptr) return false;
  if (time->has_at()) return fail(expr.position, std::string(kSetTwice)), false;
  if (edge == Token::kStart || edge == Token::kEnd) {
    time->at_edge = edge;
  } else {
    constexpr double kMsMax = 9.2e18;  // beyond it the rounding below would not fit
    time->at = static_cast<model::TimeMs>(std::clamp(std::round(seconds * 1000), -kMsMax, kMsMax));
  }
  expr.position.end = last_end_;
  return true;
}

bool Parser::extended(Expr& expr, Token token) {
  const std::string_view name = spelling(token);
  advance();
  if (!options_.extended_range_selectors) {
    return fail(expr.position, concat(name, " modifier is experimental and not enabled")), false;
  }
  auto* selector = expr.as<VectorSelector>();
  if (auto* matrix = expr.as<MatrixSelector>()) selector = &matrix->selector;
  if (expr.as<SubqueryNode>() != nullptr) {
    return fail(expr.position, concat(name, " modifier is not supported for subqueries")), false;
  }
  if (selector == nullptr) {
    return fail(expr.position, concat(name, " modifier not implemented")), false;
  }
  (token == Token::kAnchored ? selector->anchored : selector->smoothed) = true;
  if (selector->anchored && selector->smoothed) {
    fail(expr.position, "anchored and smoothed modifiers cannot be used together");
  }
  return !failed();
}

}  // namespace narthex::query
