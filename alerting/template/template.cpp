// Execution: walks the tree of a template. Recursion follows the tree, whose depth the parser
// bounds, and template calls, which are counted.
#include "alerting/template/template.h"

#include <algorithm>

#include "alerting/template/ast.h"
#include "alerting/template/lexer.h"
#include "base/str.h"

namespace narthex::alerting {
namespace tmpl {
namespace {

enum class Flow : unsigned char { kNext, kBreak, kContinue };

class Executor {
 public:
  Executor(const Template& source, const Environment& environment, const StopToken& stop)
      : template_(source), environment_(environment), stop_(stop), running_(source.name) {}

  Result<std::string> run(const Value& data) {
    variables_.emplace_back("$", data);
    NX_TRY(walk(template_.definitions.at(template_.name), data));
    return std::move(out_);
  }

 private:
  // The node that errors point at, as Go's state.at().
  void at(std::size_t position, std::string text) {
    position_ = position;
    context_ = std::move(text);
  }

  Error error(std::string_view message, Code code = Code::kExecution) const {
    const std::string_view before = std::string_view(template_.source).substr(0, position_);
    const std::size_t newline = before.rfind('\n');
    const std::size_t column =
        newline == std::string_view::npos ? position_ : position_ - newline - 1;
    return Error(
        code, concat("template: ", template_.name, ":", line_of(template_.source, position_), ":",
                     column, ": executing ", quote(running_), " at <", context_, ">: ", message));
  }

  Result<void> step() {
    constexpr std::size_t kStopInterval = 1024;
    if (++steps_ > kTemplateStepsMax) {
      return error(concat("exceeded maximum of ", kTemplateStepsMax, " steps"), Code::kLimit);
    }
    if (steps_ % kStopInterval == 0) NX_TRY(stop_.check());
    return {};
  }

  Result<void> write(std::string_view text) {
    if (out_.size() + text.size() > kTemplateOutputMax) {
      return error("output exceeds 1 MiB", Code::kLimit);
    }
    out_ += text;
    return {};
  }

  Result<Flow> walk(const NodeList& nodes, const Value& dot) {
    for (const Node& node : nodes) {
      NX_TRY(step());
      NX_TRY_ASSIGN(const Flow flow, walk_node(node, dot));
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Result<Flow> walk_node(const Node& node, const Value& dot) {
    switch (node.kind) {
      case Node::Kind::kText:
        NX_TRY(write(node.text));
        return Flow::kNext;
      case Node::Kind::kBreak:
        return Flow::kBreak;
      case Node::Kind::kContinue:
        return Flow::kContinue;
      case Node::Kind::kIf:
      case Node::Kind::kWith:
        return walk_branch(node, dot);
      case Node::Kind::kRange:
        return walk_range(node, dot);
      case Node::Kind::kTemplate:
        NX_TRY(walk_template(node, dot));
        return Flow::kNext;
      case Node::Kind::kAction:
        break;
    }
    NX_TRY_ASSIGN(const Value value, evaluate(*node.pipeline, dot));
    if (node.pipeline->variables.empty()) NX_TRY(write(value.to_text()));
    return Flow::kNext;
  }

  Result<Flow> walk_branch(const Node& node, const Value& dot) {
    const std::size_t visible = variables_.size();
    NX_TRY_ASSIGN(const Value value, evaluate(*node.pipeline, dot));
    const bool taken = value.truth();
    const Value& inner = taken && node.kind == Node::Kind::kWith ? value : dot;
    NX_TRY_ASSIGN(const Flow flow, walk(taken ? node.body : node.otherwise, inner));
    variables_.resize(visible);
    return flow;
  }

  // What range visits, as (index, element) pairs.
  Result<std::vector<std::pair<Value, Value>>> elements(const Value& value) {
    std::vector<std::pair<Value, Value>> out;
    if (value.is_none()) return out;
    if (const auto* map = value.as<std::shared_ptr<const StringMap>>()) {
      for (const auto& [key, text] : **map) out.emplace_back(Value(key), Value(text));
      return out;
    }
    if (const auto* map = value.as<std::shared_ptr<const AnyMap>>()) {
      for (const auto& [key, element] : **map) out.emplace_back(Value(key), element);
      return out;
    }
    if (const auto* list = value.as<std::shared_ptr<const SampleList>>()) {
      for (std::size_t i = 0; i < (*list)->size(); ++i) {
        out.emplace_back(Value(static_cast<std::int64_t>(i)), Value((**list)[i]));
      }
      return out;
    }
    if (const auto* count = value.as<std::int64_t>()) {
      const auto bounded =
          std::min<std::int64_t>(*count, static_cast<std::int64_t>(kTemplateStepsMax) + 1);
      for (std::int64_t i = 0; i < bounded; ++i) out.emplace_back(Value(), Value(i));
      return out;
    }
    return error(concat("range can't iterate over ", value.to_text()));
  }

  Result<Flow> walk_range(const Node& node, const Value& dot) {
    const std::size_t visible = variables_.size();
    at(node.position, concat("range ", node.pipeline->to_text()));
    NX_TRY_ASSIGN(const Value value, evaluate(*node.pipeline, dot, false));
    NX_TRY_ASSIGN(const auto items, elements(value));
    for (const auto& [index, element] : items) {
      NX_TRY(step());
      const std::size_t outside = variables_.size();
      set_range_variables(*node.pipeline, index, element);
      NX_TRY_ASSIGN(const Flow flow, walk(node.body, element));
      variables_.resize(outside);
      if (flow == Flow::kBreak) break;
    }
    if (items.empty()) NX_TRY(walk(node.otherwise, dot));
    variables_.resize(visible);
    return Flow::kNext;
  }

  void set_range_variables(const Pipeline& pipeline, const Value& index, const Value& element) {
    const auto& names = pipeline.variables;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Value& value = names.size() == 2 && i == 0 ? index : element;
      if (pipeline.assigns) {
        assign(names[i], value);
      } else {
        variables_.emplace_back(names[i], value);
      }
    }
  }

  Result<void> walk_template(const Node& node, const Value& dot) {
    at(node.position, concat("{{template ", quote(node.text), "}}"));
    const auto found = template_.definitions.find(node.text);
    if (found == template_.definitions.end()) {
      return error(concat("template ", quote(node.text), " not defined"));
    }
    if (++calls_ > kTemplateCallsMax) {
      return error(concat("exceeded maximum template depth (", kTemplateCallsMax, ")"),
                   Code::kLimit);
    }
    Value inner;
    if (node.pipeline) {
      NX_TRY_ASSIGN(inner, evaluate(*node.pipeline, dot));
    }
    auto outer = std::exchange(variables_, {{"$", inner}});
    std::string caller = std::exchange(running_, node.text);
    NX_TRY(walk(found->second, inner));
    variables_ = std::move(outer);
    running_ = std::move(caller);
    --calls_;
    return {};
  }

  void assign(const std::string& name, const Value& value) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first != name) continue;
      it->second = value;
      return;
    }
  }

