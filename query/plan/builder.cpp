// The physical builder: a checked syntax tree becomes a list of operators, inputs before their
// users.
//
// The problem: the tree may be thousands of levels deep (a + a + a ...), so nothing may recurse;
// errors must be those that upstream's evaluator would find first, though here they are found
// before anything is evaluated; and each node has its own steps: those of the query, of the
// subquery around it, or just one where nothing depends on time.
//
// The walk has a stack of its own with three kinds of tasks. Entering a node settles its steps and
// pushes its exit and its children; exiting takes the operators that the children made off a second
// stack and makes the node's own; a repeat wraps what was made for one step so that it stands at
// all of them.
//
// Steps. A node that is invariant (every selector in it fixed by @) is planned for one step and
// repeated, but only at the top of an invariant subtree. A subquery's content gets an axis of its
// own, aligned to multiples of its step as upstream aligns it, and is evaluated once for the whole
// query: windows of the outer steps overlap in it.
//
// Order. Children are planned in upstream's order of evaluation (a parameter before what is
// aggregated, a subquery before other arguments), since operators run in the order of the list, and
// warnings, errors and the count of samples follow it. What upstream refuses only when it comes to
// evaluate a call is no error of planning: FailOp stands in its place, and fails if there is a step
// to evaluate.
//
// Times. Durations that are expressions were resolved before (query/plan/resolve.h); here they are
// added up with saturation, and a selector whose times leave 64 bits is refused (out_of_bounds()).
// The range that all selectors need together opens the store, once.
//
// Rejected: a logical plan with rewrites between tree and operators. The only rewrite that pays
// here is invariance, which is a flag for each node.
#include "query/plan/builder.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>
#include <utility>

#include "base/str.h"
#include "base/units.h"
#include "query/functions/extended.h"
#include "query/functions/math.h"
#include "query/functions/window.h"
#include "query/ops/binary.h"
#include "query/ops/fail.h"
#include "query/ops/histogram.h"
#include "query/ops/info.h"
#include "query/ops/map.h"
#include "query/ops/order.h"
#include "query/ops/rank.h"
#include "query/ops/scalar.h"
#include "query/ops/select.h"
#include "query/ops/smooth.h"
#include "query/ops/step_invariant.h"
#include "query/ops/window.h"
#include "query/plan/maps.h"

namespace narthex::query {
namespace {

constexpr std::size_t kSubqueryStepsMax = 1'000'000;  // docs/limits.md

Error not_implemented(std::string_view what) {
  return Error(Code::kExecution, concat("not implemented yet: ", what));
}

Error out_of_bounds() {
  return Error(Code::kExecution, "the times of a selector are out of bounds");
}

// Where a note of `node` about its argument stands; see Annotations.
Position note_place(const Expr& node, const Expr& argument) {
  return {.start = unwrap(argument).position.start, .end = node.position.end};
}

class Builder {
 public:
  Builder(QueryContext& context, const Expr& root, const QueryTimes& times)
      : context_(context), root_(unwrap(root)), times_(times), invariant_(find_invariant(root)) {}

  Result<Plan> run() {
    if (const auto* text = root_.as<StringLiteral>()) {
      plan_.text = text->value;
      return std::move(plan_);
    }
    if (root_.type == ValueType::kMatrix) {
      NX_TRY(build_raw());
    } else {
      NX_TRY_ASSIGN(plan_.root, build(root_, context_.axis));
    }
    if (any_selector_) plan_.needed = needed_;
    return std::move(plan_);
  }

 private:
  // What is left to do on the way through the tree.
  struct Task {
    enum class Kind : std::uint8_t { kEnter, kExit, kRepeat } kind = Kind::kEnter;
    const Expr* expr = nullptr;
    StepAxis axis;
    std::size_t children = 0;
  };
  struct Child {
    const Expr* expr = nullptr;
    StepAxis axis;
  };
  using Inputs = std::vector<Operator*>;
  using Made = Result<Operator*>;

  template <typename Op, typename... Args>
  Operator* add(Args&&... args) {
    plan_.operators.push_back(std::make_unique<Op>(std::forward<Args>(args)...));
    return plan_.operators.back().get();
  }

