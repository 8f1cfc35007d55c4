// From tokens to the tree of a template: recursive descent after Go's text/template/parse.
//
// A list of nodes ends at {{end}}, {{else}} or the end of the text, and its caller knows which of
// these may be. Within an action: a pipeline is commands between bars, a command operands between
// spaces, an operand a term with fields behind it.
//
// What is decided here and not at execution, as in Go: functions exist, variables are declared
// before they are used, later stages of a pipeline can be called, constants have values.
// `variables_` is the stack of names in sight; a block cuts it back where it ends, and {{define}}
// and {{block}} begin with `$` alone.
//
// {{else if}} is an `if` within the else branch that shares the {{end}}: each costs a level of
// recursion. Lists, pipelines and such chains all count towards kParseDepthMax, so not only this
// recursion is bounded but also that of the executor and of the tree's destructor.
//
// Errors name the line of the token that was taken last, as Go's do; messages are Go's, because
// users look for them. Not supported: complex and hexadecimal floating constants.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "alerting/template/ast.h"
#include "alerting/template/lexer.h"
#include "base/str.h"

namespace narthex::alerting::tmpl {
namespace {

constexpr std::size_t kTokensMax = 200'000;  // docs/limits.md

// How a list of nodes ended.
enum class Ending : unsigned char { kEnd, kElse, kFile };

bool starts_operand(TokenKind kind) {
  switch (kind) {
    case TokenKind::kBool:
    case TokenKind::kChar:
    case TokenKind::kDot:
    case TokenKind::kField:
    case TokenKind::kIdentifier:
    case TokenKind::kNumber:
    case TokenKind::kNil:
    case TokenKind::kString:
    case TokenKind::kVariable:
    case TokenKind::kLeftParen:
      return true;
    case TokenKind::kText:
    case TokenKind::kLeftDelim:
    case TokenKind::kRightDelim:
    case TokenKind::kSpace:
    case TokenKind::kKeyword:
    case TokenKind::kPipe:
    case TokenKind::kDeclare:
    case TokenKind::kAssign:
    case TokenKind::kRightParen:
    case TokenKind::kComma:
    case TokenKind::kEnd:
      break;
  }
  return false;
}

std::string show(const Token& token) {
  if (token.kind == TokenKind::kEnd) return "EOF";
  if (token.kind == TokenKind::kKeyword) return concat("<", token.text, ">");
  const bool long_text = token.text.size() > 10;
  return long_text ? quote(token.text.substr(0, 10)) + "..." : quote(token.text);
}

// Decimal, hexadecimal, octal and binary integers as Go writes them, underscores left out.
std::optional<std::int64_t> parse_go_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = text[1];
    const bool prefixed = !(mark >= '0' && mark <= '9');
    base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 8;
    text.remove_prefix(prefixed ? 2 : 1);
  }
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size())
    return std::nullopt;
  return negative ? -value : value;
}

class Parser {
 public:
  Parser(std::string name, std::string source) {
    out_.name = std::move(name);
    out_.source = std::move(source);
  }

  Result<Template> run() {
    if (out_.source.size() > kTemplateBytesMax) {
      return Error(Code::kLimit, concat("template ", out_.name, " is longer than 1 MiB"));
    }
    NX_TRY_ASSIGN(tokens_, tokenize(out_.name, out_.source));
    if (tokens_.size() > kTokensMax) {
      return Error(Code::kLimit, concat("template ", out_.name, " has more than ", kTokensMax,
                                        " words and signs"));
    }
    NodeList root;
    NX_TRY_ASSIGN(const Ending ending, parse_list(root));
    if (ending == Ending::kEnd) return error("unexpected {{end}}");
    if (ending == Ending::kElse) return error("unexpected {{else}}");
    out_.definitions[out_.name] = std::move(root);
    return std::move(out_);
  }

 private:
  struct Deeper {
    explicit Deeper(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Deeper() { --parser_.depth_; }
    Parser& parser_;
  };

