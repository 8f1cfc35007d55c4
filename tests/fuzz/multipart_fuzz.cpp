// Any type and body are values or a refusal; the values hold no more than the body does. The
// input's first line is the Content-Type.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "web/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t line = bytes.find('\n');
  const std::string_view type = bytes.substr(0, line);
  const std::string_view body =
      line == std::string_view::npos ? std::string_view() : bytes.substr(line + 1);
  const auto pairs = narthex::web::parse_multipart(type, body);
  if (!pairs) return 0;
  std::size_t total = 0;
  for (const auto& [name, value] : *pairs) {
    NX_CHECK(!name.empty());
    total += name.size() + value.size();
  }
  NX_CHECK(total <= body.size());
  return 0;
}
