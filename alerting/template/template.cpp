// Execution: walks the tree of a template with a value for dot, a stack of variables and one
// output.
//
// Values are handed down by reference and never change; `variables_` is a stack from which a block
// takes its own when it ends. A template call has a stack of its own, on which only `$` lies.
// {{break}} and {{continue}} come back up as the result of walking a list.
//
// Errors say where, as Go's do: at() keeps the last place, which costs two words, and its text is
// made only for an error. After an error nothing is put back: the executor is done with.
//
// A template is written by who writes rules, but what it works on comes from targets, so its costs
// are bounded whatever it does (docs/limits.md): steps for loops, calls and nesting for the stack,
// one string, all variables and query results, queries, and seconds on the clock, since a query may
// take long. The depth is counted over tree and calls together, because a call within 200 levels of
// blocks takes the stack further. Past a bound the alert's text is the error; no rule stops for it.
#include "alerting/template/template.h"

#include <algorithm>
#include <variant>

#include "alerting/template/ast.h"
#include "alerting/template/lexer.h"
#include "base/str.h"
#include "base/units.h"

namespace narthex::alerting {
namespace tmpl {
namespace {

enum class Flow : unsigned char { kNext, kBreak, kContinue };

constexpr std::size_t kStopInterval = 64;  // steps between looks at the clock
constexpr std::size_t kTemplateArgumentsMax = 4 * kTemplateOutputMax;  // texts of one call

StopToken deadline_of(const Clock* clock) {
  if (clock == nullptr) return {};
  return {*clock, clock->monotonic_ns() + kTemplateSecondsMax * kNsPerSecond};
}

class Executor {
 public:
  Executor(const Template& source, const Environment& environment, const StopToken& stop)
      : template_(source),
        environment_(environment),
        stop_(stop),
        deadline_(deadline_of(environment.clock)),
        running_(source.name) {}

  Result<std::string> run(const Value& data) {
    variables_.emplace_back("$", data);
    NX_TRY(walk(template_.definitions.at(template_.name), data));
    return std::move(out_);
  }

 private:
  /// What errors point at, as Go's state.at(); its text is made only for an error.
  using Place =
      std::variant<std::monostate, const Operand*, const Command*, const Pipeline*, const Node*>;

  /// One more level of recursion.
  struct Deeper {
    explicit Deeper(Executor& executor) : executor_(executor) { ++executor_.depth_; }
    ~Deeper() { --executor_.depth_; }
    Executor& executor_;
  };

  void at(std::size_t position, Place place) {
    position_ = position;
    place_ = place;
  }

  std::string place_text() const {
    if (const auto* operand = std::get_if<const Operand*>(&place_)) return (*operand)->to_text();
    if (const auto* command = std::get_if<const Command*>(&place_)) return (*command)->to_text();
    if (const auto* pipe = std::get_if<const Pipeline*>(&place_)) return (*pipe)->to_text();
    if (const auto* node = std::get_if<const Node*>(&place_)) {
      const std::string pipe = (*node)->pipeline ? (*node)->pipeline->to_text() : "";
      return (*node)->kind == Node::Kind::kRange
                 ? concat("range ", pipe)
                 : concat("{{template ", quote((*node)->text), pipe.empty() ? "" : " ", pipe, "}}");
    }
    return {};
  }

  Error error(std::string_view message, Code code = Code::kExecution) const {
    const std::string_view before = std::string_view(template_.source).substr(0, position_);
    const std::size_t newline = before.rfind('\n');
    const std::size_t column =
        newline == std::string_view::npos ? position_ : position_ - newline - 1;
    return Error(code, concat("template: ", template_.name, ":",
                              line_of(template_.source, position_), ":", column, ": executing ",
                              quote(running_), " at <", place_text(), ">: ", message));
  }

  Result<void> step() {
    if (++steps_ > kTemplateStepsMax) {
      return error(concat("exceeded maximum of ", kTemplateStepsMax, " steps"), Code::kLimit);
    }
    if (steps_ % kStopInterval != 0) return {};
    return check_time();
  }

