// Signatures of PromQL's functions. Truth: upstream promql/parser/functions.go. Immutable.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace narthex::query {

/// What an expression results in; kNone before it is known.
enum class ValueType : std::uint8_t { kNone, kScalar, kVector, kMatrix, kString };

/// "scalar", "vector", ...: names in the API and in some messages.
std::string_view type_name(ValueType type);
/// "instant vector" and "range vector" where documentation says so.
std::string_view documented_type(ValueType type);

/// One signature. Unused places of `arguments` are kNone.
struct Function {
  /// As many as any function has.
  static constexpr std::size_t kArgumentsMax = 5;

  std::string_view name;
  ValueType result = ValueType::kVector;
  std::uint8_t argument_count = 0;
  std::array<ValueType, kArgumentsMax> arguments{};
  int variadic =
      0;  // 0: none; n > 0: the last may be left out or repeated n times in all; -1: any number
  bool experimental = false;

  /// Of argument `index`, variadic ones included; index < 0 is not allowed.
  ValueType argument(std::size_t index) const {
    return arguments[index < argument_count ? index : argument_count - 1U];
  }
};

/// Null when unknown. Names are case-sensitive.
const Function* find_function(std::string_view name);

}  // namespace narthex::query
