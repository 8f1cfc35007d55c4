// Tokens of PromQL, their spelling, and what an error message calls them. Truth: upstream
// promql/parser/lex.go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::query {

/// Classes are ranges of it, so the order matters: see is_operator() and its kin.
enum class Token : std::uint8_t {
  kEof,
  kError,
  kIdentifier,
  kMetricIdentifier,
  kNumber,
  kDuration,
  kString,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kEql,
  // Operators.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqlc,
  kNeq,
  kLte,
  kLss,
  kGte,
  kGtr,
  kTrimUpper,
  kTrimLower,
  kEqlRegex,
  kNeqRegex,
  kAnd,
  kOr,
  kUnless,
  kAt,
  // Aggregators.
  kAvg,
  kBottomk,
  kCount,
  kCountValues,
  kGroup,
  kMax,
  kMin,
  kQuantile,
  kStddev,
  kStdvar,
  kSum,
  kTopk,
  kLimitk,
  kLimitRatio,
  // Keywords.
  kBool,
  kBy,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kIgnoring,
  kOffset,
  kSmoothed,
  kAnchored,
  kOn,
  kWithout,
  // Query context, words that are also functions.
  kStart,
  kEnd,
  kStep,
  kRange,
  kMaxOf,
  kMinOf,
};

/// Byte offsets into the query text, half-open.
struct Position {
  std::int32_t start = 0;
  std::int32_t end = 0;
};

/// One token. `text` is a view into the query, or for kError a view of the message the lexer keeps.
struct Lexeme {
  Token token = Token::kEof;
  std::string_view text;
  std::int32_t start = 0;

  Position position() const {
    return {.start = start, .end = start + static_cast<std::int32_t>(text.size())};
  }
};

/// What class a token is of, as upstream groups them: operators include comparisons, set operators
/// and @; keywords are those that are no operators, aggregators or query context. Aggregators with
/// a parameter are topk, quantile and the like.
bool is_operator(Token token);
bool is_aggregator(Token token);
bool is_keyword(Token token);
bool is_comparison(Token token);
bool is_set_operator(Token token);
bool is_aggregator_with_parameter(Token token);

/// "+", "sum", "group_left"; empty for tokens without a fixed spelling.
std::string_view spelling(Token token);
/// The token of a word, whatever its case; kIdentifier when it is no keyword. "inf" and "nan" are
/// numbers.
Token keyword(std::string_view word);
/// As error messages name it: `<op:+>`, `identifier "x"`, `end of input`.
std::string describe(const Lexeme& lexeme);

/// Go's %q of one rune: `'x'`, and %#U: `U+0078 'x'`.
std::string quote_rune(std::int32_t rune);
std::string describe_rune(std::int32_t rune);

}  // namespace narthex::query
