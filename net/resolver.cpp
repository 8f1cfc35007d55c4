// One c-ares channel a look-up, its sockets watched by Asio.
//
// The problem: getaddrinfo() blocks a thread, for thirty seconds when a name server is dead. A
// scraper resolves thousands of names all the time, so any fixed number of threads would be taken
// by the dead names first, and live targets would wait behind them.
//
// c-ares is a resolver without threads: it says which sockets to watch (on_socket), is told when
// one is ready or time has passed, and reports the result once (on_result), all on the caller's
// thread. This file is the glue. A Lookup holds the channel and one Watch a socket; resolve() is a
// loop that sleeps until something is due, with a timer that finish() cancels to wake it early.
//
// A channel reads resolv.conf and hosts when it is made, two small files, and lives as long as its
// look-up: a change to either counts at once, and cancelling is destroying. Keeping channels was
// rejected: they would have to be told of such changes, and one look-up could not be cancelled
// alone.
//
// Lifetimes are the difficulty. c-ares closes its own sockets, so a descriptor is released, not
// closed, when c-ares says it is done with it; waits under way still hold the Lookup and find it
// closed when they come late. Calls into c-ares may call back and remove the very Watch they came
// from, so nothing of it is touched afterwards without looking it up again.
//
// Strand-bound, all of it; no locks.
#include "net/resolver.h"

#include <algorithm>
#include <ares.h>
#include <map>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/str.h"

namespace narthex::net {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;
using ErrorCode = boost::system::error_code;
using Addresses = std::vector<asio::ip::address>;

// What c-ares waits for on one of its sockets.
struct Watch {
  asio::posix::stream_descriptor descriptor;
  bool wants_read = false;
  bool wants_write = false;
  bool reads = false;  // a wait is under way
  bool writes = false;
};

// In the words of Go's resolver.
std::string_view describe(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME:
      return "no such host";
    case ARES_ETIMEOUT:
      return "i/o timeout";
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_EBADRESP:
    case ARES_EFORMERR:
    case ARES_ENOTIMP:
      return "server misbehaving";
    case ARES_ECONNREFUSED:
      return "connection refused";
    default:
      return ares_strerror(status);
  }
}

std::optional<asio::ip::address> address_of(const sockaddr* in) {
  if (in->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(in);
    return asio::ip::address_v4(ntohl(v4->sin_addr.s_addr));
  }
  if (in->sa_family != AF_INET6) return std::nullopt;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(in);
  asio::ip::address_v6::bytes_type bytes;
  std::ranges::copy(v6->sin6_addr.s6_addr, bytes.begin());
  return asio::ip::address_v6(bytes, v6->sin6_scope_id);
}

// Strand-bound. Kept alive by its waits, which find it closed when they come late.
class Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  explicit Lookup(const asio::any_io_executor& executor) : executor_(executor), wake_(executor) {}
  ~Lookup() { close(); }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  // False when there is no channel to be had.
  bool start(const std::string& host);
  bool is_done() const { return status_.has_value(); }
  // Suspends until something is due or done. False when cancelled.
  asio::awaitable<bool> wait(Clock::time_point deadline);
  void process_timeouts() { ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
  Result<Addresses> take_result(std::string_view host);
  void close();

 private:
  static void on_socket(void* self, ares_socket_t socket, int readable, int writable) {
    static_cast<Lookup*>(self)->watch(socket, readable != 0, writable != 0);
  }
  static void on_result(void* self, int status, int, ares_addrinfo* found) {
    static_cast<Lookup*>(self)->finish(status, found);
  }
  void watch(ares_socket_t socket, bool readable, bool writable);
  void arm(ares_socket_t socket);
  void ready(ares_socket_t socket, bool to_read);
  void finish(int status, ares_addrinfo* found);

  asio::any_io_executor executor_;
  asio::steady_timer wake_;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, Watch> watches_;
  std::optional<int> status_;
  Addresses addresses_;
};

bool Lookup::start(const std::string& host) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  if (library != ARES_SUCCESS) return false;
  if (ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) return false;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, on_result, this);
  return true;
}

