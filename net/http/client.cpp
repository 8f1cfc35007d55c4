// The client. All operations of one fetch share one deadline. Of Beast it uses the stream, whose
// operations have deadlines.
#include "net/http/client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "base/str.h"
#include "net/http/response_reader.h"
#include "net/resolver.h"

namespace narthex::net::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kRedirectsMax = 10;  // as Go's client

constexpr std::size_t kReadBytes = 64 * 1024;  // tuned: ingest_bench, 250 KB pages

// The system's text in Go's manner.
std::string describe(const ErrorCode& error) {
  if (error == asio::error::eof) return "EOF";
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
  return Error(Code::kUnavailable, concat(action, action.empty() ? "" : ": ", describe(error)));
}

std::string text_of(const tcp::endpoint& endpoint) {
  std::ostringstream out;
  out << endpoint;
  return out.str();
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

// Gives a buffer's memory back at the end of a call: thousands of idle targets hold none.
class DropBuffer {
 public:
  explicit DropBuffer(beast::flat_buffer& buffer) : buffer_(buffer) {}
  ~DropBuffer() { buffer_ = beast::flat_buffer(); }
  DropBuffer(const DropBuffer&) = delete;
  DropBuffer& operator=(const DropBuffer&) = delete;

 private:
  beast::flat_buffer& buffer_;
};

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
  std::size_t body_bytes_max = 0;
  BudgetShare* share = nullptr;
  Clock::time_point deadline;  // of the fetch under way
  beast::flat_buffer buffer;   // what arrived and is not yet read; holds memory during a call only

  asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve_host(Url url);
  asio::awaitable<Result<void>> connect(Url url);
  asio::awaitable<Result<ClientResponse>> exchange(std::string_view text, bool to_head,
                                                   const Url& url);
  asio::awaitable<Result<ClientResponse>> exchange_once(std::string_view text, bool to_head);
  asio::awaitable<Result<void>> read_response(ResponseReader& reader);
  asio::awaitable<Result<bool>> read_more();
  static Result<void> add_field(std::string& out, std::string_view name, std::string_view value);
  Result<std::string> make_text(const ClientRequest& request, bool with_credentials) const;
  std::string_view unread() const {
    return {static_cast<const char*>(buffer.data().data()), buffer.size()};
  }
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

asio::awaitable<Result<std::vector<tcp::endpoint>>> Client::State::resolve_host(Url url) {
  const Result<std::uint16_t> port = url.port_number();
  if (!port) co_return std::unexpected(port.error());
  auto addresses = co_await resolve(url.host, deadline);
  if (!addresses && addresses.error().code() == Code::kUnavailable) {
    co_return std::move(addresses).error().with("dial tcp");
  }
  if (!addresses) co_return std::unexpected(std::move(addresses).error());
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& address : *addresses) endpoints.emplace_back(address, *port);
  co_return endpoints;
}

