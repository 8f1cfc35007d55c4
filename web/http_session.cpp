// A connection's coroutine over Beast. Each phase (idle, head, body, answer) has its own deadline.
// The head is read and judged as bytes before Beast parses it; after a fault the connection always
// closes.
#include "web/http_session.h"

#include <cerrno>
#include <limits>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/str.h"
#include "web/http_date.h"
#include "web/http_framing.h"

namespace narthex::web {
namespace {

namespace beast = boost::beast;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol, asio::any_io_executor>;
using Parser = beast::http::request_parser<beast::http::string_body>;
using Answer = beast::http::response<beast::http::span_body<const char>>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kBodyBytesPerSecondMin = 1024;  // reliability.md 7.1, after the first 10 s
constexpr std::chrono::seconds kBodyGrace{10};
constexpr std::chrono::seconds kLinger{1};

// Lives on the connection's thread; the registry's wake posts to it.
struct IdleState {
  Stream* stream = nullptr;
  bool idle = false;
};

std::string_view view(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

std::string without_line_breaks(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return out;
}

// Sees a client leave while its request runs. What it sends meanwhile is its next request's
// business: then, as Go's server does, nobody watches. Lives on the connection's thread.
class ClientWatch {
 public:
  ClientWatch(Stream& stream, const StopToken& client)
      : stream_(stream), state_(std::make_shared<State>(State{stream.socket().native_handle()})) {
    auto seen = [state = state_, client](const beast::error_code& error) {
      if (error || !state->active) return;
      char byte = 0;
      const ssize_t count = ::recv(state->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) client.cancel();
    };
    stream_.socket().async_wait(asio::socket_base::wait_read, std::move(seen));
  }
  ~ClientWatch() {
    state_->active = false;
    beast::error_code ignored;
    stream_.socket().cancel(ignored);
  }
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;

 private:
  struct State {
    int descriptor;
    bool active = true;
  };
  Stream& stream_;
  std::shared_ptr<State> state_;
};

// What reading one request led to.
struct Incoming {
  std::optional<http::Request> request;
  std::optional<HttpFault> fault;
  unsigned version = 11;
  bool keep_alive = false;
};

class Session {
 public:
  Session(Stream stream, std::string peer, const SessionContext& context)
      : stream_(std::move(stream)), peer_(std::move(peer)), context_(context) {}

  asio::awaitable<void> run();
  asio::awaitable<void> refuse();

 private:
  asio::awaitable<void> serve(IdleState& idle);
  asio::awaitable<http::Response> handle(http::Request& request);
  asio::awaitable<bool> wait_for_bytes(IdleState& idle);
  asio::awaitable<std::optional<HttpFault>> read_head(bool& gone);
  asio::awaitable<std::optional<Incoming>> read_request(IdleState& idle);
  asio::awaitable<beast::error_code> read_body(Parser& parser);
  asio::awaitable<bool> answer(http::Response response, const Incoming& incoming, bool close);
  asio::awaitable<void> close();
  void fill(Answer& out, http::Response& response, const Incoming& incoming, bool close);
  http::Request take(Parser& parser, Target target);

  Stream stream_;
  std::string peer_;
  const SessionContext& context_;
  beast::flat_buffer buffer_;
};

// Waits for the first byte of a request; this is the only place where a connection is idle.
asio::awaitable<bool> Session::wait_for_bytes(IdleState& idle) {
  if (buffer_.size() > 0) co_return true;
  idle.idle = true;
  stream_.expires_after(context_.options.idle_timeout);
  auto space = buffer_.prepare(kReadBytes);
  auto [error, count] = co_await stream_.async_read_some(space, kAwait);
  idle.idle = false;
  if (error) co_return false;
  buffer_.commit(count);
  co_return true;
}

// Leaves the whole head in the buffer, or says why it never will be.
asio::awaitable<std::optional<HttpFault>> Session::read_head(bool& gone) {
  stream_.expires_after(context_.options.header_timeout);
  std::size_t scanned = 0;
  while (true) {
    HeadScan scan = scan_head(view(buffer_), scanned);
    if (scan.fault) co_return scan.fault;
    if (scan.size > 0) co_return find_head_fault(view(buffer_).substr(0, scan.size));
    auto space = buffer_.prepare(kReadBytes);
    auto [error, count] = co_await stream_.async_read_some(space, kAwait);
    if (error) {
      gone = true;
      co_return std::nullopt;
    }
    buffer_.commit(count);
  }
}

asio::awaitable<beast::error_code> Session::read_body(Parser& parser) {
  using Time = std::chrono::steady_clock;
  const Time::time_point start = Time::now();
  parser.eager(true);
  while (!parser.is_done()) {
    const std::chrono::seconds earned(parser.get().body().size() / kBodyBytesPerSecondMin);
    const Time::time_point slow = start + kBodyGrace + earned;
    stream_.expires_at(std::min(start + context_.options.body_timeout, slow));
    auto [error, count] = co_await beast::http::async_read_some(stream_, buffer_, parser, kAwait);
    if (error) co_return error;
  }
  co_return beast::error_code();
}

HttpFault fault_of(const beast::error_code& error) {
  if (error == beast::http::error::body_limit) return {413, "http: request body too large"};
  return {400, "malformed request body"};
}

http::Request Session::take(Parser& parser, Target target) {
  http::Request request;
  const auto& message = parser.get();
  request.method = std::string(message.method_string());
  request.path = std::move(target.path);
  request.query = std::move(target.query);
  for (const auto& field : message) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  request.peer_address = peer_;
  return request;
}

// Empty when the connection is over.
asio::awaitable<std::optional<Incoming>> Session::read_request(IdleState& idle) {
  const bool arrived = co_await wait_for_bytes(idle);
  if (!arrived) co_return std::nullopt;
  bool gone = false;
  Incoming incoming;
  incoming.fault = co_await read_head(gone);
  if (gone) co_return std::nullopt;
  if (incoming.fault) co_return incoming;

  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(kHeaderBytesMax));
  parser.body_limit(context_.options.body_bytes_max);
  auto watch_chunk = [](std::uint64_t, beast::string_view extensions, beast::error_code& error) {
    if (extensions.size() > kChunkExtensionBytesMax) {
      error = beast::http::error::bad_chunk_extension;
    }
  };
  parser.on_chunk_header(watch_chunk);
  auto [error, count] = co_await beast::http::async_read_header(stream_, buffer_, parser, kAwait);
  std::optional<Target> target;
  if (!error) target = parse_target(parser.get().target());
  if (error) incoming.fault = fault_of(error);
  if (!error && !target) incoming.fault = HttpFault{400, "malformed request target"};
  if (incoming.fault) co_return incoming;

  incoming.version = parser.get().version();
  incoming.keep_alive = parser.keep_alive();
  http::Request request = take(parser, *std::move(target));
  if (equals_ignore_case(request.headers.get("Expect"), "100-continue") && !parser.is_done()) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(context_.options.write_stall_timeout);
    auto line = asio::buffer(kContinue.data(), kContinue.size());
    auto [failure, sent] = co_await asio::async_write(stream_, line, kAwait);
    if (failure) co_return std::nullopt;
  }
  const beast::error_code body_error = co_await read_body(parser);
  if (body_error == beast::error::timeout) co_return std::nullopt;  // Beast closed the socket
  if (body_error) {
    incoming.fault = fault_of(body_error);
    co_return incoming;
  }
  request.body = std::move(parser.get().body());
  incoming.request = std::move(request);
  co_return incoming;
}

void Session::fill(Answer& out, http::Response& response, const Incoming& incoming, bool close) {
  out.version(incoming.version);
  out.result(static_cast<unsigned>(response.status));
  out.set(beast::http::field::date, http_date(context_.clock.now_ms()));
  for (const auto& [name, value] : response.headers.fields()) {
    out.insert(name, without_line_breaks(value));
  }
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) out.content_length(response.body.size());
  const bool is_head = incoming.request && incoming.request->method == "HEAD";
  if (!bodiless && !is_head) out.body() = {response.body.data(), response.body.size()};
  out.keep_alive(!close);
}