  const Token& peek() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  const Token& peek_solid() {
    while (peek().kind == TokenKind::kSpace) ++at_;
    return peek();
  }
  const Token& next_solid() {
    peek_solid();
    return next();
  }
  bool is_keyword(std::string_view word) {
    return peek_solid().kind == TokenKind::kKeyword && peek().text == word;
  }

  Error error_at(std::size_t position, std::string_view message) const {
    return syntax_error(out_.name, out_.source, position, message);
  }
  Error error(std::string_view message) const {
    return error_at(at_ > 0 ? tokens_[at_ - 1].position : 0, message);
  }
  Error unexpected(const Token& token, std::string_view context) const {
    return error_at(token.position, concat("unexpected ", show(token), " in ", context));
  }
  Result<void> check_depth() const {
    if (depth_ <= kParseDepthMax) return {};
    return error("max expression depth exceeded");
  }
  Result<void> expect_close(std::string_view context) {
    const Token& token = next_solid();
    if (token.kind == TokenKind::kRightDelim) return {};
    return unexpected(token, context);
  }

  // Nodes up to {{end}}, {{else}} or the end of the text. After kElse, an `if` or `with` may follow
  // in the action.
  Result<Ending> parse_list(NodeList& out) {
    const Deeper deeper(*this);
    NX_TRY(check_depth());
    while (true) {
      const Token& token = next();
      if (token.kind == TokenKind::kEnd) return Ending::kFile;
      if (token.kind == TokenKind::kText) {
        Node node;
        node.position = token.position;
        node.text = std::string(token.text);
        out.push_back(std::move(node));
        continue;
      }
      if (token.kind != TokenKind::kLeftDelim) return unexpected(token, "input");
      if (is_keyword("end")) {
        next();
        NX_TRY(expect_close("end"));
        return Ending::kEnd;
      }
      if (is_keyword("else")) {
        next();
        if (!is_keyword("if") && !is_keyword("with")) NX_TRY(expect_close("else"));
        return Ending::kElse;
      }
      NX_TRY(parse_action(out));
    }
  }

  Result<void> parse_action(NodeList& out) {
    const Token& token = peek_solid();
    if (token.kind != TokenKind::kKeyword) {
      Node node;
      node.kind = Node::Kind::kAction;
      node.position = token.position;
      NX_TRY_ASSIGN(node.pipeline, parse_pipeline("command", TokenKind::kRightDelim));
      out.push_back(std::move(node));
      return {};
    }
    next();
    if (token.text == "if") return parse_control(Node::Kind::kIf, "if", out);
    if (token.text == "with") return parse_control(Node::Kind::kWith, "with", out);
    if (token.text == "range") return parse_control(Node::Kind::kRange, "range", out);
    if (token.text == "template") return parse_template_call(out);
    if (token.text == "block") return parse_block(out);
    if (token.text == "define") return parse_definition();
    return parse_jump(token, out);
  }

  Result<void> parse_jump(const Token& token, NodeList& out) {
    const std::string shown = concat("{{", token.text, "}}");
    NX_TRY(expect_close(shown));
    if (range_depth_ == 0) return error(concat(shown, " outside {{range}}"));
    Node node;
    node.kind = token.text == "break" ? Node::Kind::kBreak : Node::Kind::kContinue;
    node.position = token.position;
    out.push_back(std::move(node));
    return {};
  }

