// Cuts PromQL text into tokens. What a character means depends on the brackets around it, so the
// lexer keeps that state. Truth: upstream promql/parser/lex.go. Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "query/promql/token.h"

namespace narthex::query {

/// Copies are cheap and independent: the parser looks ahead with one.
class Lexer {
 public:
  /// `text` must outlive the lexer and every token.
  explicit Lexer(std::string_view text) : text_(text) {}

  /// The next token, comments left out. After kError or kEof: kEof for ever.
  Lexeme next();

  std::string_view text() const { return text_; }

 private:
  // What the text at the cursor is part of.
  enum class Mode : std::uint8_t { kStatements, kBraces, kDurationStart, kDone };
  static constexpr std::int32_t kEnd = -1;

  std::int32_t read();  // the next rune, kEnd at the end; invalid UTF-8 is U+FFFD of one byte
  std::int32_t peek();
  void back() { at_ -= width_; }
  bool accept(std::string_view valid);
  bool peek_in(std::string_view valid);
  Lexeme emit(Token token);
  Lexeme fail(std::string message);
  std::string_view pending() const { return text_.substr(start_, at_ - start_); }

  bool skip_comment();
  void skip_spaces();
  Lexeme next_statement();
  Lexeme next_in_braces();
  Lexeme next_in_duration();
  Lexeme operator_or_bracket(std::int32_t rune);
  Lexeme word_in_brackets(std::int32_t rune);
  Lexeme open_bracket();
  Lexeme close_paren(std::int32_t rune);
  Lexeme number_or_duration();
  Lexeme word();
  Lexeme string(std::int32_t quote_rune_);
  Lexeme raw_string();
  bool escape(std::int32_t quote_rune_, std::string& error);
  bool scan_number();
  bool scan_duration_rest();
  bool scan_duration_keyword(Token& token);
  bool left_paren_follows() const;

  std::string_view text_;
  std::string message_;  // of the error token
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  std::size_t width_ = 0;
  int paren_depth_ = 0;
  Mode mode_ = Mode::kStatements;
  bool bracket_open_ = false;
  bool got_colon_ = false;
  bool got_duration_ = false;
};

}  // namespace narthex::query