  Result<Value> evaluate(const Pipeline& pipeline, const Value& dot, bool declares = true) {
    at(pipeline.position, pipeline.to_text());
    Value value;
    bool is_first = true;
    for (const Command& command : pipeline.commands) {
      NX_TRY(step());
      const Value previous = std::move(value);
      NX_TRY_ASSIGN(value, evaluate_command(command, dot, is_first ? nullptr : &previous));
      is_first = false;
    }
    for (const std::string& name : pipeline.variables) {
      if (!declares) break;
      if (pipeline.assigns) {
        assign(name, value);
      } else {
        variables_.emplace_back(name, value);
      }
    }
    return value;
  }

  // `last` is what the pipeline's previous stage gave.
  Result<Value> evaluate_command(const Command& command, const Value& dot, const Value* last) {
    const Operand& head = command.operands.front();
    if (head.kind == Operand::Kind::kFunction && head.fields.empty()) {
      return call(head, command, dot, last);
    }
    at(head.position, head.to_text());
    const bool has_arguments = command.operands.size() > 1 || last != nullptr;
    if (head.kind == Operand::Kind::kNil) return error("nil is not a command");
    const bool is_field = !head.fields.empty();
    if (has_arguments && !is_field) {
      return error(concat("can't give argument to non-function ", head.to_text()));
    }
    NX_TRY_ASSIGN(Value value, evaluate_operand(head, dot));
    if (has_arguments) {
      return error(concat(head.fields.back(), " is not a method but has arguments"));
    }
    return value;
  }

  Result<Value> base_value(const Operand& operand, const Value& dot) {
    switch (operand.kind) {
      case Operand::Kind::kConstant:
        return operand.constant;
      case Operand::Kind::kNil:
        return Value();
      case Operand::Kind::kPipeline:
        return evaluate(*operand.pipeline, dot);
      case Operand::Kind::kFunction: {
        const Command alone;
        return call(operand, alone, dot, nullptr);
      }
      case Operand::Kind::kVariable:
        for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
          if (it->first == operand.name) return it->second;
        }
        return error(concat("undefined variable: ", operand.name));
      case Operand::Kind::kDot:
      case Operand::Kind::kField:
        break;
    }
    return dot;
  }

  Result<Value> evaluate_operand(const Operand& operand, const Value& dot) {
    at(operand.position, operand.to_text());
    NX_TRY_ASSIGN(Value value, base_value(operand, dot));
    for (const std::string& field : operand.fields) {
      auto found = value.field(field);
      if (!found) return error(found.error().message());
      value = *std::move(found);
    }
    return value;
  }