  // A stack of tasks in place of recursion: entering a node puts "make it" and its children on top,
  // so that its inputs are the last ones made when its own turn comes.
  Made build(const Expr& expr, const StepAxis& axis) {
    std::vector<Task> tasks{{.expr = &expr, .axis = axis}};
    Inputs made;
    while (!tasks.empty()) {
      const Task task = tasks.back();
      tasks.pop_back();
      if (task.kind == Task::Kind::kEnter) {
        NX_TRY(enter(task, tasks));
        continue;
      }
      const auto first = made.end() - static_cast<std::ptrdiff_t>(task.children);
      const Inputs inputs(first, made.end());
      made.erase(first, made.end());
      if (task.kind == Task::Kind::kRepeat) {
        made.push_back(add<StepInvariantOp>(task.axis, inputs[0]));
        continue;
      }
      NX_TRY_ASSIGN(Operator * op, make(*task.expr, task.axis, inputs));
      made.push_back(op);
    }
    return made.back();
  }

  Result<void> enter(const Task& task, std::vector<Task>& tasks) {
    NX_TRY(context_.stop.check());  // a pattern of label_replace() may take long to compile
    const Expr& expr = unwrap(*task.expr);
    const bool literal = expr.as<NumberLiteral>() != nullptr;
    StepAxis axis = task.axis;
    if (axis.count > 0 && !literal && invariant_.at(&expr)) {
      if (axis.count > 1) {
        tasks.push_back({.kind = Task::Kind::kRepeat, .axis = axis, .children = 1});
      }
      axis.count = 1;
      axis.beyond = 0;
    }
    check_arguments(expr, axis);
    NX_TRY_ASSIGN(const std::vector<Child> children, children_of(expr, axis));
    tasks.push_back(
        {.kind = Task::Kind::kExit, .expr = &expr, .axis = axis, .children = children.size()});
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      tasks.push_back({.expr = child->expr, .axis = child->axis});
    }
    return {};
  }

  // What upstream checks before it evaluates the arguments.
  void check_arguments(const Expr& expr, const StepAxis& axis) {
    const auto* call = expr.as<CallNode>();
    const auto* aggregate = expr.as<AggregateNode>();
    if (aggregate != nullptr && aggregate->op == Token::kCountValues) {
      const std::string& label = unwrap(*expr.children[1]).as<StringLiteral>()->value;
      if (model::is_valid_name(label)) return;
      fail(axis, Error(Code::kExecution, concat("invalid label name ", quote(label))));
    } else if (call != nullptr &&
               (call->function->name == "label_replace" || call->function->name == "label_join")) {
      const std::vector<std::string> args = string_arguments(expr);
      const bool replaces = call->function->name == "label_replace";
      Result<Relabel> relabel = replaces ? label_replace_map(args) : label_join_map(args);
      if (!relabel) return static_cast<void>(fail(axis, std::move(relabel).error()));
      relabels_.emplace(&expr, *std::move(relabel));
    }
  }

  Operator* fail(const StepAxis& axis, Error error, Inputs in = {}) {
    return add<FailOp>(axis, std::move(error), std::move(in));
  }

  // The sub-expressions that become inputs, in upstream's order of evaluation: a parameter comes
  // before what is aggregated, a subquery before the other arguments.
  Result<std::vector<Child>> children_of(const Expr& expr, const StepAxis& axis) {
    std::vector<Child> out;
    if (expr.as<UnaryNode>() != nullptr) {
      out.push_back({.expr = &below_signs(expr), .axis = axis});
      return out;
    }
    const bool is_timestamp = is_timestamp_of_selector(expr);
    const auto* call = expr.as<CallNode>();
    const bool is_info = call != nullptr && call->function->name == "info";
    for (const ExprPtr& child : expr.children) {
      const Expr& bare = unwrap(*child);
      if (bare.type == ValueType::kString || is_timestamp) continue;
      if (is_info && child != expr.children[0]) continue;
      if (const auto* sub = bare.as<SubqueryNode>()) {
        NX_TRY_ASSIGN(const StepAxis inner, inner_axis(*sub, axis));
        out.insert(out.begin(), {.expr = bare.children[0].get(), .axis = inner});
      } else if (bare.as<MatrixSelector>() == nullptr) {
        out.push_back({.expr = &bare, .axis = axis});
      }
    }
    if (expr.as<AggregateNode>() != nullptr) std::ranges::reverse(out);
    return out;
  }

  static bool is_timestamp_of_selector(const Expr& expr) {
    const auto* call = expr.as<CallNode>();
    return call != nullptr && call->function->name == "timestamp" &&
           unwrap(*expr.children[0]).as<VectorSelector>() != nullptr;
  }

