// Tokens of Go's template language. Text outside of actions is one token; trim markers and comments
// are gone by then. Positions are byte offsets into the template.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace narthex::alerting::tmpl {

/// kSpace is kept, because `.a .b` and `.a.b` differ; kEnd stands behind the last.
enum class TokenKind : unsigned char {
  kText,
  kLeftDelim,
  kRightDelim,
  kSpace,
  kIdentifier,
  kKeyword,
  kField,
  kVariable,
  kDot,
  kNil,
  kBool,
  kString,
  kNumber,
  kChar,
  kPipe,
  kDeclare,
  kAssign,
  kLeftParen,
  kRightParen,
  kComma,
  kEnd,
};

/// One token and where it begins.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t position = 0;
  std::string_view text;  // as written; lives as long as the template's text
};

/// All tokens, kEnd last. Error: kInvalid `template: <name>:<line>: <what>` in Go's words.
Result<std::vector<Token>> tokenize(std::string_view name, std::string_view text);

/// The number of the line that `position` is on, from 1.
std::size_t line_of(std::string_view text, std::size_t position);

/// kInvalid as Go reports syntax errors.
Error syntax_error(std::string_view name, std::string_view text, std::size_t position,
                   std::string_view message);

}  // namespace narthex::alerting::tmpl
