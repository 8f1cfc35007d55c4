// Listeners and the accounting of connections: who gets a place when there are fewer than
// connections.
//
// The problem: connections are cheap for a client and not for us. A browser keeps six open for
// hours, a broken script opens thousands, and when all places are taken the load balancer's health
// check is refused and takes the server out.
//
// Two kinds of places. Regular ones serve requests until the client closes. When none is free, the
// connection that has waited longest between requests gives its own up; an address that holds more
// than its share pays with its own idle ones first. Only when nobody waits does a connection go to
// the reserve, a few places in which one request is read: health, readiness and metrics are
// answered, others get 503. Beyond that a connection is closed with a 503 that nobody waits for.
//
// The accounting (Book) follows the lifetime of the task's function (Seat), not of the coroutine,
// so an entry cannot leak on any path: a session that was never started gives its seat back too.
// Counts are read before they are acted upon, without a lock across both: two accepts may both take
// the last place, so limits are exceeded by the number of listeners at most.
//
// Stopping has two steps, as Beast's examples do it: drain() closes what waits and lets requests
// finish, stop() waits, then cancels their work and waits for the rest without limit, since a
// handler in the middle uses what would go away.
#include "net/http/server.h"

#include <limits>
#include <map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include "base/check.h"
#include "base/exceptions.h"
#include "base/mutex.h"
#include "base/str.h"
#include "net/http/metrics.h"
#include "net/http/session.h"

namespace narthex::net::http {
namespace {

using asio::ip::tcp;

constexpr std::int64_t kAcceptPauseNs = 100'000'000;  // after EMFILE and the like

struct HostPort {
  std::string host;
  std::string port;
};

Result<HostPort> split_host_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) {
    return Error(Code::kInvalid,
                 concat("listen tcp: address ", address, ": missing port in address"));
  }
  HostPort out{address.substr(0, colon), address.substr(colon + 1)};
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  if (out.host.find(':') != std::string::npos && address.front() != '[') {
    return Error(Code::kInvalid,
                 concat("listen tcp: address ", address, ": too many colons in address"));
  }
  return out;
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  if (endpoint.address().is_v6()) return concat("[", address, "]:", endpoint.port());
  return concat(address, ":", endpoint.port());
}

// All addresses of both families, or of the one that the machine has.
tcp::endpoint any_endpoint(const asio::any_io_executor& executor, std::uint16_t port) {
  tcp::acceptor probe(executor);
  boost::system::error_code error;
  probe.open(tcp::v6(), error);
  return {error ? tcp::v4() : tcp::v6(), port};
}

Result<tcp::endpoint> resolve(const asio::any_io_executor& executor, const std::string& address) {
  auto parts = split_host_port(address);
  if (!parts) return std::unexpected(std::move(parts).error());
  const bool is_any = parts->host.empty();
  if (is_any) parts->host = "0.0.0.0";
  tcp::resolver resolver(executor);
  boost::system::error_code error;
  const auto found = resolver.resolve(parts->host, parts->port, tcp::resolver::passive, error);
  if (error || found.empty()) {
    return Error(Code::kIo, concat("listen tcp ", address, ": ", error.message()));
  }
  const tcp::endpoint endpoint = found.begin()->endpoint();
  return is_any ? any_endpoint(executor, endpoint.port()) : endpoint;
}

// Who is connected. Shared with the connections' seats, which may outlive the server by a moment.
class Book {
 public:
  struct Count {
    std::size_t total = 0;
    std::size_t regular = 0;
    std::size_t same_address = 0;
  };
  void enter(const std::string& peer) {
    const MutexLock lock(mutex_);
    ++total_;
    ++per_address_[peer];
  }
  void enter_regular() {
    const MutexLock lock(mutex_);
    ++regular_;
  }
  void leave(const std::string& peer, Place place) {
    const MutexLock lock(mutex_);
    --total_;
    if (place == Place::kRegular) --regular_;
    const auto found = per_address_.find(peer);
    if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
  }
  Count count(const std::string& peer) const {
    const MutexLock lock(mutex_);
    const auto found = per_address_.find(peer);
    return {total_, regular_, found == per_address_.end() ? 0 : found->second};
  }

 private:
  mutable Mutex mutex_;  // leaf
  std::size_t total_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t regular_ NX_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::size_t> per_address_ NX_GUARDED_BY(mutex_);
};

// One connection's entry in the book; dies with the task's function, also if that never ran.
struct Seat {
  Seat(std::shared_ptr<Book> b, std::string p) : book(std::move(b)), peer(std::move(p)) {
    book->enter(peer);
  }
  ~Seat() { book->leave(peer, place); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  void make_regular() {
    place = Place::kRegular;
    book->enter_regular();
  }

  std::shared_ptr<Book> book;
  std::string peer;
  Place place = Place::kReserve;
};

}  // namespace

struct HttpServer::State {
  State(HttpServerOptions o, StreamHandler h, IsVital v, Executors& e, const Clock& c, Log& l,
        Metrics& m)
      : options(std::move(o)),
        handler(std::move(h)),
        is_vital(std::move(v)),
        executors(e),
        log(l),
        own_metrics(m),
        metrics(m),
        bodies(options.bodies_bytes_max),
        stop(c, std::numeric_limits<std::int64_t>::max()),
        context{options, handler, is_vital, c, registry, metrics.refused, bodies, stop},
        acceptors(e, [this](std::string_view what) { report("accepting connections", what); }),
        sessions(e, [this](std::string_view what) { report("serving a connection", what); }) {}

