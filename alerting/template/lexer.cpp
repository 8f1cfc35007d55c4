// Cuts a template into tokens: outside of actions all is text, inside even spaces are tokens.
//
// All tokens are made before the parser begins, which is simpler than Go's two in step and gives
// the same trees. Its one trace: an error among the tokens is told before one of syntax that comes
// earlier.
//
// A trim marker works on both sides of its delimiter: `{{- ` takes spaces from the text before,
// which is cut when the delimiter is found, and ` -}}` from the text to come, which `trims_left_`
// remembers. A minus without its space is no marker, but a sign. Comments are whole actions and
// leave nothing, except for their markers.
//
// Numbers are cut by shape only; the parser says whether they are any. Characters beyond ASCII
// count as letters, byte by byte.
#include "alerting/template/lexer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/str.h"

namespace narthex::alerting::tmpl {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::array<std::string_view, 10> kKeywords = {
    "block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"};

bool is_space(char c) {
  return kSpaces.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word(char c) {
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  Lexer(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  Result<std::vector<Token>> run() {
    while (read_text()) NX_TRY(read_action());
    emit(TokenKind::kEnd, at_, 0);
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }
  bool starts(std::string_view what) const { return rest().starts_with(what); }
  void emit(TokenKind kind, std::size_t from, std::size_t length) {
    tokens_.push_back({kind, from, text_.substr(from, length)});
  }
  Error error(std::string_view message) const { return syntax_error(name_, text_, at_, message); }

  // Text up to the next action, without what the action's trim marker takes; false at the end.
  bool read_text() {
    const std::size_t open = std::min(text_.find("{{", at_), text_.size());
    std::string_view text = text_.substr(at_, open - at_);
    if (trims_left_) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
    const std::size_t start = open - text.size();
    trims_left_ = false;
    const std::string_view after = text_.substr(std::min(open + 2, text_.size()));
    const bool trims = after.size() >= 2 && after[0] == '-' && is_space(after[1]);
    if (trims) text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
    if (!text.empty()) emit(TokenKind::kText, start, text.size());
    at_ = open;
    if (at_ == text_.size()) return false;
    at_ += trims ? 3 : 2;
    action_start_ = open;
    return true;
  }

  bool at_right_delim() const {
    if (starts("}}")) return true;
    return rest().size() >= 4 && is_space(rest()[0]) && rest().substr(1).starts_with("-}}");
  }

  void take_right_delim() {
    trims_left_ = !starts("}}");
    at_ += trims_left_ ? 4 : 2;
  }

  Result<void> read_comment() {
    const std::size_t close = text_.find("*/", at_ + 2);
    if (close == std::string_view::npos) return error("unclosed comment");
    at_ = close + 2;
    if (!at_right_delim()) return error("comment ends before closing delimiter");
    take_right_delim();
    return {};
  }

  Result<void> read_action() {
    const std::string_view body = text_.substr(at_);
    const std::size_t skipped =
        text_[at_ - 1] == '-' ? std::min(body.find_first_not_of(kSpaces), body.size()) : 0;
    if (body.substr(skipped).starts_with("/*")) {
      at_ += skipped;
      return read_comment();
    }
    emit(TokenKind::kLeftDelim, action_start_, 2);
    parens_ = 0;
    while (!at_right_delim()) {
      if (at_ == text_.size()) return error("unclosed action");
      NX_TRY(read_item());
    }
    if (parens_ > 0) return error("unclosed left paren");
    emit(TokenKind::kRightDelim, at_, 2);
    take_right_delim();
    return {};
  }

  Result<void> read_item() {
    const char c = text_[at_];
    if (is_space(c)) return read_space();
    switch (c) {
      case '|':
        return single(TokenKind::kPipe);
      case '=':
        return single(TokenKind::kAssign);
      case ',':
        return single(TokenKind::kComma);
      case '"':
        return read_quoted('"', TokenKind::kString, "unterminated quoted string");
      case '`':
        return read_raw();
      case '\'':
        return read_quoted('\'', TokenKind::kChar, "unterminated character constant");
      case '$':
        return read_word(TokenKind::kVariable);
      case '(':
        ++parens_;
        return single(TokenKind::kLeftParen);
      case ')':
        if (parens_-- == 0) return error("unexpected right paren");
        return single(TokenKind::kRightParen);
      case ':':
        if (!starts(":=")) return error("expected :=");
        emit(TokenKind::kDeclare, at_, 2);
        at_ += 2;
        return {};
      default:
        break;
    }
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == '.' && !is_digit(next)) return read_field();
    if (is_digit(c) || c == '.' || ((c == '+' || c == '-') && (is_digit(next) || next == '.'))) {
      return read_number();
    }
    if (is_word(c)) return read_word(TokenKind::kIdentifier);
    return error(unrecognized());
  }

  std::string unrecognized() const {
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c < 0x20 || c == 0x7F) return fmt::format("unrecognized character in action: U+{:04X}", c);
    return fmt::format("unrecognized character in action: U+{:04X} '{}'", c, text_[at_]);
  }

  Result<void> single(TokenKind kind) {
    emit(kind, at_++, 1);
    return {};
  }

  Result<void> read_space() {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_space(text_[at_]) && !at_right_delim()) ++at_;
    if (at_ > from) emit(TokenKind::kSpace, from, at_ - from);
    return {};
  }

