// What an answer says does not depend on how its bytes arrived, and no more of it is kept than its
// limits allow.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http/response_reader.h"

namespace {

using net::http::ResponseReader;

constexpr std::size_t kBodyBytesMax = 1000;
constexpr std::size_t kLeftOverMax = 8 * 1024;  // a line of chunks, or trailers

struct Outcome {
  std::string error;
  std::string body;
  int status = 0;
  bool done = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view bytes, std::size_t step) {
  ResponseReader reader({.body_bytes_max = kBodyBytesMax});
  Outcome out;
  std::size_t start = 0;
  for (std::size_t end = 0; end < bytes.size() && !reader.is_done() && out.error.empty();) {
    end = end + step < bytes.size() ? end + step : bytes.size();
    const auto taken = reader.read(bytes.substr(start, end - start));
    if (taken) {
      start += *taken;
      NX_CHECK(!reader.has_head() || reader.is_done() || end - start <= kLeftOverMax);
    } else {
      out.error = taken.error().message();
    }
  }
  NX_CHECK(reader.body().size() <= kBodyBytesMax);
  out.done = reader.is_done();
  if (reader.has_head()) out.status = reader.head().status;
  // The body of what is no success is taken as far as it has come.
  if (out.done && out.status / 100 == 2) out.body = reader.body();
  if (out.done && out.status / 100 != 2) out.error.clear();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome by_byte = read(bytes, 1);
  const bool is_success = by_byte.status / 100 == 2;
  if (!by_byte.done || is_success) {
    const Outcome at_once = read(bytes, size + 1);
    NX_CHECK(at_once.done == by_byte.done || !at_once.error.empty());
    if (at_once.done) NX_CHECK(at_once == by_byte);
  }
  return 0;
}
