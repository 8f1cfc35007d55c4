// Names of result types.
#include "query/value.h"

namespace narthex::query {

std::string_view result_type_name(const Value& value) {
  if (std::holds_alternative<ScalarValue>(value)) return "scalar";
  if (std::holds_alternative<StringValue>(value)) return "string";
  return std::holds_alternative<VectorValue>(value) ? "vector" : "matrix";
}

}  // namespace narthex::query
