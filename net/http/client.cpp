// The client: dial, send, read, follow redirects, try once more when a kept connection had died. It
// does what Go's client does wherever a target or an Alertmanager can tell the difference, errors'
// texts included, since they are shown as a target's last error.
//
// All operations of one fetch share one deadline, which the stream enforces; nothing here keeps
// time. The reading itself is ResponseReader's, so this file only moves bytes from the stream into
// the buffer and out of it. Of Beast it uses the buffer.
//
// Which failure may be repeated: only one before any byte of the answer, on a connection kept from
// an earlier fetch, and only once. The peer may just have closed it; anything later may have had an
// effect.
//
// Between fetches an idle client holds a socket and no buffers: there are thousands of targets.
#include "net/http/client.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sys/un.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "base/str.h"
#include "net/http/response_reader.h"
#include "net/resolver.h"
#include "net/stream.h"

namespace narthex::net::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kRedirectsMax = 10;  // as Go's client

constexpr std::size_t kSocketPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
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
  if (Stream::is_timeout(error)) {
    return Error(Code::kTimeout, "context deadline exceeded");
  }
  if (error == asio::error::operation_aborted) return Error(Code::kCancelled, "context canceled");
  return Error(Code::kUnavailable, concat(action, action.empty() ? "" : ": ", describe(error)));
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

// What a connection is good for.
std::string origin_of(const ClientRequest& request) {
  return concat(request.socket_path, " ", request.url.scheme, "://", request.url.authority());
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
  std::optional<Stream> stream;
  std::optional<TlsContext> tls;
  std::string origin;  // scheme, host and port that `stream` is connected to
  std::string ends;    // of that connection, "10.0.0.1:4000->10.0.0.2:9100", for messages
  enum class Phase : std::uint8_t { kSending, kHead, kBody };
  Phase phase = Phase::kSending;  // how far the peer's last answer came
  std::string body_memory;        // of the next response
  FetchLimits limits;             // of the fetch under way
  BodySink* sink = nullptr;       // where its body goes; null: into the response
  Clock::time_point deadline;     // of that fetch
  beast::flat_buffer buffer;  // what arrived and is not yet read; holds memory during a call only

  asio::awaitable<Result<std::vector<Stream::Endpoint>>> resolve_host(const Url& url);
  asio::awaitable<Result<void>> connect(const ClientRequest& request);
  asio::awaitable<Result<void>> dial(const ClientRequest& request);
  asio::awaitable<Result<ClientResponse>> fetch(ClientRequest request, FetchLimits fetch_limits);
  asio::awaitable<Result<ClientResponse>> exchange(std::string_view text,
                                                   const ClientRequest& request);
  asio::awaitable<Result<ClientResponse>> exchange_once(std::string_view text, bool to_head);
  asio::awaitable<Result<void>> read_response(ResponseReader& reader);
  asio::awaitable<Result<void>> pass_on(std::string& body);
  asio::awaitable<Result<bool>> read_more();
  static Result<void> add_field(std::string& out, std::string_view name, std::string_view value);
  Result<std::string> make_text(const ClientRequest& request, bool with_credentials) const;
  std::string_view unread() const {
    return {static_cast<const char*>(buffer.data().data()), buffer.size()};
  }
};

Client::Client(ClientConfig config, std::optional<TlsContext> tls)
    : state_(std::make_unique<State>()) {
  state_->config = std::move(config);
  state_->tls = std::move(tls);
}
Client::~Client() = default;

void Client::close() {
  state_->stream.reset();
}

asio::awaitable<Result<std::vector<Stream::Endpoint>>> Client::State::resolve_host(const Url& url) {
  const Result<std::uint16_t> port = url.port_number();
  if (!port) co_return std::unexpected(port.error());
  auto addresses = co_await resolve(url.host, deadline);
  if (!addresses && addresses.error().code() == Code::kUnavailable) {
    co_return std::move(addresses).error().with("dial tcp");
  }
  if (!addresses) co_return std::unexpected(std::move(addresses).error());
  std::vector<Stream::Endpoint> endpoints;
  for (const asio::ip::address& address : *addresses) {
    endpoints.emplace_back(asio::ip::tcp::endpoint(address, *port));
  }
  co_return endpoints;
}

