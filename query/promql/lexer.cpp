// The lexer: one function per mode, helpers that scan one kind of token each. It follows upstream's
// state machine (promql/parser/lex.go) branch by branch, because both the tokens and the complaints
// must be the same; what looks redundant is usually a difference in a message.
//
// Modes. Inside braces words are labels and no keywords; behind a left bracket only arithmetic on
// durations is legal, up to the first number; everywhere else a word may be a keyword, a function,
// or a metric. Parentheses are counted, brackets do not nest.
//
// Scanning backs up by one character at most (back()): read() remembers how wide the last one was.
#include "query/promql/lexer.h"

#include <utility>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex::query {
namespace {

constexpr std::int32_t kRuneError = 0xFFFD;

bool is_space(std::int32_t r) {
  return r == ' ' || r == '\t' || r == '\n' || r == '\r';
}
bool is_digit(std::int32_t r) {
  return r >= '0' && r <= '9';
}
bool is_alpha(std::int32_t r) {
  return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}
bool is_alphanumeric(std::int32_t r) {
  return is_alpha(r) || is_digit(r);
}

bool starts_duration_keyword(std::int32_t r) {
  const std::int32_t lower = r >= 'A' && r <= 'Z' ? r - 'A' + 'a' : r;
  return lower == 's' || lower == 'r' || lower == 'm';
}

// The value of a hexadecimal digit, 16 for anything else.
std::uint32_t digit_value(std::int32_t r) {
  if (is_digit(r)) return static_cast<std::uint32_t>(r - '0');
  if (r >= 'a' && r <= 'f') return static_cast<std::uint32_t>(r - 'a' + 10);
  if (r >= 'A' && r <= 'F') return static_cast<std::uint32_t>(r - 'A' + 10);
  return 16;
}

struct Decoded {
  std::int32_t rune = kRuneError;
  std::size_t width = 1;
};

Decoded decode(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {.rune = lead, .width = 1};
  const std::size_t width = utf8_length(text, at);
  if (width == 0) return {};
  return {.rune = static_cast<std::int32_t>(decode_utf8(text.substr(at, width))), .width = width};
}

bool contains(std::string_view valid, std::int32_t rune) {
  return rune >= 0 && rune < 0x80 && valid.find(static_cast<char>(rune)) != valid.npos;
}

}  // namespace

std::int32_t Lexer::read() {
  if (at_ >= text_.size()) {
    width_ = 0;
    return kEnd;
  }
  const Decoded decoded = decode(text_, at_);
  width_ = decoded.width;
  at_ += width_;
  return decoded.rune;
}

std::int32_t Lexer::peek() {
  const std::int32_t rune = read();
  back();
  return rune;
}

bool Lexer::accept(std::string_view valid) {
  if (contains(valid, read())) return true;
  back();
  return false;
}

bool Lexer::peek_in(std::string_view valid) {
  return contains(valid, peek());
}

Lexeme Lexer::emit(Token token) {
  const Lexeme lexeme{
      .token = token, .text = pending(), .start = static_cast<std::int32_t>(start_)};
  start_ = at_;
  return lexeme;
}

Lexeme Lexer::fail(std::string message) {
  message_ = std::move(message);
  mode_ = Mode::kDone;
  return {.token = Token::kError, .text = message_, .start = static_cast<std::int32_t>(start_)};
}

bool Lexer::skip_comment() {
  if (at_ >= text_.size() || text_[at_] != '#') return false;
  const std::size_t end = text_.find_first_of("\r\n", at_);
  at_ = end == std::string_view::npos ? text_.size() : end;
  start_ = at_;
  return true;
}

void Lexer::skip_spaces() {
  while (is_space(peek())) read();
  start_ = at_;
}

Lexeme Lexer::next() {
  if (mode_ == Mode::kDone) {
    start_ = at_ = text_.size();
    return emit(Token::kEof);
  }
  do {
    skip_spaces();
  } while (mode_ != Mode::kDurationStart && skip_comment());
  if (mode_ == Mode::kBraces) return next_in_braces();
  if (mode_ == Mode::kDurationStart) return next_in_duration();
  return next_statement();
}

Lexeme Lexer::next_statement() {
  const std::int32_t r = read();
  if (r == kEnd) {
    if (paren_depth_ != 0) return fail("unclosed left parenthesis");
    if (bracket_open_) return fail("unclosed left bracket");
    mode_ = Mode::kDone;
    return emit(Token::kEof);
  }
  if (is_digit(r) || (r == '.' && is_digit(peek()))) {
    back();
    at_ = start_;
    return number_or_duration();
  }
  if (r == '"' || r == '\'') return string(r);
  if (r == '`') return raw_string();
  if (is_alpha(r) || r == ':') {
    if (bracket_open_) return word_in_brackets(r);
    back();
    return word();
  }
  return operator_or_bracket(r);
}