  void report(std::string_view doing, std::string_view what) {
    report_exception(log, own_metrics, {"http", doing}, what);
  }
  Result<tcp::acceptor> bind(const std::string& address);
  asio::awaitable<void> accept_loop(tcp::acceptor& acceptor);
  void serve(const std::shared_ptr<OwnedSocket>& owned, std::string peer);
  bool has_place(const Book::Count& count, const std::string& peer);

  HttpServerOptions options;
  StreamHandler handler;
  IsVital is_vital;
  Executors& executors;
  Log& log;
  Metrics& own_metrics;
  ServerMetrics metrics;
  SessionRegistry registry;
  ByteBudget bodies;
  const StopToken stop;
  SessionContext context;
  std::vector<std::unique_ptr<tcp::acceptor>> bound;
  std::shared_ptr<Book> book = std::make_shared<Book>();
  TaskGroup acceptors;
  TaskGroup sessions;
};

Result<tcp::acceptor> HttpServer::State::bind(const std::string& address) {
  NX_TRY_ASSIGN(const tcp::endpoint endpoint, resolve(executors.io(), address));
  tcp::acceptor acceptor(executors.io());
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address() == asio::ip::address_v6::any()) {
    acceptor.set_option(asio::ip::v6_only(false), error);  // ":9090" means both families
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error(Code::kIo, concat("listen tcp ", address, ": ", to_lower_ascii(error.message())));
  }
  return acceptor;
}

asio::awaitable<void> HttpServer::State::accept_loop(tcp::acceptor& acceptor) {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      log.warn("accepting a connection failed", {{"err", error.message()}});
      const bool go_on = co_await sleep_for_ns(kAcceptPauseNs);
      if (!go_on) co_return;
      continue;
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const tcp::endpoint peer = socket.remote_endpoint(ignored);
    const auto owned = std::make_shared<OwnedSocket>();
    owned->hold(socket.release(ignored));
    if (!ignored) serve(owned, peer.address().to_string());
  }
}

// A connection that only waits gives way to a new one.
bool HttpServer::State::has_place(const Book::Count& count, const std::string& peer) {
  // Places are scarce in the last eighth: until then an address may go past its limit, for a
  // proxy's clients share one address.
  const std::size_t scarce_from = options.connections_max - options.connections_max / 8;
  const bool is_over = count.same_address > options.connections_per_address_max;
  if (is_over && registry.yield(Place::kRegular, peer)) return true;
  if (is_over && count.regular >= scarce_from) return false;
  return count.regular < options.connections_max || registry.yield(Place::kRegular);
}

void HttpServer::State::serve(const std::shared_ptr<OwnedSocket>& owned, std::string peer) {
  auto seat = std::make_shared<Seat>(book, std::move(peer));
  metrics.accepted.add();
  const Book::Count count = book->count(seat->peer);
  if (has_place(count, seat->peer)) {
    seat->make_regular();
  } else {
    // One that was asked to give way takes a moment to go.
    const std::size_t in_reserve = count.total - count.regular;
    const bool is_full =
        in_reserve > options.connections_reserve && !registry.yield(Place::kReserve);
    if (is_full || in_reserve > 2 * options.connections_reserve) {
      metrics.refused.add();
      return refuse_connection(*owned);
    }
  }
  sessions.spawn(
      [this, owned, seat] { return serve_session(owned, seat->peer, seat->place, context); });
}

HttpServer::HttpServer(HttpServerOptions options, StreamHandler handler, Executors& executors,
                       const Clock& clock, Log& log, Metrics& metrics, IsVital is_vital)
    : state_(std::make_unique<State>(std::move(options), std::move(handler), std::move(is_vital),
                                     executors, clock, log, metrics)) {}

HttpServer::~HttpServer() = default;

Result<void> HttpServer::listen() {
  std::vector<std::unique_ptr<tcp::acceptor>> bound;
  for (const std::string& address : state_->options.listen_addresses) {
    NX_TRY_ASSIGN(tcp::acceptor acceptor, state_->bind(address));
    bound.push_back(std::make_unique<tcp::acceptor>(std::move(acceptor)));
  }
  state_->bound = std::move(bound);
  return {};
}

std::vector<std::string> HttpServer::addresses() const {
  std::vector<std::string> out;
  for (const auto& acceptor : state_->bound) {
    boost::system::error_code ignored;
    out.push_back(text_of(acceptor->local_endpoint(ignored)));
  }
  return out;
}

void HttpServer::start() {
  for (const auto& acceptor : state_->bound) {
    state_->acceptors.spawn(
        [state = state_.get(), &acceptor = *acceptor] { return state->accept_loop(acceptor); },
        AfterException::kRestart);
  }
}

void HttpServer::adopt(int socket, std::string peer_address) {
  const auto owned = std::make_shared<OwnedSocket>();
  owned->hold(socket);
  state_->serve(owned, std::move(peer_address));
}

void HttpServer::drain() {
  state_->acceptors.stop();
  state_->sessions.close();
  state_->registry.drain();
}

void HttpServer::stop(std::chrono::milliseconds grace) {
  constexpr std::chrono::seconds kPatience{5};  // before it is said that stopping is slow
  drain();
  while (!state_->acceptors.wait(kPatience)) state_->log.warn("listeners are slow to stop");
  state_->bound.clear();
  if (state_->sessions.wait(grace)) return;
  state_->stop.cancel();
  state_->sessions.stop();
  while (!state_->sessions.wait(kPatience)) {  // a handler in the middle uses what would go away
    state_->log.warn("requests are slow to stop", {{"running", state_->sessions.size()}});
  }
}

}  // namespace narthex::net::http
