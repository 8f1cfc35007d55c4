// The syntax tree of a template. Nodes own their children; nesting is bounded by the parser, so
// recursion over the tree is bounded too.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alerting/template/value.h"
#include "base/result.h"

namespace narthex::alerting::tmpl {

inline constexpr int kParseDepthMax = 200;                     // tuned: far above real templates
inline constexpr std::size_t kTemplateBytesMax = 1024 * 1024;  // docs/limits.md

struct Pipeline;

/// One operand of a command.
struct Operand {
  /// Of kField and kDot the base is dot, of kPipeline a pipeline in parentheses; only kConstant has
  /// a `constant`.
  enum class Kind : unsigned char {
    kFunction,
    kField,
    kVariable,
    kDot,
    kNil,
    kConstant,
    kPipeline
  };
  Kind kind = Kind::kDot;
  std::size_t position = 0;
  std::string name;                 // of a function or variable (with its $)
  std::vector<std::string> fields;  // the chain behind it
  Value constant;
  std::string text;  // of a constant, as written
  std::unique_ptr<Pipeline> pipeline;

  /// As the source would write it, for errors.
  std::string to_text() const;
};

/// A function or value with its arguments.
struct Command {
  std::size_t position = 0;
  std::vector<Operand> operands;
  /// Operands with a space between.
  std::string to_text() const;
};

/// Commands, each of which gets the result of the one before as its last argument; the last one's
/// result is the pipeline's. Two variables only in a range: index and element.
struct Pipeline {
  std::size_t position = 0;
  std::vector<std::string> variables;  // declared, or assigned
  bool assigns = false;
  std::vector<Command> commands;
  /// Declared variables, then commands with bars between.
  std::string to_text() const;
};

struct Node;
using NodeList = std::vector<Node>;

/// One piece of a template. `pipeline` is what an action prints, a branch asks, a range visits or a
/// template call makes dot (null: none); `otherwise` follows {{else}}.
struct Node {
  /// kText stands as it is; kBreak and kContinue only inside a kRange.
  enum class Kind : unsigned char {
    kText,
    kAction,
    kIf,
    kWith,
    kRange,
    kTemplate,
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  std::size_t position = 0;
  std::string text;  // of kText; the name of kTemplate
  std::unique_ptr<Pipeline> pipeline;
  NodeList body;
  NodeList otherwise;
};

/// A parsed template and what it defines inside. Immutable; thread-safe.
struct Template {
  std::string name;
  std::string source;
  std::map<std::string, NodeList> definitions;  // the template itself under its own name
};

/// Errors: kInvalid `template: <name>:<line>: ...` in Go's words; kLimit above a bound.
Result<Template> parse_template(std::string name, std::string source);

/// Whether a function of that name exists, builtin or Prometheus'.
bool is_function(std::string_view name);

/// The text of a Go string or character literal, quotes included; empty when malformed.
std::optional<std::string> unquote(std::string_view literal);

}  // namespace narthex::alerting::tmpl