asio::awaitable<Result<void>> Client::State::dial(const ClientRequest& request) {
  const Url& url = request.url;
  // Go's words, which upstream shows as a target's last error.
  std::string to = concat("dial tcp ", url.host, ":", url.effective_port(), ": connect");
  std::vector<Stream::Endpoint> endpoints;
  if (!request.socket_path.empty()) {
    to = concat("dial unix ", request.socket_path, ": connect");
    if (request.socket_path.size() > kSocketPathBytesMax) {
      co_return Error(Code::kInvalid, concat(to, ": path too long"));
    }
    endpoints.emplace_back(asio::local::stream_protocol::endpoint(request.socket_path));
  } else {
    auto resolved = co_await resolve_host(url);
    if (!resolved) co_return std::unexpected(std::move(resolved).error());
    endpoints = *std::move(resolved);
  }
  const auto executor = co_await asio::this_coro::executor;
  stream.emplace(executor);
  stream->expires_at(deadline);
  const ErrorCode error = co_await stream->connect(std::move(endpoints));
  if (error) co_return to_error(error, to);
  ends = stream->ends();
  co_return Result<void>();
}

asio::awaitable<Result<void>> Client::State::connect(const ClientRequest& request) {
  stream.reset();
  Result<void> dialled = co_await dial(request);
  if (!dialled) stream.reset();
  if (!dialled) co_return dialled;
  const Url& url = request.url;
  if (url.scheme == "https") {
    const ErrorCode failure = co_await stream->start_tls(*tls, url.host);
    if (failure) stream.reset();
    if (failure) co_return to_error(failure, "tls: handshake");
  }
  origin = origin_of(request);
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
    // What url.path and url.query were parsed from may hold a blank or control character; a request
    // line ends at either.
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
  auto [error, count] =
      co_await stream->read_some({static_cast<char*>(space.data()), space.size()});
  if (error == asio::error::eof) co_return false;
  if (error) co_return to_error(error, concat("read tcp ", ends, ": read"));
  if (Clock::now() >= deadline) co_return Error(Code::kTimeout, "context deadline exceeded");
  buffer.commit(count);
  co_return true;
}

// What has arrived of a body goes to the sink, which may take its time.
asio::awaitable<Result<void>> Client::State::pass_on(std::string& body) {
  if (body.empty()) co_return Result<void>();
  Result<void> written = co_await sink->write(body);
  body.clear();
  if (limits.idle_timeout.count() > 0) {
    deadline = Clock::now() + limits.idle_timeout;
    stream->expires_at(deadline);
  }
  co_return written;
}

// Until the reader has all it wants.
asio::awaitable<Result<void>> Client::State::read_response(ResponseReader& reader) {
  for (;;) {
    const Result<std::size_t> taken = reader.read(unread());
    if (reader.has_begun()) phase = reader.has_head() ? Phase::kBody : Phase::kHead;
    if (!taken) co_return std::unexpected(taken.error());
    buffer.consume(*taken);
    if (sink != nullptr && reader.is_success()) {
      Result<void> passed = co_await pass_on(reader.body());
      if (!passed) co_return passed;
    }
    if (reader.is_done()) co_return Result<void>();
    Result<bool> more = co_await read_more();
    if (!more) co_return std::unexpected(std::move(more).error());
    if (!*more) co_return reader.end();
  }
}

