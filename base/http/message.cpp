// Header look-ups.
#include "base/http/message.h"

#include "base/str.h"

namespace narthex::http {

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

bool Headers::contains(std::string_view name) const {
  for (const auto& field : fields_) {
    if (equals_ignore_case(field.first, name)) return true;
  }
  return false;
}

}  // namespace narthex::http