  Result<void> read_quoted(char quote_char, TokenKind kind, std::string_view unterminated) {
    const std::size_t from = at_++;
    while (at_ < text_.size() && text_[at_] != quote_char && text_[at_] != '\n') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= text_.size() || text_[at_] != quote_char) {
      at_ = std::min(at_, text_.size());
      return error(unterminated);
    }
    ++at_;
    emit(kind, from, at_ - from);
    return {};
  }

  Result<void> read_raw() {
    const std::size_t from = at_;
    const std::size_t close = text_.find('`', at_ + 1);
    if (close == std::string_view::npos) return error("unterminated raw quoted string");
    at_ = close + 1;
    emit(TokenKind::kString, from, at_ - from);
    return {};
  }

  // What may stand directly behind a word.
  bool at_terminator() const {
    if (at_ == text_.size() || at_right_delim()) return true;
    return is_space(text_[at_]) ||
           std::string_view(".,|:=()").find(text_[at_]) != std::string_view::npos;
  }

  Result<void> read_field() {
    const std::size_t from = at_++;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (!at_terminator()) return error(bad_character());
    emit(at_ == from + 1 ? TokenKind::kDot : TokenKind::kField, from, at_ - from);
    return {};
  }

  Result<void> read_word(TokenKind kind) {
    const std::size_t from = at_++;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (!at_terminator()) return error(bad_character());
    const std::string_view word = text_.substr(from, at_ - from);
    if (kind == TokenKind::kIdentifier) {
      if (std::ranges::find(kKeywords, word) != kKeywords.end()) kind = TokenKind::kKeyword;
      if (word == "true" || word == "false") kind = TokenKind::kBool;
      if (word == "nil") kind = TokenKind::kNil;
    }
    emit(kind, from, word.size());
    return {};
  }

  std::string bad_character() const {
    return fmt::format("bad character U+{:04X} '{}'", static_cast<unsigned char>(text_[at_]),
                       text_[at_]);
  }

  Result<void> read_number() {
    const std::size_t from = at_++;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const char before = text_[at_ - 1];
      const bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'E' || before == 'p');
      if (!is_word(c) && c != '.' && !sign) break;
      ++at_;
    }
    emit(TokenKind::kNumber, from, at_ - from);
    return {};
  }

  std::string_view name_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t action_start_ = 0;
  int parens_ = 0;
  bool trims_left_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view name, std::string_view text) {
  return Lexer(name, text).run();
}

std::size_t line_of(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position);
  return 1 + static_cast<std::size_t>(std::ranges::count(before, '\n'));
}

Error syntax_error(std::string_view name, std::string_view text, std::size_t position,
                   std::string_view message) {
  return Error(Code::kInvalid,
               concat("template: ", name, ":", line_of(text, position), ": ", message));
}

}  // namespace narthex::alerting::tmpl