asio::awaitable<bool> Lookup::wait(Clock::time_point deadline) {
  timeval next{};
  Clock::time_point due = deadline;
  if (ares_timeout(channel_, nullptr, &next) != nullptr) {
    const auto delay = std::chrono::seconds(next.tv_sec) + std::chrono::microseconds(next.tv_usec);
    due = std::min(deadline, Clock::now() + delay);
  }
  wake_.expires_at(due);
  // Ends early when finish() cancels the timer, and when the task is cancelled: the state tells
  // which.
  co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() == asio::cancellation_type::none;
}

// Both false: c-ares is about to close the socket.
void Lookup::watch(ares_socket_t socket, bool readable, bool writable) {
  const auto found = watches_.find(socket);
  if (!readable && !writable) {
    if (found == watches_.end()) return;
    found->second.descriptor.release();
    watches_.erase(found);
    return;
  }
  Watch& entry =
      found != watches_.end()
          ? found->second
          : watches_.emplace(socket, Watch{asio::posix::stream_descriptor(executor_, socket)})
                .first->second;
  entry.wants_read = readable;
  entry.wants_write = writable;
  arm(socket);
}

void Lookup::arm(ares_socket_t socket) {
  const auto found = watches_.find(socket);
  if (found == watches_.end()) return;
  Watch& entry = found->second;
  for (const bool to_read : {true, false}) {
    bool& waits = to_read ? entry.reads : entry.writes;
    if (waits || !(to_read ? entry.wants_read : entry.wants_write)) continue;
    waits = true;
    const auto kind = to_read ? asio::posix::stream_descriptor::wait_read
                              : asio::posix::stream_descriptor::wait_write;
    auto on_ready = [self = shared_from_this(), socket, to_read](const ErrorCode& error) {
      if (!error) self->ready(socket, to_read);
    };
    entry.descriptor.async_wait(kind, std::move(on_ready));
  }
}

void Lookup::ready(ares_socket_t socket, bool to_read) {
  const auto found = watches_.find(socket);
  if (channel_ == nullptr || found == watches_.end()) return;
  (to_read ? found->second.reads : found->second.writes) = false;
  ares_process_fd(channel_, to_read ? socket : ARES_SOCKET_BAD, to_read ? ARES_SOCKET_BAD : socket);
  arm(socket);
}

void Lookup::finish(int status, ares_addrinfo* found) {
  status_ = status;
  if (found != nullptr) {
    for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
      if (auto address = address_of(node->ai_addr)) addresses_.push_back(*address);
    }
    ares_freeaddrinfo(found);
  }
  wake_.cancel();
}

Result<Addresses> Lookup::take_result(std::string_view host) {
  if (*status_ == ARES_SUCCESS && !addresses_.empty()) return std::move(addresses_);
  const int status = *status_ == ARES_SUCCESS ? ARES_ENODATA : *status_;
  return Error(Code::kUnavailable, concat("lookup ", host, ": ", describe(status)));
}

void Lookup::close() {
  if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
}

// Closes at the end of the coroutine, however it ends: the waits hold the look-up a moment longer.
struct CloseAtEnd {
  explicit CloseAtEnd(std::shared_ptr<Lookup> l) : lookup(std::move(l)) {}
  ~CloseAtEnd() { lookup->close(); }
  CloseAtEnd(const CloseAtEnd&) = delete;
  CloseAtEnd& operator=(const CloseAtEnd&) = delete;
  std::shared_ptr<Lookup> lookup;
};

}  // namespace

asio::awaitable<Result<Addresses>> resolve(std::string host, Clock::time_point deadline) {
  ErrorCode is_name;
  const asio::ip::address address = asio::ip::make_address(host, is_name);
  if (!is_name) co_return Addresses{address};
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const CloseAtEnd owner(std::make_shared<Lookup>(executor));
  Lookup& lookup = *owner.lookup;
  if (!lookup.start(host)) {
    co_return Error(Code::kUnavailable, concat("lookup ", host, ": cannot start a look-up"));
  }
  while (!lookup.is_done()) {
    if (Clock::now() >= deadline) co_return Error(Code::kTimeout, "context deadline exceeded");
    const bool go_on = co_await lookup.wait(deadline);
    if (!go_on) co_return Error(Code::kCancelled, "context canceled");
    // c-ares repeats or gives up a question whose time is over; nothing else tells it.
    if (!lookup.is_done()) lookup.process_timeouts();
  }
  co_return lookup.take_result(host);
}

}  // namespace narthex::net