asio::awaitable<bool> Session::answer(http::Response response, const Incoming& incoming,
                                      bool close) {
  Answer message;
  fill(message, response, incoming, close);
  beast::http::response_serializer<Answer::body_type> serializer(message);
  const bool is_head = incoming.request && incoming.request->method == "HEAD";
  serializer.split(is_head);
  while (is_head ? !serializer.is_header_done() : !serializer.is_done()) {
    stream_.expires_after(context_.options.write_stall_timeout);
    auto [error, count] = co_await beast::http::async_write_some(stream_, serializer, kAwait);
    if (error) co_return false;
  }
  co_return true;
}

http::Response fault_response(const HttpFault& fault) {
  http::Response response{.status = fault.status, .headers = {}, .body = fault.text + "\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

asio::awaitable<http::Response> Session::handle(http::Request& request) {
  request.client = StopToken(context_.clock, std::numeric_limits<std::int64_t>::max());
  const ClientWatch watch(stream_, request.client);
  http::Response response = co_await context_.handler(request);
  co_return response;
}

asio::awaitable<void> Session::serve(IdleState& idle) {
  for (std::size_t served = 1; served <= context_.options.requests_per_connection_max; ++served) {
    std::optional<Incoming> incoming = co_await read_request(idle);
    if (!incoming) co_return;
    if (incoming->fault) {
      http::Response refusal = fault_response(*incoming->fault);
      co_await answer(std::move(refusal), *incoming, true);
      co_return;
    }
    stream_.expires_never();
    http::Response response = co_await handle(*incoming->request);
    const bool close = !incoming->keep_alive || context_.registry.draining() ||
                       served == context_.options.requests_per_connection_max;
    const bool sent = co_await answer(std::move(response), *incoming, close);
    if (!sent || close) co_return;
  }
}

// Sends FIN and reads what is still under way: closing on unread bytes would reset the connection
// and could take the answer with it.
asio::awaitable<void> Session::close() {
  beast::error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream_.expires_after(kLinger);
  char scratch[4096];
  for (int reads = 0; reads < 64; ++reads) {
    auto space = asio::buffer(scratch);
    auto [error, count] = co_await stream_.async_read_some(space, kAwait);
    if (error) break;
  }
  stream_.close();
}

asio::awaitable<void> Session::run() {
  auto idle = std::make_shared<IdleState>();
  idle->stream = &stream_;
  auto wake = [executor = stream_.get_executor(), idle] {
    asio::post(executor, [idle] {
      if (idle->stream != nullptr && idle->idle) idle->stream->cancel();
    });
  };
  const SessionRegistry::Id id = context_.registry.add(wake);
  struct Leave {
    SessionRegistry& registry;
    SessionRegistry::Id id;
    IdleState& idle;
    ~Leave() {
      registry.remove(id);
      idle.stream = nullptr;
    }
  };
  const Leave leave(context_.registry, id, *idle);
  co_await serve(*idle);
  co_await close();
}

asio::awaitable<void> Session::refuse() {
  const Incoming nothing;
  http::Response response = fault_response({503, "too many connections"});
  co_await answer(std::move(response), nothing, true);
  co_await close();
}

Protocol protocol_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return {AF_INET, 0};
  }
  return {address.ss_family, 0};
}

