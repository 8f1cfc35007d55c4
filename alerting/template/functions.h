// The functions that templates may call: Go's builtins and Prometheus' 29. `and` and `or` are the
// executor's, because they do not evaluate all their arguments.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/template/value.h"
#include "base/clock.h"
#include "base/result.h"

namespace narthex::alerting::tmpl {

/// What functions know of the world around the template. Outlives the expansion; used by its thread
/// only.
struct Environment {
  /// Evaluates PromQL at the evaluation's time; empty: `query` is an error.
  std::function<Result<std::vector<Sample>>(const std::string& expression)> query;
  std::string external_url;
  std::string path_prefix;
  model::TimeMs now = 0;
  /// Of the time that an expansion may take; null: none.
  const Clock* clock = nullptr;
};

/// What a parameter takes; constants are converted or refused accordingly, as Go's reflection does.
enum class Parameter : unsigned char { kAny, kString, kSample, kSamples };

/// A row of the table. `call` gets as many arguments as `parameters` allows and of their types; it
/// is null for `and` and `or`. Errors: kExecution in Go's words, kLimit.
struct Function {
  std::string_view name;
  std::vector<Parameter> parameters;  // of a variadic function the last repeats
  bool variadic = false;
  Result<Value> (*call)(const Environment&, std::span<const Value>) = nullptr;
};

/// Null when there is none. The table lives for ever. Thread-safe.
const Function* find_function(std::string_view name);

/// Go's name of the parameter's type.
std::string_view parameter_name(Parameter parameter);

/// Go's eq and lt of two values; kExecution when their types do not compare.
Result<bool> values_equal(const Value& a, const Value& b);
Result<bool> value_less(const Value& a, const Value& b);

}  // namespace narthex::alerting::tmpl