  Result<void> parse_control(Node::Kind kind, std::string_view context, NodeList& out) {
    const std::size_t visible = variables_.size();
    Node node;
    node.kind = kind;
    node.position = peek_solid().position;
    NX_TRY_ASSIGN(node.pipeline, parse_pipeline(context, TokenKind::kRightDelim));
    const bool is_range = kind == Node::Kind::kRange;
    range_depth_ += is_range ? 1 : 0;
    NX_TRY_ASSIGN(Ending ending, parse_list(node.body));
    range_depth_ -= is_range ? 1 : 0;
    if (ending == Ending::kElse && !is_range && is_keyword(context)) {
      next();  // {{else if x}} shares its {{end}} with the {{if}} it continues
      const Deeper deeper(*this);
      NX_TRY(check_depth());
      NX_TRY(parse_control(kind, context, node.otherwise));
    } else if (ending == Ending::kElse) {
      NX_TRY_ASSIGN(ending, parse_list(node.otherwise));
      if (ending == Ending::kElse) return error("expected end; found {{else}}");
    }
    if (ending == Ending::kFile) return error_at(out_.source.size(), "unexpected EOF");
    variables_.resize(visible);
    out.push_back(std::move(node));
    return {};
  }

  Result<std::string> parse_name(std::string_view context) {
    const Token& token = next_solid();
    if (token.kind != TokenKind::kString) return unexpected(token, context);
    auto name = unquote(token.text);
    if (!name) return error("invalid syntax");
    return *std::move(name);
  }

  Result<void> parse_template_call(NodeList& out) {
    Node node;
    node.kind = Node::Kind::kTemplate;
    node.position = peek_solid().position;
    NX_TRY_ASSIGN(node.text, parse_name("template clause"));
    if (peek_solid().kind == TokenKind::kRightDelim) {
      next();
    } else {
      NX_TRY_ASSIGN(node.pipeline, parse_pipeline("template clause", TokenKind::kRightDelim));
    }
    out.push_back(std::move(node));
    return {};
  }

  // A body of its own, where only $ is visible.
  Result<void> parse_body(const std::string& name, std::string_view context) {
    std::vector<std::string> outer = std::exchange(variables_, {"$"});
    const int outer_ranges = std::exchange(range_depth_, 0);
    NodeList body;
    NX_TRY_ASSIGN(const Ending ending, parse_list(body));
    if (ending == Ending::kFile) return error_at(out_.source.size(), "unexpected EOF");
    if (ending == Ending::kElse) return error(concat("unexpected {{else}} in ", context));
    out_.definitions[name] = std::move(body);
    variables_ = std::move(outer);
    range_depth_ = outer_ranges;
    return {};
  }

  Result<void> parse_block(NodeList& out) {
    Node node;
    node.kind = Node::Kind::kTemplate;
    node.position = peek_solid().position;
    NX_TRY_ASSIGN(node.text, parse_name("block clause"));
    NX_TRY_ASSIGN(node.pipeline, parse_pipeline("block clause", TokenKind::kRightDelim));
    NX_TRY(parse_body(node.text, "block clause"));
    out.push_back(std::move(node));
    return {};
  }

  Result<void> parse_definition() {
    if (depth_ > 1) return error("unexpected {{define}}");
    NX_TRY_ASSIGN(const std::string name, parse_name("define clause"));
    NX_TRY(expect_close("define clause"));
    return parse_body(name, "define clause");
  }

  // `$x :=`, `$x =`, `$i, $x :=`; leaves everything else alone.
  Result<void> parse_declarations(std::string_view context, Pipeline& pipeline) {
    while (peek_solid().kind == TokenKind::kVariable) {
      // A variable may also be what the pipeline begins with: only what follows tells, so look and
      // go back.
      const std::size_t start = at_;
      const std::string name(next().text);
      const TokenKind after = peek_solid().kind;
      if (after == TokenKind::kDeclare || after == TokenKind::kAssign) {
        pipeline.assigns = after == TokenKind::kAssign;
        next();
        return declare(name, pipeline);
      }
      if (after != TokenKind::kComma) {
        at_ = start;
        return {};
      }
      next();
      NX_TRY(declare(name, pipeline));
      if (context != "range" || pipeline.variables.size() >= 2) {
        return error(concat("too many declarations in ", context));
      }
      if (peek_solid().kind != TokenKind::kVariable)
        return error("range can only initialize variables");
    }
    return {};
  }