  // Signs in a row are one operator: what they all stand before.
  static const Expr& below_signs(const Expr& expr) {
    const Expr* at = &expr;
    while (at->as<UnaryNode>() != nullptr) at = at->children[0].get();
    return *at;
  }

  Result<TimeShift> shift_of(const TimeModifiers& time) {
    TimeShift shift;
    NX_TRY_ASSIGN(const std::int64_t ns, resolve_duration(time.offset, times_, true));
    shift.offset = ns / kNsPerMs;
    shift.at = time.at;
    if (time.at_edge == Token::kStart) shift.at = times_.start;
    if (time.at_edge == Token::kEnd) shift.at = times_.end;
    return shift;
  }

  Result<StepAxis> inner_axis(const SubqueryNode& sub, const StepAxis& outer) {
    NX_TRY_ASSIGN(const TimeShift shift, shift_of(sub.time));
    NX_TRY_ASSIGN(const std::int64_t range_ns, resolve_duration(sub.range, times_, false));
    DurationMs step = context_.subquery_step_ms;
    if (sub.step.set()) {
      NX_TRY_ASSIGN(const std::int64_t step_ns, resolve_duration(sub.step, times_, false));
      step = std::max<DurationMs>(step_ns / kNsPerMs, 1);
    }
    const TimeMs begin = model::subtract_time(shift.reference(outer, 0), range_ns / kNsPerMs);
    const TimeMs end = shift.reference(outer, outer.count == 0 ? 0 : outer.count - 1);
    // Go's division cuts toward zero, so before 1970 the multiple may lie above begin; upstream has
    // it so.
    TimeMs start = step * (begin / step);
    if (start <= begin) start = model::add_time(start, step);
    StepAxis inner{.start = start, .step = step, .count = 0};
    if (outer.count > 0) inner.count = model::count_steps(start, end, step);
    if (inner.count > 0) inner.beyond = end - inner.last();
    if (inner.count > kSubqueryStepsMax) {
      return Error(Code::kLimit,
                   concat("subquery has ", inner.count, " steps, more than ", kSubqueryStepsMax));
    }
    return inner;
  }

  // `window` is the range, or none for an instant selector, which has the lookback.
  Result<SelectorSpec> selector_spec(const VectorSelector& selector, Position position,
                                     std::optional<DurationMs> window, const StepAxis& axis,
                                     std::string_view function) {
    SelectorSpec spec{.matchers = selector.matchers,
                      .position = position,
                      .shift = {},
                      .window_ms = window.value_or(context_.lookback_ms),
                      .step_ms = axis.count > 1 ? axis.step : 0,
                      .function = std::string(function)};
    NX_TRY_ASSIGN(spec.shift, shift_of(selector.time));
    const bool extended = selector.anchored || selector.smoothed;
    if (window && extended) spec.before_ms = context_.lookback_ms;
    if (selector.smoothed) spec.after_ms = context_.lookback_ms;
    if (!spec.fits(axis)) return out_of_bounds();
    need(spec.needed(axis));
    return spec;
  }

  void need(const model::TimeRange& range) {
    needed_.min = any_selector_ ? std::min(needed_.min, range.min) : range.min;
    needed_.max = any_selector_ ? std::max(needed_.max, range.max) : range.max;
    any_selector_ = true;
  }

  // A range selector or a subquery alone.
  Result<void> build_raw() {
    plan_.raw.emplace();
    if (const auto* sub = root_.as<SubqueryNode>()) {
      NX_TRY_ASSIGN(const StepAxis inner, inner_axis(*sub, context_.axis));
      NX_TRY_ASSIGN(plan_.root, build(*root_.children[0], inner));
      return {};
    }
    const auto& matrix = *root_.as<MatrixSelector>();
    NX_TRY_ASSIGN(const std::int64_t range_ns, resolve_duration(matrix.range, times_, false));
    NX_TRY_ASSIGN(plan_.raw->selector, selector_spec(matrix.selector, root_.position,
                                                     range_ns / kNsPerMs, context_.axis, ""));
    plan_.raw->extended = matrix.selector.anchored || matrix.selector.smoothed;
    return {};
  }