Lexeme Lexer::operator_or_bracket(std::int32_t r) {
  switch (r) {
    case ',':
      return emit(Token::kComma);
    case '*':
      return emit(Token::kMul);
    case '/':
      return emit(Token::kDiv);
    case '%':
      return emit(Token::kMod);
    case '+':
      return emit(Token::kAdd);
    case '-':
      return emit(Token::kSub);
    case '^':
      return emit(Token::kPow);
    case '@':
      return emit(Token::kAt);
    case '=':
      if (accept("=")) return emit(Token::kEqlc);
      if (peek() == '~') return fail(concat("unexpected character after '=': ", quote_rune('~')));
      return emit(Token::kEql);
    case '!': {
      const std::int32_t t = read();
      if (t == '=') return emit(Token::kNeq);
      return fail(concat("unexpected character after '!': ", quote_rune(t)));
    }
    case '<':
      if (accept("=")) return emit(Token::kLte);
      // `</` and `>/` trim histograms.
      return emit(accept("/") ? Token::kTrimUpper : Token::kLss);
    case '>':
      if (accept("=")) return emit(Token::kGte);
      return emit(accept("/") ? Token::kTrimLower : Token::kGtr);
    case '(':
      ++paren_depth_;
      return emit(Token::kLeftParen);
    case ')':
      return close_paren(r);
    case '{':
      mode_ = Mode::kBraces;
      return emit(Token::kLeftBrace);
    case '[':
      return open_bracket();
    case ']':
      if (!bracket_open_) return fail(concat("unexpected right bracket ", quote_rune(r)));
      bracket_open_ = false;
      return emit(Token::kRightBracket);
    default:
      return fail(concat("unexpected character: ", quote_rune(r)));
  }
}

// One too many is told once the token is cut, so that the message stands behind it, as upstream's.
Lexeme Lexer::close_paren(std::int32_t r) {
  const Lexeme lexeme = emit(Token::kRightParen);
  if (--paren_depth_ < 0) return fail(concat("unexpected right parenthesis ", quote_rune(r)));
  return lexeme;
}

Lexeme Lexer::open_bracket() {
  if (bracket_open_) return fail(concat("unexpected left bracket ", quote_rune('[')));
  got_colon_ = false;
  bracket_open_ = true;
  mode_ = Mode::kDurationStart;
  return emit(Token::kLeftBracket);
}

Lexeme Lexer::word_in_brackets(std::int32_t r) {
  if (r == ':') {
    if (got_colon_) return fail(concat("unexpected colon ", quote_rune(r)));
    got_colon_ = true;
    return emit(Token::kColon);
  }
  Token token;
  if (starts_duration_keyword(r) && scan_duration_keyword(token)) return emit(token);
  return fail(concat("unexpected character: ", quote_rune(r), ", expected ", quote_rune(':')));
}

// The start of a bracket's content, up to its first number: nothing but duration arithmetic is
// legal.
Lexeme Lexer::next_in_duration() {
  const std::int32_t r = read();
  switch (r) {
    case kEnd:
      return fail("unexpected end of input in duration expression");
    case ']':
      bracket_open_ = got_colon_ = false;
      mode_ = Mode::kStatements;
      return emit(Token::kRightBracket);
    case ':': {
      const Lexeme colon = emit(Token::kColon);
      if (!got_duration_) return fail("unexpected colon before duration in duration expression");
      if (got_colon_) return fail("unexpected repeated colon in duration expression");
      got_colon_ = true;
      return colon;
    }
    case '(':
      ++paren_depth_;
      return emit(Token::kLeftParen);
    case ')':
      return close_paren(r);
    case '+':
      return emit(Token::kAdd);
    case '-':
      return emit(Token::kSub);
    case '*':
      return emit(Token::kMul);
    case '/':
      return emit(Token::kDiv);
    case '%':
      return emit(Token::kMod);
    case '^':
      return emit(Token::kPow);
    case ',':
      return emit(Token::kComma);
    default:
      break;
  }
  Token token;
  if (starts_duration_keyword(r)) {
    if (scan_duration_keyword(token)) return emit(token);
  } else if (is_digit(r) || (r == '.' && is_digit(peek()))) {
    at_ = start_;
    got_duration_ = true;
    mode_ = Mode::kStatements;
    return number_or_duration();
  }
  return fail(concat("unexpected character in duration expression: ", quote_rune(r)));
}

Lexeme Lexer::next_in_braces() {
  const std::int32_t r = read();
  if (r == kEnd) return fail("unexpected end of input inside braces");
  if (is_alpha(r)) {
    while (is_alphanumeric(read())) {
    }
    back();
    return emit(Token::kIdentifier);
  }
  switch (r) {
    case ',':
      return emit(Token::kComma);
    case '"':
    case '\'':
      return string(r);
    case '`':
      return raw_string();
    case '=':
      return emit(accept("~") ? Token::kEqlRegex : Token::kEql);
    case '!': {
      const std::int32_t t = read();
      if (t == '~') return emit(Token::kNeqRegex);
      if (t == '=') return emit(Token::kNeq);
      return fail(concat("unexpected character after '!' inside braces: ", quote_rune(t)));
    }
    case '{':
      return fail(concat("unexpected left brace ", quote_rune(r)));
    case '}':
      mode_ = Mode::kStatements;
      return emit(Token::kRightBrace);
    default:
      return fail(concat("unexpected character inside braces: ", quote_rune(r)));
  }
}