asio::awaitable<Result<ClientResponse>> Client::State::exchange_once(std::string_view text,
                                                                     bool to_head) {
  phase = Phase::kSending;
  auto [write_error, written] = co_await stream->write({text, {}});
  if (write_error) co_return to_error(write_error, concat("write tcp ", ends, ": write"));
  buffer = beast::flat_buffer();
  const DropBuffer drop_at_end(buffer);
  ResponseReader reader(
      {.to_head = to_head, .body_bytes_max = limits.body_bytes_max, .share = limits.share},
      std::move(body_memory));
  Result<void> read = co_await read_response(reader);
  const bool is_enough = limits.ignores_body && reader.is_success();
  if (!read && !is_enough) co_return std::unexpected(std::move(read).error());
  // Bytes behind the answer belong to no request: such a connection is not trusted with another
  // one.
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

asio::awaitable<Result<ClientResponse>> Client::State::exchange(std::string_view text,
                                                                const ClientRequest& request) {
  const bool to_head = request.method == "HEAD";
  phase = Phase::kSending;
  const bool kept = stream.has_value() && origin == origin_of(request);
  if (!kept) {
    Result<void> connected = co_await connect(request);
    if (!connected) co_return std::unexpected(std::move(connected).error());
  }
  stream->expires_at(deadline);
  Result<ClientResponse> response = co_await exchange_once(text, to_head);
  // Until the peer answers anything, a kept connection may just have been dead.
  const bool retry = !response && kept && phase == Phase::kSending &&
                     response.error().code() == Code::kUnavailable;
  if (!response) stream.reset();
  if (!retry) co_return response;
  Result<void> connected = co_await connect(request);
  if (!connected) co_return std::unexpected(std::move(connected).error());
  stream->expires_at(deadline);
  response = co_await exchange_once(text, to_head);
  if (!response) stream.reset();
  co_return response;
}

asio::awaitable<Result<ClientResponse>> Client::fetch(ClientRequest request, FetchLimits limits,
                                                      std::string body_memory) {
  state_->body_memory = std::move(body_memory);
  state_->sink = nullptr;
  return state_->fetch(std::move(request), limits);
}

asio::awaitable<Result<ClientResponse>> Client::fetch_to(ClientRequest request, FetchLimits limits,
                                                         BodySink& sink) {
  state_->sink = &sink;
  return state_->fetch(std::move(request), limits);
}

asio::awaitable<Result<ClientResponse>> Client::State::fetch(ClientRequest request,
                                                             FetchLimits fetch_limits) {
  limits = fetch_limits;
  deadline = Clock::now() + limits.timeout;
  const std::string first_host = request.url.host;
  const std::string verb = concat(request.method[0], to_lower_ascii(request.method.substr(1)));
  for (int hop = 0;; ++hop) {
    const std::string where = concat(verb, " ", quote(request.url.to_string()));
    if (request.url.scheme == "https" && !tls) {
      co_return Error(Code::kUnavailable, "not implemented yet: https").with(where);
    }
    if (request.url.scheme != "http" && request.url.scheme != "https") {
      co_return Error(Code::kInvalid,
                      concat("unsupported protocol scheme ", quote(request.url.scheme)))
          .with(where);
    }
    const Result<std::string> text =
        make_text(request, is_same_or_subdomain(request.url.host, first_host));
    if (!text) co_return Error(text.error()).with(where);
    Result<ClientResponse> response = co_await exchange(*text, request);
    // As Go's client, whose errors from the body come bare, without method and URL.
    if (!response && phase == Phase::kBody) co_return response;
    if (!response) co_return std::unexpected(std::move(response).error().with(where));
    const std::string_view location = response->headers.get("Location");
    if (!config.follow_redirects || !is_redirect(response->status) || location.empty()) {
      co_return response;
    }
    if (hop + 1 > kRedirectsMax) {
      co_return Error(Code::kLimit, "stopped after 10 redirects").with(where);
    }
    Result<Url> next = resolve_reference(request.url, location);
    if (!next) co_return std::unexpected(std::move(next).error().with(where));
    request.url = *std::move(next);
    // 301, 302 and 303 become GET, as every browser and Go do; 307 and 308 keep method and body.
    if (response->status < 307 && request.method != "GET" && request.method != "HEAD") {
      request.method = "GET";
      request.body.clear();
    }
  }
}

}  // namespace narthex::net::http
