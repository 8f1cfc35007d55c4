// A connection's coroutine over Beast. Each phase (idle, head, body, answer) has its own deadline.
// The head is judged as bytes before it is parsed, every byte is counted before it is kept, and
// after a fault the connection always closes. Beast writes the answers.
#include "net/http/session.h"

#include <algorithm>
#include <cerrno>
#include <expected>
#include <limits>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>
#include <variant>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/str.h"
#include "net/http/chunked.h"
#include "net/http/date.h"
#include "net/http/framing.h"

namespace narthex::net::http {
namespace {

namespace beast = boost::beast;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol, asio::any_io_executor>;
using Time = std::chrono::steady_clock;
using Answer = beast::http::response<beast::http::span_body<const char>>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kBodyBytesPerSecondMin = 1024;  // reliability.md 7.1, after the first 10 s
constexpr std::chrono::seconds kBodyGrace{10};
constexpr std::chrono::seconds kLinger{1};
constexpr std::size_t kFreeBodyBytes = 64 * 1024;  // counted against the body's own limit only

// Lives on the connection's thread; the registry's wake posts to it.
struct IdleState {
  Stream* stream = nullptr;
  bool waits = false;
  bool has_yielded = false;  // it was asked to go while it waited
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
  std::optional<Request> request;
  std::optional<HttpFault> fault;
  unsigned version = 11;
  bool keep_alive = false;
};

// The end of the stream, or a deadline: nothing more is said.
struct Gone {};
template <typename T>
using Arrival = std::variant<T, HttpFault, Gone>;

class Session {
 public:
  Session(Stream stream, std::string peer, Place place, const SessionContext& context)
      : stream_(std::move(stream)),
        peer_(std::move(peer)),
        place_(place),
        context_(context),
        body_share_(&context.bodies, kFreeBodyBytes) {}

  asio::awaitable<void> run();

 private:
  asio::awaitable<void> serve();
  bool finds_place(const Request& request);
  void set_waiting(bool waits);
  asio::awaitable<Response> handle(Request& request);
  asio::awaitable<bool> wait_for_bytes();
  asio::awaitable<bool> read_more(Time::time_point deadline);
  asio::awaitable<Arrival<RequestHead>> read_head();
  asio::awaitable<std::optional<Incoming>> read_request();
  asio::awaitable<Arrival<std::string>> read_body(const RequestHead& head);
  asio::awaitable<bool> say_continue(const RequestHead& head);
  asio::awaitable<bool> answer(Response response, const Incoming& incoming, bool close);
  asio::awaitable<void> close();
  void fill(Answer& out, Response& response, const Incoming& incoming, bool close);

