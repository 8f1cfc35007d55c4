// Plain answers and response compression, as Go's net/http and upstream's handlers make them.
//
// A stream is compressed piece by piece through a sink around the connection's: each piece on a CPU
// thread, then written, so neither side runs ahead. Its length is not known before, so a stream is
// compressed however short it turns out to be.
#include "web/responses.h"

#include <optional>

#include "base/compress.h"
#include "base/html.h"
#include "base/str.h"

namespace narthex::web {
namespace {

constexpr std::size_t kCompressBytesMin = 1024;  // tuned: below it, headers cost more

// What the request accepts; the response depends on it in any case.
std::optional<DeflateFormat> choose_format(const net::http::Request& request,
                                           net::http::Response& response) {
  response.headers.add("Vary", "Accept-Encoding");
  for (const std::string_view entry : split(request.headers.get("Accept-Encoding"), ',')) {
    const std::string_view name = trim(entry);
    if (name == "gzip") return DeflateFormat::kGzip;
    if (name == "deflate") return DeflateFormat::kZlib;
  }
  return std::nullopt;
}

void say_encoding(DeflateFormat format, net::http::Response& response) {
  response.headers.set("Content-Encoding", format == DeflateFormat::kGzip ? "gzip" : "deflate");
}

class DeflatingSink final : public net::http::BodySink {
 public:
  DeflatingSink(DeflateFormat format, const net::Executors& lane, net::http::BodySink& sink)
      : deflater_(format), lane_(lane), sink_(sink) {}

  asio::awaitable<Result<void>> write(std::string_view bytes) override { return add(bytes, false); }
  asio::awaitable<Result<void>> end() { return add({}, true); }

 private:
  asio::awaitable<Result<void>> add(std::string_view bytes, bool is_last) {
    packed_.clear();
    auto work = [this, bytes, is_last] { deflater_.add(bytes, is_last, packed_); };
    co_await net::run_on(lane_.cpu(), std::move(work));
    co_return co_await sink_.write(packed_);
  }

  Deflater deflater_;
  const net::Executors& lane_;
  net::http::BodySink& sink_;
  std::string packed_;
};

asio::awaitable<Result<void>> send_compressed(net::http::BodyStream stream, DeflateFormat format,
                                              const net::Executors& lane,
                                              net::http::BodySink& sink) {
  DeflatingSink deflating(format, lane, sink);
  Result<void> sent = co_await stream(deflating);
  if (sent) sent = co_await deflating.end();
  co_return sent;
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
  const auto format = choose_format(request, response);
  if (!format || response.body.size() < kCompressBytesMin) return;
  response.body = deflate(response.body, *format);
  say_encoding(*format, response);
}

void compress_stream(const net::http::Request& request, net::http::Response& response,
                     const net::Executors& lane) {
  const auto format = choose_format(request, response);
  if (!format) return;
  say_encoding(*format, response);
  response.stream = [stream = std::move(response.stream), format = *format,
                     &lane](net::http::BodySink& sink) {
    return send_compressed(stream, format, lane, sink);
  };
}

}  // namespace narthex::web
