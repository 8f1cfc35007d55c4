// A connection's coroutine: wait, read a head, let the handler answer, again.
//
// Each phase has its own deadline: idle, head, body, every write. All of them are the stream's, set
// before each wait; there is no timer beside it. The head is judged as bytes before it is parsed
// (net/http/framing.h), every byte is counted before it is kept, and after a fault the connection
// always closes, because where the next request begins is then anybody's guess.
//
// Where a connection is idle is one place only, wait_for_bytes(). There, and nowhere else, the
// registry may end it: to drain, or to give its place away. It does so by posting to the
// connection's own thread, where the flags in IdleState say whether it still waits; a request that
// arrived in between wins. IdleState is shared because that post may come after the session's end.
//
// Closing takes care: FIN first, then what the client still sends is read for a moment. A close()
// on unread bytes makes the kernel send RST, and the client's kernel may then throw away an answer
// that it has not read yet.
//
// Answers are one write of head and body. Bodies that are made piece by piece go through
// ResponseSink, which puts each chunk's size line before its bytes in the same write; an error in
// the middle closes without the last chunk, so the client sees that something is missing. Of Beast
// this file uses the buffer, and the text of an answer's head.
#include "net/http/session.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>
#include <variant>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include "base/str.h"
#include "net/http/date.h"
#include "net/http/request_body.h"
#include "net/stream.h"

namespace narthex::net::http {
namespace {

namespace beast = boost::beast;
using Time = std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 16 * 1024;
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

// A value from elsewhere (an error's text, a URL) must not start a field of its own.
std::string without_line_breaks(std::string_view value) {
  std::string out(value);
  std::erase_if(out, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return out;
}

// What reading one request's head led to.
struct Incoming {
  RequestHead head;
  std::optional<Request> request;
  std::optional<HttpFault> fault;
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
  asio::awaitable<bool> serve_request(Incoming& incoming, bool is_last);
  asio::awaitable<bool> wait_for_bytes();
  asio::awaitable<Arrival<RequestHead>> read_head();
  asio::awaitable<std::optional<Incoming>> read_request();
  asio::awaitable<bool> answer(Response response, const Incoming& incoming, bool close);
  asio::awaitable<bool> stream_answer(std::string head, const Response& response, bool is_chunked);
  asio::awaitable<void> close();
  std::string head_text(const Response& response, const Incoming& incoming, bool close) const;

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
  // A large head or body made it grow; idle connections are many and should be small.
  if (buffer_.capacity() > 2 * kReadBytes) buffer_ = beast::flat_buffer();
  set_waiting(true);
  const bool arrived =
      co_await read_more(stream_, buffer_, Time::now() + context_.options.idle_timeout);
  set_waiting(false);
  co_return arrived;
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
    const bool more = co_await read_more(stream_, buffer_, deadline);
    if (!more) co_return Gone{};
  }
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
  incoming.head = std::move(std::get<RequestHead>(arrival));
  std::optional<Target> target = parse_target(incoming.head.target);
  if (!target) incoming.fault = HttpFault{400, "malformed request target"};
  if (incoming.fault) co_return incoming;
  incoming.request = Request{.method = incoming.head.method,
                             .path = std::move(target->path),
                             .escaped_path = std::move(target->escaped_path),
                             .query = std::move(target->query),
                             .headers = incoming.head.headers,
                             .body = {},
                             .peer_address = peer_};
  co_return incoming;
}

bool is_bodiless(int status) {
  return status == 204 || status == 304;
}

std::string Session::head_text(const Response& response, const Incoming& incoming,
                               bool close) const {
  beast::http::response<beast::http::empty_body> out;
  out.version(incoming.head.version);
  out.result(static_cast<unsigned>(response.status));
  out.set(beast::http::field::date, http_date(context_.clock.now_ms()));
  for (const auto& [name, value] : response.headers.fields()) {
    out.insert(name, without_line_breaks(value));
  }
  const bool is_head = incoming.head.method == "HEAD";
  if (response.stream) {
    if (incoming.head.version >= 11) out.chunked(true);
  } else if (!is_bodiless(response.status) && !(is_head && response.body.empty())) {
    // An answer to HEAD without a body says nothing of the length that GET would have.
    out.content_length(response.body.size());
  }
  out.keep_alive(!close);
  std::ostringstream text;
  text << out.base();
  return std::move(text).str();
}

// A body of unknown length, in chunks or, for HTTP/1.0, until the connection closes.
class ResponseSink final : public BodySink {
 public:
  ResponseSink(Stream& stream, std::string head, std::chrono::milliseconds stall, bool is_chunked)
      : stream_(stream), before_(std::move(head)), stall_(stall), is_chunked_(is_chunked) {}