  Made make(const Expr& expr, const StepAxis& axis, const Inputs& in) {
    if (const auto* n = expr.as<NumberLiteral>()) return add<NumberOp>(axis, n->value);
    if (const auto* selector = expr.as<VectorSelector>()) {
      NX_TRY_ASSIGN(SelectorSpec spec,
                    selector_spec(*selector, expr.position, std::nullopt, axis, ""));
      if (selector->smoothed) return add<SmoothOp>(axis, std::move(spec));
      return add<SelectOp>(axis, std::move(spec), SelectOp::Output::kValue);
    }
    if (expr.as<UnaryNode>() != nullptr) return make_signs(expr, axis, in);
    if (const auto* binary = expr.as<BinaryNode>()) return make_binary(expr, *binary, axis, in);
    if (const auto* aggregate = expr.as<AggregateNode>()) {
      return make_aggregate(expr, *aggregate, axis, in);
    }
    if (const auto* call = expr.as<CallNode>()) {
      return make_call(expr, call->function->name, axis, in);
    }
    return Error(Code::kInternal, "unexpected node in a query");
  }

  Made make_signs(const Expr& expr, const StepAxis& axis, const Inputs& in) {
    std::size_t minuses = 0;
    for (const Expr* at = &expr; at->as<UnaryNode>() != nullptr; at = at->children[0].get()) {
      if (at->as<UnaryNode>()->op == Token::kSub) ++minuses;
    }
    if (minuses == 0) return in[0];
    const bool negates = minuses % 2 == 1;
    const auto sign = [negates](const MapRow& row) {
      if (negates) map_cells(row, [](std::size_t, double v) { return -v; });
    };
    return add<MapOp>(axis, MapKernel(sign), true, in, Counting::kInPlace);
  }

  Made make_binary(const Expr& expr, const BinaryNode& node, const StepAxis& axis,
                   const Inputs& in) {
    const bool left_scalar = expr.children[0]->type == ValueType::kScalar;
    const bool right_scalar = expr.children[1]->type == ValueType::kScalar;
    if (left_scalar && right_scalar) {
      return add<ScalarMathOp>(axis, node.op, &binary_math, in[0], in[1]);
    }
    if (left_scalar || right_scalar) {
      Inputs vector_first = in;
      if (left_scalar) std::swap(vector_first[0], vector_first[1]);
      const bool drops_name = node.return_bool || !is_comparison(node.op);
      return add<MapOp>(axis, vector_scalar_map(context_, node, expr.position, left_scalar),
                        drops_name, std::move(vector_first));
    }
    if (is_set_operator(node.op)) return add<SetOp>(axis, node, in[0], in[1]);
    return add<BinaryOp>(axis, node, expr.position, in[0], in[1]);
  }

  Made make_aggregate(const Expr& expr, const AggregateNode& node, const StepAxis& axis,
                      const Inputs& in) {
    LabelChoice choice{.names = node.grouping, .without = node.without};
    if (node.op == Token::kCountValues) {
      const std::string& label = unwrap(*expr.children[1]).as<StringLiteral>()->value;
      if (!node.without) choice.names.push_back(label);
      return add<CountValuesOp>(axis, label, std::move(choice), in[0]);
    }
    if (!is_aggregator_with_parameter(node.op)) {
      return add<AggregateOp>(axis, node.op, std::move(choice), expr.children[0]->position, in[0]);
    }
    const Position parameter = note_place(expr, *expr.children[1]);
    if (node.op == Token::kQuantile) {
      return add<QuantileOp>(axis, std::move(choice), parameter, in[1], in[0]);
    }
    return add<SelectionOp>(axis, node.op, std::move(choice), parameter, in[1], in[0]);
  }

  Made make_call(const Expr& expr, std::string_view name, const StepAxis& axis, const Inputs& in) {
    if (find_window_function(name) != nullptr) return make_window(expr, name, axis, in);
    if (is_timestamp_of_selector(expr)) {
      const Expr& argument = unwrap(*expr.children[0]);
      NX_TRY_ASSIGN(SelectorSpec spec, selector_spec(*argument.as<VectorSelector>(),
                                                     argument.position, std::nullopt, axis, name));
      return add<SelectOp>(axis, std::move(spec), SelectOp::Output::kTimestamp);
    }
    if (name == "time") return add<TimeOp>(axis);
    if (name == "pi") return add<NumberOp>(axis, std::numbers::pi);
    if (name == "scalar") return add<ScalarOp>(axis, in[0]);
    if (name == "vector") return add<VectorOp>(axis, in[0]);
    if (name == "absent")
      return add<AbsentOp>(axis, labels_of_absent(*expr.children[0]), false, in[0]);
    if (name.starts_with("sort")) return make_sort(expr, name, axis, in);
    if (name == "max_of" || name == "min_of") {
      const auto math = name == "max_of" ? [](Token, double a, double b) { return go_max(a, b); }
                                         : [](Token, double a, double b) { return go_min(a, b); };
      return add<ScalarMathOp>(axis, Token::kAdd, math, in[0], in[1]);
    }
    if (name == "info") return make_info(expr, axis, in);
    if (name == "label_replace" || name == "label_join") return make_relabel(expr, axis, in);
    if (name.starts_with("histogram_")) return make_histogram(expr, name, axis, in);
    if (const std::optional<double> known = context_value(name)) return add<NumberOp>(axis, *known);
    return make_map(name, axis, in);
  }