  Stream stream_;
  std::string peer_;
  Place place_;
  const SessionContext& context_;
  std::shared_ptr<IdleState> idle_ = std::make_shared<IdleState>();
  SessionRegistry::Id id_ = 0;
  beast::flat_buffer buffer_;  // what has arrived and is not yet read: a head at most, or 16 KiB
  BudgetShare body_share_;     // of the request being read or answered
};

// While it does, the registry may end the connection.
void Session::set_waiting(bool waits) {
  idle_->waits = waits;
  context_.registry.set_waiting(id_, waits);
}

// Waits for the first byte of a request; this is the only place where a regular connection is idle.
asio::awaitable<bool> Session::wait_for_bytes() {
  if (buffer_.size() > 0) co_return true;
  if (buffer_.capacity() > 2 * kReadBytes) buffer_ = beast::flat_buffer();
  set_waiting(true);
  const bool arrived = co_await read_more(Time::now() + context_.options.idle_timeout);
  set_waiting(false);
  co_return arrived;
}

// False at the end of the stream and when the deadline passes, which a peer that sends without
// pause does not outrun.
asio::awaitable<bool> Session::read_more(Time::time_point deadline) {
  stream_.expires_at(deadline);
  auto space = buffer_.prepare(kReadBytes);
  auto [error, count] = co_await stream_.async_read_some(space, kAwait);
  if (error || Time::now() >= deadline) co_return false;
  buffer_.commit(count);
  co_return true;
}

asio::awaitable<Arrival<RequestHead>> Session::read_head() {
  const Time::time_point deadline = Time::now() + context_.options.header_timeout;
  std::size_t scanned = 0;
  for (;;) {
    HeadScan scan = scan_head(view(buffer_), scanned);
    if (scan.fault) co_return *std::move(scan.fault);
    if (scan.size > 0) {
      const std::string_view bytes = view(buffer_).substr(0, scan.size);
      if (auto fault = find_head_fault(bytes)) co_return *std::move(fault);
      RequestHead head = RequestHead::parse(bytes);
      buffer_.consume(scan.size);
      co_return head;
    }
    const bool more = co_await read_more(deadline);
    if (!more) co_return Gone{};
  }
}

// Takes what has arrived of a body. True when that is all of it.
std::expected<bool, HttpFault> take_body(const RequestHead& head, ChunkedReader& chunks,
                                         beast::flat_buffer& buffer, std::string& body) {
  if (!head.is_chunked) {
    const std::string_view some = view(buffer).substr(0, head.length - body.size());
    body.append(some);
    buffer.consume(some.size());
    return body.size() == head.length;
  }
  const Result<std::size_t> taken = chunks.read(view(buffer), body);
  if (!taken && taken.error().code() == Code::kLimit) {
    return std::unexpected(HttpFault{413, "http: request body too large"});
  }
  if (!taken) return std::unexpected(HttpFault{400, "malformed request body"});
  buffer.consume(*taken);
  return chunks.is_done();
}

asio::awaitable<Arrival<std::string>> Session::read_body(const RequestHead& head) {
  const std::size_t bytes_max = context_.options.body_bytes_max;
  if (head.length > bytes_max) co_return HttpFault{413, "http: request body too large"};
  ChunkedReader chunks(
      {.body_bytes = bytes_max, .extension_bytes = kChunkExtensionBytesMax, .strict = true});
  const Time::time_point start = Time::now();
  std::string body;
  for (;;) {
    auto all = take_body(head, chunks, buffer_, body);
    if (!all) co_return std::move(all).error();
    if (!body_share_.grow_to(body.capacity())) {
      co_return HttpFault{503, "too many request bodies at once"};
    }
    if (*all) co_return body;
    const std::chrono::seconds earned(body.size() / kBodyBytesPerSecondMin);
    const Time::time_point slow = start + kBodyGrace + earned;
    const bool more = co_await read_more(std::min(start + context_.options.body_timeout, slow));
    if (!more) co_return Gone{};
  }
}

// False when the client has gone.
asio::awaitable<bool> Session::say_continue(const RequestHead& head) {
  const bool has_body = head.is_chunked || head.length > 0;
  const bool is_asked = equals_ignore_case(head.headers.get("Expect"), "100-continue");
  if (!is_asked || !has_body || buffer_.size() > 0) co_return true;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(context_.options.write_stall_timeout);
  auto line = asio::buffer(kContinue.data(), kContinue.size());
  auto [failure, sent] = co_await asio::async_write(stream_, line, kAwait);
  co_return !failure;
}

// Empty when the connection is over.
asio::awaitable<std::optional<Incoming>> Session::read_request() {
  body_share_.reset();
  const bool arrived = co_await wait_for_bytes();
  if (!arrived) co_return std::nullopt;
  Incoming incoming;
  // The reserve is small: there, a head that takes its time gives way too.
  if (place_ == Place::kReserve) set_waiting(true);
  auto arrival = co_await read_head();
  if (place_ == Place::kReserve) set_waiting(false);
  if (std::holds_alternative<Gone>(arrival)) co_return std::nullopt;
  if (auto* fault = std::get_if<HttpFault>(&arrival)) incoming.fault = std::move(*fault);
  if (incoming.fault) co_return incoming;
  RequestHead& head = std::get<RequestHead>(arrival);
  incoming.version = head.version;
  incoming.keep_alive = head.keep_alive;
  std::optional<Target> target = parse_target(head.target);
  if (!target) incoming.fault = HttpFault{400, "malformed request target"};
  if (incoming.fault) co_return incoming;

  const bool said = co_await say_continue(head);
  if (!said) co_return std::nullopt;
  auto body = co_await read_body(head);
  if (std::holds_alternative<Gone>(body)) co_return std::nullopt;
  if (auto* fault = std::get_if<HttpFault>(&body)) incoming.fault = std::move(*fault);
  if (incoming.fault) co_return incoming;
  incoming.request = Request{.method = std::move(head.method),
                             .path = std::move(target->path),
                             .escaped_path = std::move(target->escaped_path),
                             .query = std::move(target->query),
                             .headers = std::move(head.headers),
                             .body = std::move(std::get<std::string>(body)),
                             .peer_address = peer_};
  co_return incoming;
}

void Session::fill(Answer& out, Response& response, const Incoming& incoming, bool close) {
  out.version(incoming.version);
  out.result(static_cast<unsigned>(response.status));
  out.set(beast::http::field::date, http_date(context_.clock.now_ms()));
  for (const auto& [name, value] : response.headers.fields()) {
    out.insert(name, without_line_breaks(value));
  }
  const bool is_head = incoming.request && incoming.request->method == "HEAD";
  const bool bodiless = response.status == 204 || response.status == 304;
  // An answer to HEAD without a body says nothing of the length that GET would have.
  if (!bodiless && !(is_head && response.body.empty())) out.content_length(response.body.size());
  if (!bodiless && !is_head) out.body() = {response.body.data(), response.body.size()};
  out.keep_alive(!close);
}

asio::awaitable<bool> Session::answer(Response response, const Incoming& incoming, bool close) {
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

Response fault_response(const HttpFault& fault) {
  Response response{.status = fault.status, .headers = {}, .body = fault.text + "\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

asio::awaitable<Response> Session::handle(Request& request) {
  request.client =
      StopToken(context_.stop, context_.clock, std::numeric_limits<std::int64_t>::max());
  const ClientWatch watch(stream_, request.client);
  Response response = co_await context_.handler(request);
  co_return response;
}

// In the reserve a request waits for no place, but its own address may have one to give.
bool Session::finds_place(const Request& request) {
  if (place_ == Place::kRegular || (context_.is_vital && context_.is_vital(request))) return true;
  if (context_.registry.yield(Place::kRegular, peer_)) return true;
  context_.refused.add();
  return false;
}

asio::awaitable<void> Session::serve() {
  const std::size_t requests_max =
      place_ == Place::kReserve ? 1 : context_.options.requests_per_connection_max;
  for (std::size_t served = 1; served <= requests_max; ++served) {
    std::optional<Incoming> incoming = co_await read_request();
    if (!incoming) co_return;
    if (!incoming->fault && !finds_place(*incoming->request)) {
      incoming->fault = HttpFault{503, "too many connections"};
    }
    if (incoming->fault) {
      Response refusal = fault_response(*incoming->fault);
      co_await answer(std::move(refusal), *incoming, true);
      co_return;
    }
    stream_.expires_never();
    Response response = co_await handle(*incoming->request);
    const bool close =
        !incoming->keep_alive || context_.registry.draining() || served == requests_max;
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
  idle_->stream = &stream_;
  auto wake = [executor = stream_.get_executor(), idle = idle_] {
    asio::post(executor, [idle] {
      if (idle->stream == nullptr || !idle->waits) return;
      idle->has_yielded = true;
      idle->stream->cancel();
    });
  };
  id_ = context_.registry.add(wake, peer_, place_);
  struct Leave {
    SessionRegistry& registry;
    SessionRegistry::Id id;
    IdleState& idle;
    ~Leave() {
      registry.remove(id);
      idle.stream = nullptr;
    }
  };
  const Leave leave{context_.registry, id_, *idle_};
  co_await serve();
  if (!idle_->has_yielded) co_await close();
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
    socket->hold(descriptor);  // closes it
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

SessionRegistry::Id SessionRegistry::add(std::function<void()> wake, std::string peer,
                                         Place place) {
  const MutexLock lock(mutex_);
  if (draining_) wake();
  entries_.emplace(++last_id_, Entry{std::move(wake), std::move(peer), place});
  return last_id_;
}

void SessionRegistry::remove(Id id) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  waiting_.erase(found->second.waits_since);
  entries_.erase(found);
}

void SessionRegistry::set_waiting(Id id, bool waits) {
  const MutexLock lock(mutex_);
  Entry& entry = entries_.at(id);
  waiting_.erase(std::exchange(entry.waits_since, 0));
  if (waits) waiting_.emplace(entry.waits_since = ++last_wait_, id);
  if (waits && draining_) entry.wake();
}

bool SessionRegistry::yield(Place place, std::string_view peer) {
  const MutexLock lock(mutex_);
  for (const auto& [since, id] : waiting_) {
    Entry& entry = entries_.at(id);
    if (entry.place != place || (!peer.empty() && entry.peer != peer)) continue;
    entry.wake();
    waiting_.erase(std::exchange(entry.waits_since, 0));  // nobody else is to count on it
    return true;
  }
  return false;
}

void SessionRegistry::drain() {
  const MutexLock lock(mutex_);
  draining_ = true;
  for (const auto& [id, entry] : entries_) entry.wake();
}

bool SessionRegistry::draining() const {
  const MutexLock lock(mutex_);
  return draining_;
}

asio::awaitable<void> serve_session(std::shared_ptr<OwnedSocket> socket, std::string peer_address,
                                    Place place, const SessionContext& context) {
  std::optional<Stream> stream = co_await open_stream(std::move(socket));
  if (!stream) co_return;
  Session session(*std::move(stream), std::move(peer_address), place, context);
  co_await session.run();
}

void refuse_connection(OwnedSocket& socket) {
  constexpr std::string_view kText =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Connection: close\r\nContent-Length: 21\r\n\r\ntoo many connections\n";
  ::send(socket.get(), kText.data(), kText.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace narthex::net::http
