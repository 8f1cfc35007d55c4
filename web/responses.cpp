// Plain answers and response compression.
#include "web/responses.h"

#include "base/compress.h"
#include "base/html.h"
#include "base/str.h"

namespace narthex::web {
namespace {

constexpr std::size_t kCompressBytesMin = 1024;  // tuned: below it, headers cost more

// "gzip", "deflate" or empty.
std::string_view choose_encoding(std::string_view accepted) {
  for (const std::string_view entry : split(accepted, ',')) {
    const std::string_view name = trim(entry);
    if (name == "gzip" || name == "deflate") return name;
  }
  return {};
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

std::string escape_byte(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'%', kDigits[byte / 16], kDigits[byte % 16]};
}

std::string_view redirect_text(int status) {
  switch (status) {
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    default:
      return "Temporary Redirect";
  }
}

}  // namespace

net::http::Response text_response(int status, std::string text) {
  net::http::Response response{.status = status, .headers = {}, .body = std::move(text)};
  if (!response.body.empty()) {
    response.headers.add("Content-Type", "text/plain; charset=utf-8");
  }
  return response;
}

net::http::Response error_text_response(int status, std::string_view text) {
  net::http::Response response = text_response(status, concat(text, "\n"));
  response.headers.add("X-Content-Type-Options", "nosniff");
  return response;
}

net::http::Response redirect_response(const net::http::Request& request, int status,
                                      std::string_view path) {
  net::http::Response response{.status = status, .headers = {}, .body = {}};
  std::string location;
  for (const char c : path) location += is_ascii(c) ? std::string(1, c) : escape_byte(c);
  response.headers.add("Location", std::move(location));
  const bool is_get = request.method == "GET";
  if (is_get || request.method == "HEAD") {
    response.headers.add("Content-Type", "text/html; charset=utf-8");
  }
  if (is_get) {
    response.body =
        concat("<a href=\"", escape_html(path), "\">", redirect_text(status), "</a>.\n\n");
  }
  return response;
}

void compress_body(const net::http::Request& request, net::http::Response& response) {
  response.headers.add("Vary", "Accept-Encoding");
  if (response.body.size() < kCompressBytesMin) return;
  const std::string_view encoding = choose_encoding(request.headers.get("Accept-Encoding"));
  if (encoding.empty()) return;
  const auto format = encoding == "gzip" ? DeflateFormat::kGzip : DeflateFormat::kZlib;
  response.body = deflate(response.body, format);
  response.headers.set("Content-Encoding", std::string(encoding));
}

}  // namespace narthex::web