  // start(), end(), range(), step(): numbers that the query as a whole fixes.
  std::optional<double> context_value(std::string_view name) const {
    const auto seconds = [](DurationMs ms) { return static_cast<double>(ms) / 1000; };
    if (name == "start") return seconds(times_.start);
    if (name == "end") return seconds(times_.end);
    if (name == "range") return seconds(model::time_between(times_.start, times_.end));
    if (name == "step") return times_.start == times_.end ? 0 : seconds(times_.step);
    return std::nullopt;
  }

  Made make_map(std::string_view name, const StepAxis& axis, Inputs in) {
    if (in.empty() && is_calendar_function(name)) {
      in.push_back(add<VectorOp>(axis, add<TimeOp>(axis)));
    }
    std::optional<MapKernel> kernel = function_map(name);
    if (!kernel) return not_implemented(concat("function ", name));
    return add<MapOp>(axis, *std::move(kernel), true, std::move(in));
  }

  // The function over this kind of range.
  static Result<const WindowFunction*> window_function(std::string_view name,
                                                       const Expr& argument) {
    const auto* matrix = argument.as<MatrixSelector>();
    const auto refuse = [&](std::string_view modifier, std::string_view allowed) {
      return Error(Code::kExecution, concat(modifier, " modifier can only be used with: ", allowed,
                                            " - not with ", name));
    };
    if (matrix != nullptr && matrix->selector.anchored) {
      const WindowFunction* found = find_anchored_function(name);
      if (found == nullptr) return refuse("anchored", "changes, delta, increase, rate, resets");
      return found;
    }
    if (matrix != nullptr && matrix->selector.smoothed) {
      const WindowFunction* found = find_smoothed_function(name);
      if (found == nullptr) return refuse("smoothed", "delta, increase, rate");
      return found;
    }
    return find_window_function(name);
  }

  Made make_window(const Expr& expr, std::string_view name, const StepAxis& axis,
                   const Inputs& in) {
    const auto is_range = [](const ExprPtr& arg) { return arg->type == ValueType::kMatrix; };
    const Expr& argument = unwrap(**std::ranges::find_if(expr.children, is_range));
    Result<const WindowFunction*> function = window_function(name, argument);
    if (!function) return fail(axis, std::move(function).error(), in);
    WindowSpec spec{.function = *function,
                    .argument_position = note_place(expr, *expr.children[0]),
                    .quantile_position = note_place(expr, *expr.children[0])};
    if (const auto* matrix = argument.as<MatrixSelector>()) {
      NX_TRY_ASSIGN(spec.range_ns, resolve_duration(matrix->range, times_, false));
      NX_TRY_ASSIGN(spec.selector, selector_spec(matrix->selector, argument.position,
                                                 spec.range_ns / kNsPerMs, axis, name));
      spec.shift = spec.selector->shift;
    } else {
      const auto& sub = *argument.as<SubqueryNode>();
      NX_TRY_ASSIGN(spec.range_ns, resolve_duration(sub.range, times_, false));
      NX_TRY_ASSIGN(spec.shift, shift_of(sub.time));
      spec.argument_position.start = 0;  // as upstream, whose rewritten subquery has no place
    }
    Operator* window = add<WindowOp>(axis, std::move(spec), in);
    if (name != "absent_over_time") return window;
    const bool is_selector = argument.as<MatrixSelector>() != nullptr;
    return add<AbsentOp>(axis, is_selector ? labels_of_absent(argument) : model::Labels{}, true,
                         window);
  }

  Made make_sort(const Expr& expr, std::string_view name, const StepAxis& axis, const Inputs& in) {
    std::vector<std::string> labels = string_arguments(expr);
    if (name.starts_with("sort_by_label") && labels.empty()) labels.emplace_back("");
    return add<SortOp>(axis,
                       SortOp::Spec{.descending = name.ends_with("_desc"),
                                    .useless = axis.start != axis.end(),
                                    .labels = std::move(labels),
                                    .position = expr.position},
                       in[0]);
  }