  Result<void> declare(const std::string& name, Pipeline& pipeline) {
    if (pipeline.assigns && std::ranges::find(variables_, name) == variables_.end()) {
      return error(concat("undefined variable ", quote(name)));
    }
    pipeline.variables.push_back(name);
    variables_.push_back(name);
    return {};
  }

  Result<std::unique_ptr<Pipeline>> parse_pipeline(std::string_view context, TokenKind close) {
    const Deeper deeper(*this);
    NX_TRY(check_depth());
    auto pipeline = std::make_unique<Pipeline>();
    pipeline->position = peek_solid().position;
    NX_TRY(parse_declarations(context, *pipeline));
    while (true) {
      const Token& token = peek_solid();
      if (token.kind == close) {
        next();
        break;
      }
      if (!starts_operand(token.kind)) {
        next();
        return unexpected(token, context);
      }
      NX_TRY(parse_command(*pipeline));
    }
    if (pipeline->commands.empty()) return error(concat("missing value for ", context));
    NX_TRY(check_stages(*pipeline));
    return pipeline;
  }

  Result<void> check_stages(const Pipeline& pipeline) const {
    for (std::size_t i = 1; i < pipeline.commands.size(); ++i) {
      const Operand::Kind kind = pipeline.commands[i].operands.front().kind;
      if (kind == Operand::Kind::kConstant || kind == Operand::Kind::kDot ||
          kind == Operand::Kind::kNil) {
        return error(concat("non executable command in pipeline stage ", i + 1));
      }
    }
    return {};
  }

  Result<void> parse_command(Pipeline& pipeline) {
    Command command;
    command.position = peek_solid().position;
    while (starts_operand(peek_solid().kind)) {
      Operand operand;
      NX_TRY(parse_operand(operand));
      command.operands.push_back(std::move(operand));
      if (peek().kind != TokenKind::kSpace) break;
    }
    pipeline.commands.push_back(std::move(command));
    const Token& token = peek_solid();
    if (token.kind == TokenKind::kPipe) {
      next();
      if (!starts_operand(peek_solid().kind)) return error("missing value for command");
      return {};
    }
    const bool ends = token.kind == TokenKind::kRightDelim || token.kind == TokenKind::kRightParen;
    if (ends) return {};
    next();
    return unexpected(token, "operand");
  }

  Result<void> parse_operand(Operand& out) {
    NX_TRY(parse_term(out));
    bool chained = false;
    const bool is_value = out.kind == Operand::Kind::kConstant || out.kind == Operand::Kind::kNil;
    while (peek().kind == TokenKind::kField) {
      const Token& field = next();
      if (is_value || out.kind == Operand::Kind::kDot) {
        return error(concat("unexpected . after term ", quote(out.to_text())));
      }
      if (!chained) out.position = field.position;  // where Go places a chain
      chained = true;
      out.fields.emplace_back(field.text.substr(1));
    }
    return {};
  }

  Result<void> parse_term(Operand& out) {
    const Token& token = next_solid();
    out.position = token.position;
    out.text = std::string(token.text);
    switch (token.kind) {
      case TokenKind::kIdentifier:
        if (!is_function(token.text)) {
          return error(concat("function ", quote(token.text), " not defined"));
        }
        out.kind = Operand::Kind::kFunction;
        out.name = std::string(token.text);
        return {};
      case TokenKind::kVariable:
        if (std::ranges::find(variables_, token.text) == variables_.end()) {
          return error(concat("undefined variable ", quote(token.text)));
        }
        out.kind = Operand::Kind::kVariable;
        out.name = std::string(token.text);
        return {};
      case TokenKind::kField:
        out.kind = Operand::Kind::kField;
        out.fields.emplace_back(token.text.substr(1));
        return {};
      case TokenKind::kNil:
        out.kind = Operand::Kind::kNil;
        return {};
      case TokenKind::kLeftParen:
        return parse_parentheses(out);
      case TokenKind::kBool:
        return constant(out, Value(token.text == "true"));
      case TokenKind::kString:
        return parse_string(out);
      case TokenKind::kChar:
        return parse_char(out);
      case TokenKind::kNumber:
        return parse_number(out);
      case TokenKind::kDot:
      case TokenKind::kText:
      case TokenKind::kLeftDelim:
      case TokenKind::kRightDelim:
      case TokenKind::kSpace:
      case TokenKind::kKeyword:
      case TokenKind::kPipe:
      case TokenKind::kDeclare:
      case TokenKind::kAssign:
      case TokenKind::kRightParen:
      case TokenKind::kComma:
      case TokenKind::kEnd:
        break;
    }
    out.kind = Operand::Kind::kDot;  // starts_operand() lets nothing else in
    return {};
  }

