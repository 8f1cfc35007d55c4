// Look-ups go through all fields, comparing without case: a message has some ten of them, for which
// a map would cost more than it saves and lose their order.
#include "net/http/message.h"

#include "base/str.h"

namespace narthex::net::http {

void Headers::set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return equals_ignore_case(field.first, name); });
  add(std::move(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equals_ignore_case(key, name)) return value;
  }
  return {};
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : fields_) {
    if (equals_ignore_case(key, name)) out.push_back(value);
  }
  return out;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const std::string_view value : get_all(name)) {
    for (const std::string_view element : split(value, ',')) {
      if (equals_ignore_case(trim(element), token)) return true;
    }
  }
  return false;
}

bool Headers::contains(std::string_view name) const {
  for (const auto& field : fields_) {
    if (equals_ignore_case(field.first, name)) return true;
  }
  return false;
}

}  // namespace narthex::net::http