Lexeme Lexer::number_or_duration() {
  if (scan_number()) return emit(Token::kNumber);
  if (scan_duration_rest()) {
    back();
    return emit(Token::kDuration);
  }
  return fail(concat("bad number or duration syntax: ", quote(pending())));
}

// After the digits of a duration: its unit and further digits with units. Reads one rune too many.
bool Lexer::scan_duration_rest() {
  if (!accept("smhdwy")) return false;
  accept("s");  // ms; nonsense such as hs is found when the duration is parsed
  while (accept("0123456789")) {
    while (accept("0123456789")) {
    }
    if (!accept("smhdw")) return false;
    accept("s");
  }
  return !is_alphanumeric(read());
}

// Digits, a dot, an exponent, single underscores between digits, hexadecimal: what Go's ParseFloat
// takes, as far as upstream's scanner looks. False leaves at_ where the number went wrong, for the
// message and for a duration that begins like it.
bool Lexer::scan_number() {
  const std::size_t initial = at_;
  std::string_view digits = "0123456789";
  if (accept("0") && accept("xX")) {
    accept("_");
    digits = "0123456789abcdefABCDEF";
  }
  accept(".");
  accept(digits);
  bool dot = false;
  bool exponent = false;
  while (peek_in(digits) || peek_in("._eE")) {
    if (peek_in(".") && dot) return accept("."), false;
    if (peek_in("eE") && exponent) return accept("eE"), false;
    if (accept(".")) {
      dot = true;
      if (accept("_.") || digits.size() > 10) return false;
    } else if (accept("eE")) {
      exponent = true;
      accept("+-");
      if (accept("._eE") || peek() == kEnd) return false;
    } else if (accept("_")) {
      if (accept("._eE") || peek() == kEnd) return false;
    } else {
      while (accept(digits)) {
      }
    }
  }
  return at_ != initial && !is_alphanumeric(peek());
}

bool Lexer::scan_duration_keyword(Token& token) {
  while (is_alpha(read())) {
  }
  back();
  token = keyword(pending());
  return token == Token::kStep || token == Token::kRange || token == Token::kMaxOf ||
         token == Token::kMinOf;
}

bool Lexer::left_paren_follows() const {
  const std::size_t at = text_.find_first_not_of(" \t\n\r", at_);
  return at != std::string_view::npos && text_[at] == '(';
}

Lexeme Lexer::word() {
  for (std::int32_t r = read(); is_alphanumeric(r) || r == ':'; r = read()) {
  }
  back();
  const Token token = keyword(pending());
  const bool is_fill =
      token == Token::kFill || token == Token::kFillLeft || token == Token::kFillRight;
  if (is_fill && !left_paren_follows()) return emit(Token::kIdentifier);
  if (token != Token::kIdentifier) return emit(token);
  return emit(pending().find(':') == std::string_view::npos ? Token::kIdentifier
                                                            : Token::kMetricIdentifier);
}

Lexeme Lexer::string(std::int32_t quote_rune_) {
  std::string error;
  for (;;) {
    const std::int32_t r = read();
    if (r == '\\') {
      if (!escape(quote_rune_, error)) return fail(std::move(error));
    } else if (r == kRuneError) {
      return fail("invalid UTF-8 rune");
    } else if (r == kEnd || r == '\n') {
      return fail("unterminated quoted string");
    } else if (r == quote_rune_) {
      return emit(Token::kString);
    }
  }
}

Lexeme Lexer::raw_string() {
  for (;;) {
    const std::int32_t r = read();
    if (r == kRuneError) return fail("invalid UTF-8 rune");
    if (r == kEnd) return fail("unterminated raw string");
    if (r == '`') return emit(Token::kString);
  }
}

// Checks one escape; the backslash is read. Decoding is done by the parser, on whole strings.
bool Lexer::escape(std::int32_t quote_rune_, std::string& error) {
  std::int32_t r = read();
  if (contains("abfnrtv\\", r) || r == quote_rune_) return true;
  int digits = 0;
  std::uint32_t base = 16;
  std::uint32_t max = 0x10FFFF;
  // Of an octal escape `r` is a digit already; the others have a letter first.
  if (r >= '0' && r <= '7') {
    digits = 3, base = 8, max = 255;
  } else if (r == 'x') {
    digits = 2, max = 255, r = read();
  } else if (r == 'u' || r == 'U') {
    digits = r == 'u' ? 4 : 8, r = read();
  } else {
    error = r == kEnd ? "escape sequence not terminated"
                      : concat("unknown escape sequence ", describe_rune(r));
    return false;
  }
  std::uint32_t value = 0;
  for (; digits > 0; --digits) {
    const std::uint32_t digit = digit_value(r);
    if (digit >= base) {
      error = r == kEnd ? "escape sequence not terminated"
                        : concat("illegal character ", describe_rune(r), " in escape sequence");
      return false;
    }
    value = value * base + digit;
    if (digits > 1) r = read();
  }
  if (value <= max && (value < 0xD800 || value >= 0xE000)) return true;
  error = "escape sequence is an invalid Unicode code point";
  return false;
}

}  // namespace narthex::query