  Result<void> check_time() const {
    NX_TRY(stop_.check());
    if (deadline_.check()) return {};
    return error(concat("exceeded maximum of ", kTemplateSecondsMax, " seconds"), Code::kLimit);
  }

  Result<void> check_depth() const {
    if (depth_ <= kTemplateNestingMax) return {};
    return error(concat("exceeded maximum nesting of ", kTemplateNestingMax), Code::kLimit);
  }

  Result<void> write(std::string_view text) {
    if (out_.size() + text.size() > kTemplateOutputMax) {
      return error("output exceeds 1 MiB", Code::kLimit);
    }
    out_ += text;
    return {};
  }

  // Counts what variables and query results keep in memory.
  Result<void> hold(std::size_t weight) {
    held_ += weight;
    if (held_ <= kTemplateHeldMax) return {};
    return error("variables and query results exceed 64 MiB", Code::kLimit);
  }

  Result<void> declare(const std::string& name, const Value& value) {
    NX_TRY(hold(value.weight()));
    variables_.emplace_back(name, value);
    return {};
  }

  Result<void> assign(const std::string& name, const Value& value) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first != name) continue;
      held_ -= it->second.weight();
      NX_TRY(hold(value.weight()));
      it->second = value;
      return {};
    }
    return {};
  }

  // Those declared since there were `visible` go.
  void leave_scope(std::size_t visible) {
    for (std::size_t i = visible; i < variables_.size(); ++i) {
      held_ -= variables_[i].second.weight();
    }
    variables_.resize(visible);
  }

  Result<Flow> walk(const NodeList& nodes, const Value& dot) {
    const Deeper deeper(*this);
    NX_TRY(check_depth());
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
    leave_scope(visible);
    return flow;
  }

