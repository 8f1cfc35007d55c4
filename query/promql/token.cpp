// Tables of tokens: spellings of symbols and words, searched from front to back, for there are few
// and a query has some dozens of tokens. How an error names a token is decided by its class, as
// upstream's generated names do.
#include "query/promql/token.h"

#include <array>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex::query {
namespace {

struct Spelling {
  Token token;
  std::string_view text;
};

constexpr auto kSymbols = std::to_array<Spelling>({
    {Token::kLeftParen, "("},  {Token::kRightParen, ")"},  {Token::kLeftBrace, "{"},
    {Token::kRightBrace, "}"}, {Token::kLeftBracket, "["}, {Token::kRightBracket, "]"},
    {Token::kComma, ","},      {Token::kColon, ":"},       {Token::kEql, "="},
    {Token::kAdd, "+"},        {Token::kSub, "-"},         {Token::kMul, "*"},
    {Token::kDiv, "/"},        {Token::kMod, "%"},         {Token::kPow, "^"},
    {Token::kEqlc, "=="},      {Token::kNeq, "!="},        {Token::kLte, "<="},
    {Token::kLss, "<"},        {Token::kGte, ">="},        {Token::kGtr, ">"},
    {Token::kTrimUpper, "</"}, {Token::kTrimLower, ">/"},  {Token::kEqlRegex, "=~"},
    {Token::kNeqRegex, "!~"},  {Token::kAt, "@"},
});

constexpr auto kWords = std::to_array<Spelling>({
    {Token::kAnd, "and"},
    {Token::kOr, "or"},
    {Token::kUnless, "unless"},
    {Token::kAtan2, "atan2"},
    {Token::kSum, "sum"},
    {Token::kAvg, "avg"},
    {Token::kCount, "count"},
    {Token::kMin, "min"},
    {Token::kMax, "max"},
    {Token::kGroup, "group"},
    {Token::kStddev, "stddev"},
    {Token::kStdvar, "stdvar"},
    {Token::kTopk, "topk"},
    {Token::kBottomk, "bottomk"},
    {Token::kCountValues, "count_values"},
    {Token::kQuantile, "quantile"},
    {Token::kLimitk, "limitk"},
    {Token::kLimitRatio, "limit_ratio"},
    {Token::kOffset, "offset"},
    {Token::kSmoothed, "smoothed"},
    {Token::kAnchored, "anchored"},
    {Token::kBy, "by"},
    {Token::kWithout, "without"},
    {Token::kOn, "on"},
    {Token::kIgnoring, "ignoring"},
    {Token::kGroupLeft, "group_left"},
    {Token::kGroupRight, "group_right"},
    {Token::kFill, "fill"},
    {Token::kFillLeft, "fill_left"},
    {Token::kFillRight, "fill_right"},
    {Token::kBool, "bool"},
    {Token::kStart, "start"},
    {Token::kEnd, "end"},
    {Token::kStep, "step"},
    {Token::kRange, "range"},
    {Token::kMaxOf, "max_of"},
    {Token::kMinOf, "min_of"},
});

bool in(Token token, Token first, Token last) {
  return token >= first && token <= last;
}

// What tokens without a fixed spelling are called.
std::string_view kind_name(Token token) {
  if (token == Token::kIdentifier) return "identifier";
  if (token == Token::kMetricIdentifier) return "metric identifier";
  if (token == Token::kString) return "string";
  if (token == Token::kNumber) return "number";
  if (token == Token::kDuration) return "duration";
  return "error";
}

// Number of bytes that the first `runes` runes of `text` take.
std::size_t prefix_bytes(std::string_view text, std::size_t runes) {
  std::size_t at = 0;
  while (at < text.size()) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && runes-- == 0) break;
    ++at;
  }
  return at;
}

std::string quote_short(std::string_view text) {
  constexpr std::size_t kShownRunesMax = 10;  // fixed by upstream's message form
  if (text.size() <= kShownRunesMax) return quote(text);
  return quote(text.substr(0, prefix_bytes(text, kShownRunesMax))) + "...";
}

}  // namespace

bool is_operator(Token token) {
  return in(token, Token::kAdd, Token::kAt);
}
bool is_aggregator(Token token) {
  return in(token, Token::kAvg, Token::kLimitRatio);
}
bool is_keyword(Token token) {
  return in(token, Token::kBool, Token::kWithout);
}
bool is_comparison(Token token) {
  return in(token, Token::kEqlc, Token::kGtr);
}
bool is_set_operator(Token token) {
  return in(token, Token::kAnd, Token::kUnless);
}

bool is_aggregator_with_parameter(Token token) {
  return token == Token::kTopk || token == Token::kBottomk || token == Token::kCountValues ||
         token == Token::kQuantile || token == Token::kLimitk || token == Token::kLimitRatio;
}

std::string_view spelling(Token token) {
  for (const Spelling& s : kSymbols) {
    if (s.token == token) return s.text;
  }
  for (const Spelling& s : kWords) {
    if (s.token == token) return s.text;
  }
  return {};
}

Token keyword(std::string_view word) {
  for (const Spelling& s : kWords) {
    if (equals_ignore_case(s.text, word)) return s.token;
  }
  if (equals_ignore_case(word, "inf") || equals_ignore_case(word, "nan")) return Token::kNumber;
  return Token::kIdentifier;
}

std::string describe(const Lexeme& lexeme) {
  if (lexeme.token == Token::kEof) return "end of input";
  if (is_keyword(lexeme.token)) return concat("<", lexeme.text, ">");
  if (is_operator(lexeme.token)) return concat("<op:", lexeme.text, ">");
  if (is_aggregator(lexeme.token)) return concat("<aggr:", lexeme.text, ">");
  if (!spelling(lexeme.token).empty()) return quote_short(lexeme.text);
  const bool whole = lexeme.token == Token::kIdentifier || lexeme.token == Token::kMetricIdentifier;
  return concat(kind_name(lexeme.token), " ",
                whole ? quote(lexeme.text) : quote_short(lexeme.text));
}

std::string quote_rune(std::int32_t rune) {
  constexpr std::int32_t kReplacement = 0xFFFD;
  if (rune < 0) rune = kReplacement;
  if (rune == '\'') return "'\\''";
  if (rune == '"') return "'\"'";
  std::string text;
  append_utf8(text, static_cast<std::uint32_t>(rune));
  const std::string quoted = quote(text);
  return concat("'", std::string_view(quoted).substr(1, quoted.size() - 2), "'");
}

std::string describe_rune(std::int32_t rune) {
  std::string text;
  append_utf8(text, rune < 0 ? 0xFFFD : static_cast<std::uint32_t>(rune));
  const std::string code = fmt::format("U+{:04X}", rune);
  return rune < 0x20 ? code : concat(code, " '", text, "'");
}

}  // namespace narthex::query