// The stream lives on the connection's own thread, so that its timers do too.
asio::awaitable<std::optional<Stream>> open_stream(std::shared_ptr<OwnedSocket> socket) {
  asio::any_io_executor executor = co_await asio::this_coro::executor;
  const int descriptor = socket->take();
  Protocol::socket handle(executor);
  beast::error_code error;
  handle.assign(protocol_of(descriptor), descriptor, error);
  if (error) {
    const OwnedSocket closes(descriptor);
    co_return std::nullopt;
  }
  co_return Stream(std::move(handle));
}

}  // namespace

OwnedSocket::~OwnedSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int OwnedSocket::take() {
  return std::exchange(descriptor_, -1);
}

SessionRegistry::Id SessionRegistry::add(std::function<void()> wake) {
  const MutexLock lock(mutex_);
  if (draining_) wake();
  wakes_.emplace(++last_id_, std::move(wake));
  return last_id_;
}

void SessionRegistry::remove(Id id) {
  const MutexLock lock(mutex_);
  wakes_.erase(id);
}

void SessionRegistry::drain() {
  const MutexLock lock(mutex_);
  draining_ = true;
  for (const auto& [id, wake] : wakes_) wake();
}

bool SessionRegistry::draining() const {
  const MutexLock lock(mutex_);
  return draining_;
}

asio::awaitable<void> serve_session(std::shared_ptr<OwnedSocket> socket, std::string peer_address,
                                    const SessionContext& context) {
  std::optional<Stream> stream = co_await open_stream(std::move(socket));
  if (!stream) co_return;
  Session session(*std::move(stream), std::move(peer_address), context);
  co_await session.run();
}

asio::awaitable<void> refuse_session(std::shared_ptr<OwnedSocket> socket,
                                     const SessionContext& context) {
  std::optional<Stream> stream = co_await open_stream(std::move(socket));
  if (!stream) co_return;
  Session session(*std::move(stream), {}, context);
  co_await session.refuse();
}

}  // namespace narthex::web