  // One turn of a range; false once it is left.
  Result<bool> turn(const Node& node, const Value& index, const Value& element) {
    NX_TRY(step());
    const std::size_t outside = variables_.size();
    const auto& names = node.pipeline->variables;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Value& value = names.size() == 2 && i == 0 ? index : element;
      NX_TRY(node.pipeline->assigns ? assign(names[i], value) : declare(names[i], value));
    }
    NX_TRY_ASSIGN(const Flow flow, walk(node.body, element));
    leave_scope(outside);
    return flow != Flow::kBreak;
  }

  // True when there was anything to visit.
  template <typename Map>
  Result<bool> visit_map(const Node& node, const Map& map) {
    for (const auto& [key, element] : map) {
      NX_TRY_ASSIGN(const bool go_on, turn(node, Value(key), Value(element)));
      if (!go_on) break;
    }
    return !map.empty();
  }

  Result<bool> visit(const Node& node, const Value& value) {
    if (value.is_none()) return false;
    if (const auto* map = value.as<std::shared_ptr<const StringMap>>())
      return visit_map(node, **map);
    if (const auto* map = value.as<std::shared_ptr<const AnyMap>>())
      return visit_map(node, (*map)->entries());
    if (const auto* list = value.as<std::shared_ptr<const SampleList>>()) {
      for (std::size_t i = 0; i < (*list)->size(); ++i) {
        const Value index(static_cast<std::int64_t>(i));
        NX_TRY_ASSIGN(const bool go_on, turn(node, index, Value((**list)[i])));
        if (!go_on) break;
      }
      return !(*list)->empty();
    }
    if (const auto* count = value.as<std::int64_t>()) {
      if (node.pipeline->variables.size() > 1) {
        return error(
            concat("can't use ", value.to_text(), " to iterate over more than one variable"));
      }
      for (std::int64_t i = 0; i < *count; ++i) {
        NX_TRY_ASSIGN(const bool go_on, turn(node, Value(), Value(i)));
        if (!go_on) break;
      }
      return *count > 0;
    }
    return error(concat("range can't iterate over ", value.to_text()));
  }

  Result<Flow> walk_range(const Node& node, const Value& dot) {
    const std::size_t visible = variables_.size();
    at(node.position, &node);
    NX_TRY_ASSIGN(const Value value, evaluate(*node.pipeline, dot, false));
    NX_TRY_ASSIGN(const bool any, visit(node, value));
    if (!any) NX_TRY(walk(node.otherwise, dot));
    leave_scope(visible);
    return Flow::kNext;
  }

  Result<void> walk_template(const Node& node, const Value& dot) {
    at(node.position, &node);
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
    // A definition sees none of its caller's variables.
    auto outer = std::exchange(variables_, {});
    NX_TRY(declare("$", inner));
    std::string caller = std::exchange(running_, node.text);
    NX_TRY(walk(found->second, inner));
    leave_scope(0);
    variables_ = std::move(outer);
    running_ = std::move(caller);
    --calls_;
    return {};
  }

  Result<Value> evaluate(const Pipeline& pipeline, const Value& dot, bool declares = true) {
    const Deeper deeper(*this);
    at(pipeline.position, &pipeline);
    NX_TRY(check_depth());
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
      NX_TRY(pipeline.assigns ? assign(name, value) : declare(name, value));
    }
    return value;
  }

  // `last` is what the pipeline's previous stage gave.
  Result<Value> evaluate_command(const Command& command, const Value& dot, const Value* last) {
    const Operand& head = command.operands.front();
    if (head.kind == Operand::Kind::kFunction && head.fields.empty()) {
      return call(head, command, dot, last);
    }
    at(head.position, &head);
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
    at(operand.position, &operand);
    NX_TRY_ASSIGN(Value value, base_value(operand, dot));
    for (const std::string& field : operand.fields) {
      auto found = value.field(field);
      if (!found) return error(found.error().message());
      value = *std::move(found);
    }
    return value;
  }

  // Functions are called by commands `f a b`, and by a lone `f` among arguments (then `command` is
  // empty). What the pipeline's last stage gave comes behind the written arguments.
  Result<Value> call(const Operand& head, const Command& command, const Value& dot,
                     const Value* last) {
    at(head.position, &head);
    const Function& function = *find_function(head.name);
    const std::size_t written = command.operands.empty() ? 0 : command.operands.size() - 1;
    const std::size_t count = written + (last != nullptr ? 1 : 0);
    NX_TRY(check_count(function, written, count));
    if (function.call == nullptr) return short_circuit(function, command, dot, last);

    std::vector<Value> args;
    std::size_t text_bytes = 0;
    for (std::size_t i = 0; i < written; ++i) {
      NX_TRY(step());
      NX_TRY_ASSIGN(Value arg, argument(command.operands[i + 1], parameter(function, i), dot));
      if (const auto* text = arg.as<std::string>()) text_bytes += text->size();
      if (text_bytes > kTemplateArgumentsMax) {
        return error("the arguments of a function exceed 4 MiB", Code::kLimit);
      }
      args.push_back(std::move(arg));
    }
    if (last != nullptr) {
      NX_TRY(check_type(*last, parameter(function, written)));
      args.push_back(*last);
    }
    // A query costs far more than a step, and only the clock knows how much.
    if (function.name == "query" && ++queries_ > kTemplateQueriesMax) {
      return error(concat("more than ", kTemplateQueriesMax, " queries"), Code::kLimit);
    }
    Result<Value> value = function.call(environment_, args);
    if (!value) {
      if (command.operands.empty()) {
        at(head.position, &head);
      } else {
        at(command.position, &command);
      }
      return error(concat("error calling ", function.name, ": ", value.error().message()),
                   value.error().code() == Code::kLimit ? Code::kLimit : Code::kExecution);
    }
    if (function.name == "query") {
      NX_TRY(check_time());
      NX_TRY(hold(value->weight()));
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
    if (constant && (wanted == Parameter::kSample || wanted == Parameter::kSamples)) {
      return error(
          concat("can't handle ", operand.to_text(), " for arg of type ", parameter_name(wanted)));
    }
    NX_TRY(check_type(value, wanted));
    return value;
  }

  const Template& template_;
  const Environment& environment_;
  const StopToken& stop_;
  const StopToken deadline_;
  std::string running_;  // the definition that is executed
  std::vector<std::pair<std::string, Value>> variables_;
  std::string out_;
  std::size_t steps_ = 0;
  std::size_t queries_ = 0;
  std::size_t held_ = 0;
  int calls_ = 0;
  int depth_ = 0;
  std::size_t position_ = 0;
  Place place_;
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