  // Functions are called by commands `f a b`, and by a lone `f` among arguments (then `command` is
  // empty).
  Result<Value> call(const Operand& head, const Command& command, const Value& dot,
                     const Value* last) {
    at(head.position, head.to_text());
    const Function& function = *find_function(head.name);
    const std::size_t written = command.operands.empty() ? 0 : command.operands.size() - 1;
    const std::size_t count = written + (last != nullptr ? 1 : 0);
    NX_TRY(check_count(function, written, count));
    if (function.call == nullptr) return short_circuit(function, command, dot, last);

    std::vector<Value> args;
    for (std::size_t i = 0; i < written; ++i) {
      NX_TRY_ASSIGN(Value arg, argument(command.operands[i + 1], parameter(function, i), dot));
      args.push_back(std::move(arg));
    }
    if (last != nullptr) {
      NX_TRY(check_type(*last, parameter(function, written)));
      args.push_back(*last);
    }
    if (function.name == "query" && ++queries_ > kTemplateQueriesMax) {
      return error(concat("more than ", kTemplateQueriesMax, " queries"), Code::kLimit);
    }
    Result<Value> value = function.call(environment_, args);
    if (!value) {
      at(command.operands.empty() ? head.position : command.position,
         command.operands.empty() ? head.to_text() : command.to_text());
      return error(concat("error calling ", function.name, ": ", value.error().message()));
    }
    const auto* text = value->as<std::string>();
    if (text != nullptr && text->size() > kTemplateOutputMax) {
      return error("a string exceeds 1 MiB", Code::kLimit);
    }
    return value;
  }

  Result<void> check_count(const Function& function, std::size_t written, std::size_t count) const {
    const std::size_t declared = function.parameters.size();
    if (!function.variadic && count != declared) {
      return error(
          concat("wrong number of args for ", function.name, ": want ", declared, " got ", count));
    }
    if (function.variadic && count + 1 < declared) {
      return error(concat("wrong number of args for ", function.name, ": want at least ",
                          declared - 1, " got ", written));
    }
    return {};
  }

  static Parameter parameter(const Function& function, std::size_t index) {
    return function.parameters[std::min(index, function.parameters.size() - 1)];
  }

  Result<Value> short_circuit(const Function& function, const Command& command, const Value& dot,
                              const Value* last) {
    const bool is_or = function.name == "or";
    Value value;
    for (std::size_t i = 1; i < command.operands.size(); ++i) {
      NX_TRY_ASSIGN(value, argument(command.operands[i], Parameter::kAny, dot));
      if (value.truth() == is_or) return value;
    }
    return last != nullptr ? *last : value;
  }

  Result<void> check_type(const Value& value, Parameter wanted) const {
    bool fits = true;
    if (wanted == Parameter::kString) fits = value.as<std::string>() != nullptr;
    if (wanted == Parameter::kSample) fits = value.as<std::shared_ptr<const Sample>>() != nullptr;
    if (wanted == Parameter::kSamples)
      fits = value.as<std::shared_ptr<const SampleList>>() != nullptr;
    if (fits) return {};
    if (value.is_none()) return error(concat("invalid value; expected ", parameter_name(wanted)));
    return error(concat("wrong type for value; expected ", parameter_name(wanted), "; got ",
                        value.type_name()));
  }

  Result<Value> argument(const Operand& operand, Parameter wanted, const Value& dot) {
    NX_TRY_ASSIGN(Value value, evaluate_operand(operand, dot));
    if (operand.kind == Operand::Kind::kNil && wanted == Parameter::kString) {
      return error("cannot assign nil to string");
    }
    const bool constant = operand.kind == Operand::Kind::kConstant;
    if (constant && wanted == Parameter::kString && value.as<std::string>() == nullptr) {
      return error(concat("expected string; found ", operand.to_text()));
    }
    NX_TRY(check_type(value, wanted));
    return value;
  }

  const Template& template_;
  const Environment& environment_;
  const StopToken& stop_;
  std::string running_;  // the definition that is executed
  std::vector<std::pair<std::string, Value>> variables_;
  std::string out_;
  std::size_t steps_ = 0;
  std::size_t queries_ = 0;
  int calls_ = 0;
  std::size_t position_ = 0;
  std::string context_;
};

}  // namespace
}  // namespace tmpl

Result<std::string> expand_template(const std::string& name, std::string_view text,
                                    const tmpl::Value& data, const tmpl::Environment& environment,
                                    const StopToken& stop) {
  auto parsed = tmpl::parse_template(name, std::string(text));
  if (!parsed) return std::move(parsed).error().with(concat("error parsing template ", name));
  auto out = tmpl::Executor(*parsed, environment, stop).run(data);
  if (!out) return std::move(out).error().with(concat("error executing template ", name));
  return out;
}

Result<void> check_template(const std::string& name, std::string_view text) {
  NX_TRY(tmpl::parse_template(name, std::string(text)));
  return {};
}

std::string_view alert_template_preamble() {
  return "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
         "{{$externalURL := .ExternalURL}}{{$value := .Value}}";
}

}  // namespace narthex::alerting
