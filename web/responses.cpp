// Plain answers and response compression.
#include "web/responses.h"

#include "base/compress.h"
#include "base/str.h"

namespace narthex::web {
namespace {

constexpr std::size_t kCompressBytesMin = 1024;  // performance.md 7: below it, headers cost more

// "gzip", "deflate" or empty.
std::string_view choose_encoding(std::string_view accepted) {
  for (const std::string_view entry : split(accepted, ',')) {
    const std::string_view name = trim(entry);
    if (name == "gzip" || name == "deflate") return name;
  }
  return {};
}

}  // namespace

http::Response text_response(int status, std::string text) {
  http::Response response{.status = status, .headers = {}, .body = std::move(text)};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

http::Response error_text_response(int status, std::string_view text) {
  http::Response response = text_response(status, concat(text, "\n"));
  response.headers.add("X-Content-Type-Options", "nosniff");
  return response;
}

http::Response redirect_response(int status, std::string location) {
  http::Response response = text_response(status, {});
  response.headers.add("Location", std::move(location));
  return response;
}

void compress_body(const http::Request& request, http::Response& response) {
  response.headers.add("Vary", "Accept-Encoding");
  if (response.body.size() < kCompressBytesMin) return;
  const std::string_view encoding = choose_encoding(request.headers.get("Accept-Encoding"));
  if (encoding.empty()) return;
  const auto format = encoding == "gzip" ? DeflateFormat::kGzip : DeflateFormat::kZlib;
  response.body = deflate(response.body, format);
  response.headers.set("Content-Encoding", std::string(encoding));
}

}  // namespace narthex::web