asio::awaitable<Result<void>> Client::State::connect(Url url) {
  stream.reset();
  Result<std::vector<tcp::endpoint>> endpoints = co_await resolve_host(url);
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

// A request line or field ends where its line does: nothing in it may say so earlier.
bool ends_line(char c) {
  return c == '\r' || c == '\n' || c == '\0';
}

Result<void> Client::State::add_field(std::string& out, std::string_view name,
                                      std::string_view value) {
  if (std::ranges::any_of(name, ends_line) || std::ranges::any_of(value, ends_line)) {
    return Error(Code::kInvalid, concat("net/http: invalid header field value for ", quote(name)));
  }
  out += concat(name, ": ", value, "\r\n");
  return {};
}

Result<std::string> Client::State::make_text(const ClientRequest& request,
                                             bool with_credentials) const {
  std::string text = concat(request.method, " ");
  for (const char c : request.url.target()) {
    const bool is_plain = c > ' ' && c != '\x7f';
    text += is_plain || static_cast<unsigned char>(c) >= 0x80 ? std::string(1, c)
                                                              : path_escape(std::string(1, c));
  }
  text += " HTTP/1.1\r\n";
  NX_TRY(add_field(text, "Host", request.url.authority()));
  for (const auto& [name, value] : request.headers.fields()) {
    if (with_credentials || !is_credential(name)) NX_TRY(add_field(text, name, value));
  }
  for (const auto& [name, header] : config.headers) {
    if (!with_credentials && is_credential(name)) continue;
    for (const std::string& value : header.values) NX_TRY(add_field(text, name, value));
    for (const Secret& value : header.secrets) NX_TRY(add_field(text, name, value.reveal()));
  }
  const Secret authorization = config.authorization_header();
  if (with_credentials && !authorization.empty()) {
    NX_TRY(add_field(text, "Authorization", authorization.reveal()));
  }
  if (!request.body.empty() || request.method == "POST") {
    NX_TRY(add_field(text, "Content-Length", std::to_string(request.body.size())));
  }
  return concat(text, "\r\n", request.body);
}

// Waits for more bytes behind those in `buffer`; false at the end of the stream. A peer that sends
// without pause does not outrun the deadline.
asio::awaitable<Result<bool>> Client::State::read_more() {
  auto space = buffer.prepare(kReadBytes);
  auto [error, count] = co_await stream->async_read_some(space, kAwait);
  if (error == asio::error::eof) co_return false;
  if (error) co_return to_error(error, concat("read tcp ", ends, ": read"));
  if (Clock::now() >= deadline) co_return Error(Code::kTimeout, "context deadline exceeded");
  buffer.commit(count);
  co_return true;
}

// Until the reader has all it wants.
asio::awaitable<Result<void>> Client::State::read_response(ResponseReader& reader) {
  for (;;) {
    const Result<std::size_t> taken = reader.read(unread());
    if (reader.has_begun()) phase = reader.has_head() ? Phase::kBody : Phase::kHead;
    if (!taken) co_return std::unexpected(taken.error());
    buffer.consume(*taken);
    if (reader.is_done()) co_return Result<void>();
    Result<bool> more = co_await read_more();
    if (!more) co_return std::unexpected(std::move(more).error());
    if (!*more) co_return reader.end();
  }
}

asio::awaitable<Result<ClientResponse>> Client::State::exchange_once(std::string_view text,
                                                                     bool to_head) {
  phase = Phase::kSending;
  auto [write_error, written] =
      co_await asio::async_write(*stream, asio::buffer(text.data(), text.size()), kAwait);
  if (write_error) co_return to_error(write_error, concat("write tcp ", ends, ": write"));
  buffer = beast::flat_buffer();
  const DropBuffer drop_at_end(buffer);
  ResponseReader reader({.to_head = to_head, .body_bytes_max = body_bytes_max, .share = share},
                        std::move(body_memory));
  Result<void> read = co_await read_response(reader);
  if (!read) co_return std::unexpected(std::move(read).error());
  if (reader.keeps_alive() && buffer.size() == 0)
    stream->expires_never();
  else
    stream.reset();
  ResponseHead& head = reader.head();
  co_return ClientResponse{.status = head.status,
                           .reason = std::move(head.reason),
                           .headers = std::move(head.headers),
                           .body = std::move(reader.body())};
}

asio::awaitable<Result<ClientResponse>> Client::State::exchange(std::string_view text, bool to_head,
                                                                const Url& url) {
  phase = Phase::kSending;
  const bool kept = stream.has_value() && origin == url.authority();
  if (!kept) {
    Result<void> connected = co_await connect(url);
    if (!connected) co_return std::unexpected(std::move(connected).error());
  }
  stream->expires_at(deadline);
  Result<ClientResponse> response = co_await exchange_once(text, to_head);
  // Until the peer answers anything, a kept connection may just have been dead.
  const bool retry = !response && kept && phase == Phase::kSending &&
                     response.error().code() == Code::kUnavailable;
  if (!response) stream.reset();
  if (!retry) co_return response;
  Result<void> connected = co_await connect(url);
  if (!connected) co_return std::unexpected(std::move(connected).error());
  stream->expires_at(deadline);
  response = co_await exchange_once(text, to_head);
  if (!response) stream.reset();
  co_return response;
}

asio::awaitable<Result<ClientResponse>> Client::fetch(ClientRequest request, FetchLimits limits,
                                                      std::string body_memory) {
  state_->body_memory = std::move(body_memory);
  state_->body_bytes_max = limits.body_bytes_max;
  state_->share = limits.share;
  state_->deadline = Clock::now() + limits.timeout;
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
    const Result<std::string> text =
        state_->make_text(request, is_same_or_subdomain(request.url.host, first_host));
    if (!text) co_return Error(text.error()).with(where);
    Result<ClientResponse> response =
        co_await state_->exchange(*text, request.method == "HEAD", request.url);
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

}  // namespace narthex::net::http