  static std::vector<std::string> string_arguments(const Expr& call) {
    std::vector<std::string> out;
    for (const ExprPtr& child : call.children) {
      if (const auto* text = unwrap(*child).as<StringLiteral>()) out.push_back(text->value);
    }
    return out;
  }

  Made make_relabel(const Expr& expr, const StepAxis& axis, const Inputs& in) {
    const auto relabel = relabels_.find(&expr);
    if (relabel == relabels_.end()) return in[0];  // refused before
    return add<MapOp>(axis, std::move(relabel->second), string_arguments(expr)[0], in[0]);
  }

  // The modifiers of the first selector or subquery below `root`, in the order of the text. What
  // stands around or inside it does not count: upstream looks at the tree when subqueries have been
  // replaced by their results.
  Result<TimeShift> first_shift(const Expr& root) {
    std::vector<const Expr*> pending{&root};
    while (!pending.empty()) {
      const Expr& expr = *pending.back();
      pending.pop_back();
      if (const TimeModifiers* time = time_of(expr)) return shift_of(*time);
      for (auto child = expr.children.rbegin(); child != expr.children.rend(); ++child) {
        pending.push_back(child->get());
      }
    }
    return TimeShift{};
  }

  static const TimeModifiers* time_of(const Expr& expr) {
    if (const auto* vector = expr.as<VectorSelector>()) return &vector->time;
    if (const auto* matrix = expr.as<MatrixSelector>()) return &matrix->selector.time;
    const auto* sub = expr.as<SubqueryNode>();
    return sub == nullptr ? nullptr : &sub->time;
  }

  Made make_info(const Expr& expr, const StepAxis& axis, const Inputs& in) {
    const auto* selector =
        expr.children.size() > 1 ? unwrap(*expr.children[1]).as<VectorSelector>() : nullptr;
    InfoSpec spec = info_spec(selector);
    spec.selector.window_ms = context_.lookback_ms;
    // Info series are looked at when the call is evaluated, but only at samples that lie where the
    // first selector looks.
    NX_TRY_ASSIGN(const TimeShift shift, first_shift(*expr.children[0]));
    const TimeShift first{.offset = shift.offset, .at = shift.at.value_or(axis.start)};
    const TimeShift last{.offset = shift.offset, .at = shift.at.value_or(axis.end())};
    spec.clip = {.min = model::subtract_time(first.reference(axis, 0), context_.lookback_ms) + 1,
                 .max = last.reference(axis, 0)};
    if (!spec.selector.fits(axis)) return out_of_bounds();
    need(spec.selector.needed(axis));
    return add<InfoOp>(axis, std::move(spec), in[0]);
  }

  Made make_histogram(const Expr& expr, std::string_view name, const StepAxis& axis, Inputs in) {
    const bool is_fraction = name == "histogram_fraction";
    const bool is_plural = name == "histogram_quantiles";
    if (!is_fraction && !is_plural && name != "histogram_quantile") {
      return not_implemented(concat("native histograms (", name, ")"));
    }
    HistogramOp::Spec spec{.kind = is_fraction ? HistogramOp::Kind::kFraction
                                               : HistogramOp::Kind::kQuantile};
    for (const ExprPtr& child : expr.children) {
      const Expr& bare = unwrap(*child);
      if (bare.type == ValueType::kVector) spec.vector_position = note_place(expr, bare);
      if (bare.type == ValueType::kScalar) {
        spec.scalar_positions.push_back(note_place(expr, bare));
      }
    }
    if (is_plural) spec.quantile_label = string_arguments(expr)[0];
    if (!is_plural) std::rotate(in.begin(), in.end() - 1, in.end());  // buckets first
    return add<HistogramOp>(axis, std::move(spec), std::move(in));
  }

  QueryContext& context_;
  const Expr& root_;
  QueryTimes times_;
  Invariance invariant_;
  std::unordered_map<const Expr*, Relabel> relabels_;  // of calls on the way down, when valid
  Plan plan_;
  model::TimeRange needed_{.min = 0, .max = 0};
  bool any_selector_ = false;
};

}  // namespace

Result<Plan> build_plan(QueryContext& context, const Expr& root, const QueryTimes& times) {
  return Builder(context, root, times).run();
}

}  // namespace narthex::query
