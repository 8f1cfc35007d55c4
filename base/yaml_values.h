// How the value of one field is read and printed: what Fields (yaml_fields.h) does for every type.
// An optional is a value that may be unset; it is printed when it is set.
#pragma once

#include <optional>
#include <string_view>
#include <type_traits>

#include "base/yaml.h"

namespace narthex::yaml {

/// When a field is printed. Types that Writer leaves out when they are empty always are.
enum class Shown : unsigned char { kAlways, kUnlessZero, kNever };

namespace internal {

template <typename V>
inline constexpr bool is_optional = requires(V v) {
  typename V::value_type;
  v.has_value();
};

template <typename V>
void print_value(Writer& out, std::string_view key, const V& value, Shown shown) {
  if (shown == Shown::kNever) return;
  if constexpr (is_optional<V>) {
    if (value) out.field(key, *value);
  } else if (shown == Shown::kAlways || value != V{}) {
    out.field(key, value);
  }
}

template <typename U>
U* target(U& value, const Node&) {
  return &value;
}
template <typename U>
U* target(std::optional<U>& value, const Node& node) {
  return node.is_null() ? nullptr : &value.emplace();
}
template <typename U>
const U* shown_map(const U& value) {
  return value == U{} ? nullptr : &value;
}
template <typename U>
const U* shown_map(const std::optional<U>& value) {
  return value ? &*value : nullptr;
}

template <typename V, typename Parse>
void parse_value(MapReader& map, std::string_view key, V& out, Parse parse) {
  if constexpr (std::is_same_v<std::invoke_result_t<Parse, std::string_view>, Result<V>>) {
    map.parse(key, out, parse);
  } else {
    typename V::value_type value{};
    map.parse(key, value, parse);
    if (map.has(key) && !map.place(key).is_null()) out = value;
  }
}

}  // namespace internal
}  // namespace narthex::yaml