  Result<void> parse_parentheses(Operand& out) {
    out.kind = Operand::Kind::kPipeline;
    NX_TRY_ASSIGN(out.pipeline, parse_pipeline("parenthesized pipeline", TokenKind::kRightParen));
    return {};
  }

  static Result<void> constant(Operand& out, Value value) {
    out.kind = Operand::Kind::kConstant;
    out.constant = std::move(value);
    return {};
  }

  Result<void> parse_string(Operand& out) {
    auto text = unquote(out.text);
    if (!text) return error("invalid syntax");
    return constant(out, Value(*std::move(text)));
  }

  Result<void> parse_char(Operand& out) {
    const auto text = unquote(out.text);
    if (!text || text->empty()) return error(concat("malformed character constant: ", out.text));
    const auto lead = static_cast<unsigned char>((*text)[0]);
    std::int64_t rune = lead;
    if (lead >= 0x80) rune = lead & (lead >= 0xF0 ? 0x07 : lead >= 0xE0 ? 0x0F : 0x1F);
    for (std::size_t i = 1; i < text->size(); ++i) rune = (rune << 6) | ((*text)[i] & 0x3F);
    return constant(out, Value(rune));
  }

  Result<void> parse_number(Operand& out) {
    std::string digits = out.text;
    std::erase(digits, '_');
    const bool is_float =
        digits.find_first_of(".eE") != std::string::npos && !digits.starts_with("0x");
    if (!is_float) {
      if (const auto integer = parse_go_integer(digits)) return constant(out, Value(*integer));
    }
    double value = 0;
    if (is_float && parse_float(digits, value)) return constant(out, Value(value));
    return error(concat("bad number syntax: ", quote(out.text)));
  }

  Template out_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int range_depth_ = 0;
  std::vector<std::string> variables_ = {"$"};
};

std::string chain(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) out += concat(".", field);
  return out;
}

}  // namespace

std::string Operand::to_text() const {
  switch (kind) {
    case Kind::kFunction:
      return name + chain(fields);
    case Kind::kField:
      return chain(fields);
    case Kind::kVariable:
      return name + chain(fields);
    case Kind::kDot:
      return ".";
    case Kind::kNil:
      return "nil";
    case Kind::kConstant:
      return text;
    case Kind::kPipeline:
      break;
  }
  return concat("(", pipeline->to_text(), ")", chain(fields));
}

std::string Command::to_text() const {
  std::string out;
  for (const Operand& operand : operands) out += concat(out.empty() ? "" : " ", operand.to_text());
  return out;
}

std::string Pipeline::to_text() const {
  std::string out = join(variables, ", ");
  if (!out.empty()) out += assigns ? " = " : " := ";
  for (std::size_t i = 0; i < commands.size(); ++i) {
    out += concat(i == 0 ? "" : " | ", commands[i].to_text());
  }
  return out;
}

Result<Template> parse_template(std::string name, std::string source) {
  return Parser(std::move(name), std::move(source)).run();
}

}  // namespace narthex::alerting::tmpl