  asio::awaitable<Result<void>> write(std::string_view bytes) override {
    if (bytes.empty()) co_return Result<void>();
    if (is_chunked_) before_ += fmt::format("{:x}\r\n", bytes.size());
    Result<void> sent = co_await send(bytes);
    before_ = is_chunked_ ? "\r\n" : "";
    co_return sent;
  }
  asio::awaitable<Result<void>> end() {
    if (is_chunked_) before_ += "0\r\n\r\n";
    return send({});
  }

 private:
  asio::awaitable<Result<void>> send(std::string_view bytes) {
    auto [error, count] = co_await stream_.write({before_, bytes}, stall_);
    if (error) co_return Error(Code::kCancelled, "the client went away");
    co_return Result<void>();
  }

  Stream& stream_;
  std::string before_;  // what goes before the next piece
  std::chrono::milliseconds stall_;
  bool is_chunked_;
};

// Returns whether the connection may go on.
asio::awaitable<bool> Session::stream_answer(std::string head, const Response& response,
                                             bool is_chunked) {
  ResponseSink sink(stream_, std::move(head), context_.options.write_stall_timeout, is_chunked);
  const Result<void> written = co_await response.stream(sink);
  if (!written) {
    stream_.close();  // so that what is missing shows
    co_return false;
  }
  const Result<void> ended = co_await sink.end();
  co_return ended.has_value();
}

asio::awaitable<bool> Session::answer(Response response, const Incoming& incoming, bool close) {
  std::string head = head_text(response, incoming, close);
  const bool sends_body = incoming.head.method != "HEAD" && !is_bodiless(response.status);
  if (response.stream && sends_body) {
    const bool sent =
        co_await stream_answer(std::move(head), response, incoming.head.version >= 11);
    co_return sent;
  }
  const std::string_view body = sends_body ? std::string_view(response.body) : std::string_view();
  auto [error, count] = co_await stream_.write({head, body}, context_.options.write_stall_timeout);
  co_return !error;
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
    const bool goes_on = co_await serve_request(*incoming, served == requests_max);
    if (!goes_on) co_return;
  }
}

// Returns whether the connection may go on.
asio::awaitable<bool> Session::serve_request(Incoming& incoming, bool is_last) {
  Request& request = *incoming.request;
  request.client =
      StopToken(context_.stop, context_.clock, std::numeric_limits<std::int64_t>::max());
  RequestBody body({.stream = stream_,
                    .buffer = buffer_,
                    .head = incoming.head,
                    .options = context_.options,
                    .share = body_share_,
                    .client = request.client});
  Response response = co_await context_.handler(request, body);
  if (body.is_gone()) co_return false;
  // What is left of a body would be read as the next request.
  const bool close = !incoming.head.keep_alive || context_.registry.draining() || is_last ||
                     !body.is_whole() || (response.stream && incoming.head.version < 11);
  const bool sent = co_await answer(std::move(response), incoming, close);
  co_return sent && !close;
}

// Sends FIN and reads what is still under way: closing on unread bytes would reset the connection
// and could take the answer with it.
asio::awaitable<void> Session::close() {
  stream_.expires_at(Time::now() + kLinger);
  co_await stream_.finish();
  char scratch[4096];
  for (int reads = 0; reads < 64; ++reads) {
    auto [error, count] = co_await stream_.read_some(scratch);
    if (error) break;
  }
  stream_.close();
}

asio::awaitable<void> Session::run() {
  idle_->stream = &stream_;
  // Called by other connections' threads: it posts to this one's, and holds the idle state, not the
  // session, which may be gone by then.
  auto wake = [executor = stream_.executor(), idle = idle_] {
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

// The stream lives on the connection's own thread, so that its timers do too.
asio::awaitable<std::optional<Stream>> open_stream(std::shared_ptr<OwnedSocket> socket,
                                                   const SessionContext& context) {
  Stream stream(co_await asio::this_coro::executor);
  const int descriptor = socket->take();
  if (stream.adopt(descriptor)) {
    socket->hold(descriptor);  // closes it
    co_return std::nullopt;
  }
  if (context.options.tls) {
    stream.expires_at(Time::now() + context.options.header_timeout);
    const Stream::ErrorCode failure = co_await stream.start_tls(*context.options.tls);
    if (failure) co_return std::nullopt;
  }
  co_return stream;
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
  std::optional<Stream> stream = co_await open_stream(std::move(socket), context);
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
