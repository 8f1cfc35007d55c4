// The table of function signatures, sorted by name: looked up by bisection, checked by the type
// checker, printed by parse_query.
#include "query/promql/functions.h"

#include <algorithm>

namespace narthex::query {
namespace {

constexpr ValueType kS = ValueType::kScalar;
constexpr ValueType kV = ValueType::kVector;
constexpr ValueType kM = ValueType::kMatrix;
constexpr ValueType kStr = ValueType::kString;

constexpr bool kExperimental = true;

// clang-format off
constexpr auto kFunctions = std::to_array<Function>({
    {"abs", kV, 1, {kV}},
    {"absent", kV, 1, {kV}},
    {"absent_over_time", kV, 1, {kM}},
    {"acos", kV, 1, {kV}},
    {"acosh", kV, 1, {kV}},
    {"asin", kV, 1, {kV}},
    {"asinh", kV, 1, {kV}},
    {"atan", kV, 1, {kV}},
    {"atanh", kV, 1, {kV}},
    {"avg_over_time", kV, 1, {kM}},
    {"ceil", kV, 1, {kV}},
    {"changes", kV, 1, {kM}},
    {"clamp", kV, 3, {kV, kS, kS}},
    {"clamp_max", kV, 2, {kV, kS}},
    {"clamp_min", kV, 2, {kV, kS}},
    {"cos", kV, 1, {kV}},
    {"cosh", kV, 1, {kV}},
    {"count_over_time", kV, 1, {kM}},
    {"day_of_month", kV, 1, {kV}, 1},
    {"day_of_week", kV, 1, {kV}, 1},
    {"day_of_year", kV, 1, {kV}, 1},
    {"days_in_month", kV, 1, {kV}, 1},
    {"deg", kV, 1, {kV}},
    {"delta", kV, 1, {kM}},
    {"deriv", kV, 1, {kM}},
    {"double_exponential_smoothing", kV, 3, {kM, kS, kS}, 0, kExperimental},
    {"end", kS, 0, {}, 0, kExperimental},
    {"exp", kV, 1, {kV}},
    {"first_over_time", kV, 1, {kM}},
    {"floor", kV, 1, {kV}},
    {"histogram_avg", kV, 1, {kV}},
    {"histogram_count", kV, 1, {kV}},
    {"histogram_fraction", kV, 3, {kS, kS, kV}},
    {"histogram_quantile", kV, 2, {kS, kV}},
    {"histogram_quantiles", kV, 4, {kV, kStr, kS, kS}, 9, kExperimental},
    {"histogram_stddev", kV, 1, {kV}},
    {"histogram_stdvar", kV, 1, {kV}},
    {"histogram_sum", kV, 1, {kV}},
    {"hour", kV, 1, {kV}, 1},
    {"idelta", kV, 1, {kM}},
    {"increase", kV, 1, {kM}},
    {"info", kV, 2, {kV, kV}, 1, kExperimental},
    {"irate", kV, 1, {kM}},
    {"label_join", kV, 4, {kV, kStr, kStr, kStr}, -1},
    {"label_replace", kV, 5, {kV, kStr, kStr, kStr, kStr}},
    {"last_over_time", kV, 1, {kM}},
    {"ln", kV, 1, {kV}},
    {"log10", kV, 1, {kV}},
    {"log2", kV, 1, {kV}},
    {"mad_over_time", kV, 1, {kM}, 0, kExperimental},
    {"max_of", kS, 2, {kS, kS}, 0, kExperimental},
    {"max_over_time", kV, 1, {kM}},
    {"min_of", kS, 2, {kS, kS}, 0, kExperimental},
    {"min_over_time", kV, 1, {kM}},
    {"minute", kV, 1, {kV}, 1},
    {"month", kV, 1, {kV}, 1},
    {"pi", kS, 0, {}},
    {"predict_linear", kV, 2, {kM, kS}},
    {"present_over_time", kV, 1, {kM}},
    {"quantile_over_time", kV, 2, {kS, kM}},
    {"rad", kV, 1, {kV}},
    {"range", kS, 0, {}, 0, kExperimental},
    {"rate", kV, 1, {kM}},
    {"resets", kV, 1, {kM}},
    {"round", kV, 2, {kV, kS}, 1},
    {"scalar", kS, 1, {kV}},
    {"sgn", kV, 1, {kV}},
    {"sin", kV, 1, {kV}},
    {"sinh", kV, 1, {kV}},
    {"sort", kV, 1, {kV}},
    {"sort_by_label", kV, 2, {kV, kStr}, -1, kExperimental},
    {"sort_by_label_desc", kV, 2, {kV, kStr}, -1, kExperimental},
    {"sort_desc", kV, 1, {kV}},
    {"sqrt", kV, 1, {kV}},
    {"start", kS, 0, {}, 0, kExperimental},
    {"start_timestamp", kV, 1, {kV}, 0, kExperimental},
    {"stddev_over_time", kV, 1, {kM}},
    {"stdvar_over_time", kV, 1, {kM}},
    {"step", kS, 0, {}, 0, kExperimental},
    {"sum_over_time", kV, 1, {kM}},
    {"tan", kV, 1, {kV}},
    {"tanh", kV, 1, {kV}},
    {"time", kS, 0, {}},
    {"timestamp", kV, 1, {kV}},
    {"ts_of_first_over_time", kV, 1, {kM}, 0, kExperimental},
    {"ts_of_last_over_time", kV, 1, {kM}, 0, kExperimental},
    {"ts_of_max_over_time", kV, 1, {kM}, 0, kExperimental},
    {"ts_of_min_over_time", kV, 1, {kM}, 0, kExperimental},
    {"vector", kV, 1, {kS}},
    {"year", kV, 1, {kV}, 1},
});
// clang-format on

static_assert(std::ranges::is_sorted(kFunctions, {}, &Function::name));

}  // namespace

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "vector";
    case ValueType::kMatrix:
      return "matrix";
    case ValueType::kString:
      return "string";
    case ValueType::kNone:
      break;
  }
  return "none";
}

std::string_view documented_type(ValueType type) {
  if (type == ValueType::kVector) return "instant vector";
  if (type == ValueType::kMatrix) return "range vector";
  return type_name(type);
}

const Function* find_function(std::string_view name) {
  const auto at = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return at != kFunctions.end() && at->name == name ? &*at : nullptr;
}

}  // namespace narthex::query
