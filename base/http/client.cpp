// The client over Beast. All operations of one fetch share one deadline.
#include "base/http/client.h"

#include <optional>
#include <sstream>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "base/str.h"

namespace narthex::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kHeaderBytesMax = 64 * 1024;  // docs: limits of scraping
constexpr int kRedirectsMax = 10;                     // as Go's client

using WireRequest = beast::http::request<beast::http::string_body>;
constexpr std::size_t kReadBytes = 64 * 1024;  // tuned: ingest_bench, 250 KB pages
using WireParser = beast::http::response_parser<beast::http::string_body>;

// The system's text in Go's manner.
std::string describe(const ErrorCode& error) {
  if (error == beast::http::error::end_of_stream || error == asio::error::eof) return "EOF";
  if (error == beast::http::error::partial_message) return "unexpected EOF";
  std::string text = error.message();
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

Error to_error(const ErrorCode& error, std::string_view action) {
  if (error == beast::error::timeout || error == asio::error::timed_out) {
    return Error(Code::kTimeout, "context deadline exceeded");
  }
  if (error == asio::error::operation_aborted) return Error(Code::kCancelled, "context canceled");
  if (error == beast::http::error::body_limit)
    return Error(Code::kLimit, "body size limit exceeded");
  if (error == beast::http::error::header_limit) {
    return Error(Code::kLimit,
                 concat("response header is larger than ", kHeaderBytesMax, " bytes"));
  }
  return Error(Code::kUnavailable, concat(action, action.empty() ? "" : ": ", describe(error)));
}

std::string text_of(const tcp::endpoint& endpoint) {
  std::ostringstream out;
  out << endpoint;
  return out.str();
}

// What Go puts in front of a failed read; the end of the stream has no such words.
std::string read_action(const ErrorCode& error, std::string_view ends) {
  return describe(error).ends_with("EOF") ? "" : concat("read tcp ", ends, ": read");
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_same_or_subdomain(std::string_view host, std::string_view of) {
  if (equals_ignore_case(host, of)) return true;
  return host.size() > of.size() && host[host.size() - of.size() - 1] == '.' &&
         equals_ignore_case(host.substr(host.size() - of.size()), of);
}

bool is_credential(std::string_view name) {
  for (const std::string_view secret : {"authorization", "cookie", "cookie2", "www-authenticate",
                                        "proxy-authorization", "proxy-authenticate"}) {
    if (equals_ignore_case(name, secret)) return true;
  }
  return false;
}

}  // namespace

std::string ClientResponse::status_line() const {
  return reason.empty() ? std::to_string(status) : concat(status, " ", reason);
}

struct Client::State {
  ClientConfig config;
  std::optional<beast::tcp_stream> stream;
  std::string origin;  // host and port that `stream` is connected to
  std::string ends;    // of that connection, "10.0.0.1:4000->10.0.0.2:9100", for messages
  enum class Phase : std::uint8_t { kSending, kHead, kBody };
  Phase phase = Phase::kSending;  // how far the peer's last answer came
  std::string body_memory;        // of the next response

  asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve(Url url, Clock::time_point deadline);
  asio::awaitable<Result<void>> connect(Url url, Clock::time_point deadline);
  asio::awaitable<Result<ClientResponse>> exchange(WireRequest& wire, const Url& url,
                                                   std::size_t body_bytes_max,
                                                   Clock::time_point deadline);
  asio::awaitable<Result<ClientResponse>> exchange_once(WireRequest& wire,
                                                        std::size_t body_bytes_max);
  WireRequest make_wire(const ClientRequest& request, bool with_credentials) const;
};

Client::Client(ClientConfig config) : state_(std::make_unique<State>()) {
  state_->config = std::move(config);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::close() {
  state_->stream.reset();
}

// Asio resolves names on a thread of its own, which no deadline reaches: cancelled from outside.
asio::awaitable<Result<std::vector<tcp::endpoint>>> Client::State::resolve(
    Url url, Clock::time_point deadline) {
  ErrorCode no_address;
  const auto address = asio::ip::make_address(url.host, no_address);
  if (!no_address) {
    const auto port = static_cast<std::uint16_t>(std::stoi(std::string(url.effective_port())));
    co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto resolver = std::make_shared<tcp::resolver>(executor);
  asio::steady_timer timer(executor, deadline);
  timer.async_wait([resolver](const ErrorCode& error) {
    if (!error) resolver->cancel();
  });
  auto [error, found] =
      co_await resolver->async_resolve(url.host, std::string(url.effective_port()), kAwait);
  timer.cancel();
  if (error == asio::error::operation_aborted && Clock::now() >= deadline) {
    co_return Error(Code::kTimeout, "context deadline exceeded");
  }
  if (error == asio::error::host_not_found || error == asio::error::no_data) {
    co_return Error(Code::kUnavailable, concat("dial tcp: lookup ", url.host, ": no such host"));
  }
  if (error) co_return to_error(error, concat("dial tcp: lookup ", url.host));
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

asio::awaitable<Result<void>> Client::State::connect(Url url, Clock::time_point deadline) {
  stream.reset();
  Result<std::vector<tcp::endpoint>> endpoints = co_await resolve(url, deadline);
  if (!endpoints) co_return std::unexpected(std::move(endpoints).error());
  const auto executor = co_await asio::this_coro::executor;
  stream.emplace(executor);
  stream->expires_at(deadline);
  auto [error, endpoint] = co_await stream->async_connect(*endpoints, kAwait);
  if (error) {
    stream.reset();
    co_return to_error(error,
                       concat("dial tcp ", url.host, ":", url.effective_port(), ": connect"));
  }
  ErrorCode ignored;
  stream->socket().set_option(tcp::no_delay(true), ignored);
  origin = url.authority();
  ends = concat(text_of(stream->socket().local_endpoint(ignored)), "->", text_of(endpoint));
  co_return Result<void>();
}

WireRequest Client::State::make_wire(const ClientRequest& request, bool with_credentials) const {
  WireRequest wire;
  wire.version(11);
  wire.method_string(request.method);
  wire.target(request.url.target());
  wire.set(beast::http::field::host, request.url.authority());
  for (const auto& [name, value] : request.headers.fields()) {
    if (with_credentials || !is_credential(name)) wire.insert(name, value);
  }
  for (const auto& [name, header] : config.headers) {
    if (!with_credentials && is_credential(name)) continue;
    for (const std::string& value : header.values) wire.insert(name, value);
    for (const Secret& value : header.secrets) wire.insert(name, value.reveal());
  }
  const Secret authorization = config.authorization_header();
  if (with_credentials && !authorization.empty()) {
    wire.set(beast::http::field::authorization, authorization.reveal());
  }
  wire.body() = request.body;
  if (!request.body.empty() || request.method == "POST") wire.content_length(request.body.size());
  return wire;
}

asio::awaitable<Result<ClientResponse>> Client::State::exchange_once(WireRequest& wire,
                                                                     std::size_t body_bytes_max) {
  phase = Phase::kSending;
  auto [write_error, written] = co_await beast::http::async_write(*stream, wire, kAwait);
  if (write_error) co_return to_error(write_error, concat("write tcp ", ends, ": write"));
  beast::flat_buffer buffer;
  buffer.reserve(kReadBytes);  // Beast reads as much as there is room: a page in few calls
  WireParser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(body_bytes_max);
  body_memory.clear();
  parser.get().body() = std::move(body_memory);
  auto [header_error, header_bytes] =
      co_await beast::http::async_read_header(*stream, buffer, parser, kAwait);
  if (header_bytes != 0 || buffer.size() != 0) phase = Phase::kHead;
  if (header_error) co_return to_error(header_error, read_action(header_error, ends));
  phase = Phase::kBody;
  auto [body_error, body_bytes] = co_await beast::http::async_read(*stream, buffer, parser, kAwait);
  if (body_error) co_return to_error(body_error, read_action(body_error, ends));
  ClientResponse response;
  const bool keep = parser.keep_alive() && buffer.size() == 0;
  auto message = parser.release();
  response.status = static_cast<int>(message.result_int());
  response.reason = std::string(message.reason());
  for (const auto& field : message) {
    response.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  response.body = std::move(message.body());
  if (keep)
    stream->expires_never();
  else
    stream.reset();
  co_return response;
}

asio::awaitable<Result<ClientResponse>> Client::State::exchange(WireRequest& wire, const Url& url,
                                                                std::size_t body_bytes_max,
                                                                Clock::time_point deadline) {
  phase = Phase::kSending;
  const bool kept = stream.has_value() && origin == url.authority();
  if (!kept) {
    Result<void> connected = co_await connect(url, deadline);
    if (!connected) co_return std::unexpected(std::move(connected).error());
  }
  stream->expires_at(deadline);
  Result<ClientResponse> response = co_await exchange_once(wire, body_bytes_max);
  // Until the peer answers anything, a kept connection may just have been dead.
  const bool retry = !response && kept && phase == Phase::kSending &&
                     response.error().code() == Code::kUnavailable;
  if (!response) stream.reset();
  if (!retry) co_return response;
  Result<void> connected = co_await connect(url, deadline);
  if (!connected) co_return std::unexpected(std::move(connected).error());
  stream->expires_at(deadline);
  response = co_await exchange_once(wire, body_bytes_max);
  if (!response) stream.reset();
  co_return response;
}

asio::awaitable<Result<ClientResponse>> Client::fetch(ClientRequest request, FetchLimits limits,
                                                      std::string body_memory) {
  state_->body_memory = std::move(body_memory);
  const Clock::time_point deadline = Clock::now() + limits.timeout;
  const std::string first_host = request.url.host;
  const std::string verb = concat(request.method[0], to_lower_ascii(request.method.substr(1)));
  for (int hop = 0;; ++hop) {
    const std::string where = concat(verb, " ", quote(request.url.to_string()));
    if (request.url.scheme == "https") {
      co_return Error(Code::kUnavailable, "not implemented yet: https").with(where);
    }
    if (request.url.scheme != "http") {
      co_return Error(Code::kInvalid,
                      concat("unsupported protocol scheme ", quote(request.url.scheme)))
          .with(where);
    }
    WireRequest wire =
        state_->make_wire(request, is_same_or_subdomain(request.url.host, first_host));
    Result<ClientResponse> response =
        co_await state_->exchange(wire, request.url, limits.body_bytes_max, deadline);
    if (!response && state_->phase == State::Phase::kBody) co_return response;
    if (!response) co_return std::unexpected(std::move(response).error().with(where));
    const std::string_view location = response->headers.get("Location");
    if (!state_->config.follow_redirects || !is_redirect(response->status) || location.empty()) {
      co_return response;
    }
    if (hop + 1 > kRedirectsMax) {
      co_return Error(Code::kLimit, "stopped after 10 redirects").with(where);
    }
    Result<Url> next = resolve_reference(request.url, location);
    if (!next) co_return std::unexpected(std::move(next).error().with(where));
    request.url = *std::move(next);
    if (response->status < 307 && request.method != "GET" && request.method != "HEAD") {
      request.method = "GET";
      request.body.clear();
    }
  }
}

}  // namespace narthex::http
