// Layers: Beast's stream, whose operations have deadlines, and above it, where asked for, Asio's
// TLS. Both give the same awaitables, so that choosing one costs a branch and no coroutine.
//
// PeerWatch looks instead of reading. Waiting for "readable" wakes at the end of the stream, but
// also at bytes of a next request that nobody may read yet; from then on the end behind them shows
// only to poll(POLLRDHUP), which is asked every 50 ms.
#include "net/stream.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>

#include "base/str.h"

namespace narthex::net {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using Protocol = asio::generic::stream_protocol;
using Lower = beast::basic_stream<Protocol, asio::any_io_executor>;
using Tls = asio::ssl::stream<Lower&>;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kWatchPause = std::chrono::milliseconds(50);  // docs/promises.md, O2: 100 ms

Protocol protocol_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return {AF_INET, 0};
  }
  return {address.ss_family, 0};
}

std::string text_of(const Stream::Endpoint& endpoint) {
  const int family = endpoint.protocol().family();
  if (family == AF_UNIX) {
    const auto* address = reinterpret_cast<const sockaddr_un*>(endpoint.data());
    const std::size_t size =
        endpoint.size() - std::min(endpoint.size(), offsetof(sockaddr_un, sun_path));
    return std::string(address->sun_path, ::strnlen(address->sun_path, size));
  }
  tcp::endpoint internet;
  if (endpoint.size() > internet.capacity()) return "?";
  std::memcpy(internet.data(), endpoint.data(), endpoint.size());
  internet.resize(endpoint.size());
  std::ostringstream out;
  out << internet;
  return out.str();
}

// Whether the other side has closed its end, or the connection is broken.
bool has_left(int descriptor) {
  pollfd events{.fd = descriptor, .events = POLLRDHUP, .revents = 0};
  return ::poll(&events, 1, 0) > 0;
}

}  // namespace

struct Stream::Layers {
  explicit Layers(const asio::any_io_executor& executor) : lower(executor) {}
  Lower lower;
  std::optional<TlsContext> context;  // kept as long as `tls`
  std::optional<Tls> tls;
};

Stream::Stream(asio::any_io_executor executor) : layers_(std::make_unique<Layers>(executor)) {}
Stream::~Stream() = default;
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;

Stream::ErrorCode Stream::adopt(int descriptor) {
  ErrorCode error;
  layers_->lower.socket().assign(protocol_of(descriptor), descriptor, error);
  return error;
}

asio::awaitable<Stream::ErrorCode> Stream::connect(std::vector<Endpoint> endpoints) {
  auto [error, endpoint] = co_await layers_->lower.async_connect(endpoints, kAwait);
  if (error) co_return error;
  ErrorCode ignored;  // a Unix socket has no such option
  layers_->lower.socket().set_option(tcp::no_delay(true), ignored);
  co_return ErrorCode();
}

asio::awaitable<Stream::ErrorCode> Stream::start_tls(TlsContext context, std::string host) {
  layers_->context = context;
  Tls& tls = layers_->tls.emplace(layers_->lower, context.native());
  ErrorCode error;
  if (!context.is_server()) {
    ErrorCode not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(tls.native_handle(), host.c_str());
    if (context.verifies_peer()) {
      tls.set_verify_callback(asio::ssl::host_name_verification(host), error);
    }
  }
  if (error) co_return error;
  const auto side = context.is_server() ? Tls::server : Tls::client;
  auto [failure] = co_await tls.async_handshake(side, kAwait);
  co_return failure;
}

void Stream::expires_at(Time time) {
  layers_->lower.expires_at(time);
}
void Stream::expires_never() {
  layers_->lower.expires_never();
}
bool Stream::is_timeout(const ErrorCode& error) {
  return error == beast::error::timeout || error == asio::error::timed_out;
}

asio::awaitable<Stream::Outcome> Stream::read_some(std::span<char> into) {
  const asio::mutable_buffer space(into.data(), into.size());
  if (layers_->tls) return layers_->tls->async_read_some(space, kAwait);
  return layers_->lower.async_read_some(space, kAwait);
}

asio::awaitable<Stream::Outcome> Stream::write_some(const Pieces& pieces) {
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(pieces[0].data(), pieces[0].size()),
                                                  asio::buffer(pieces[1].data(), pieces[1].size())};
  if (layers_->tls) return layers_->tls->async_write_some(buffers, kAwait);
  return layers_->lower.async_write_some(buffers, kAwait);
}

asio::awaitable<Stream::Outcome> Stream::write(Pieces pieces, std::chrono::milliseconds stall) {
  std::size_t written = 0;
  while (!pieces[0].empty() || !pieces[1].empty()) {
    if (stall.count() > 0) expires_at(std::chrono::steady_clock::now() + stall);
    auto [error, count] = co_await write_some(pieces);
    written += count;
    if (error) co_return Outcome(error, written);
    for (std::string_view& piece : pieces) {
      const std::size_t part = std::min(count, piece.size());
      piece.remove_prefix(part);
      count -= part;
    }
  }
  co_return Outcome(ErrorCode(), written);
}

asio::awaitable<void> Stream::finish() {
  if (layers_->tls) co_await layers_->tls->async_shutdown(kAwait);
  ErrorCode ignored;
  layers_->lower.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

void Stream::cancel() {
  layers_->lower.cancel();
}
void Stream::close() {
  layers_->lower.close();
}

std::string Stream::ends() const {
  ErrorCode ignored;
  const auto& socket = layers_->lower.socket();
  return concat(text_of(socket.local_endpoint(ignored)), "->",
                text_of(socket.remote_endpoint(ignored)));
}

asio::any_io_executor Stream::executor() const {
  return layers_->lower.get_executor();
}

struct PeerWatch::State : std::enable_shared_from_this<PeerWatch::State> {
  State(int d, const asio::any_io_executor& executor, StopToken p)
      : descriptor(d), pause(executor), peer(std::move(p)) {}

  // Readable: a byte, or the end. Behind bytes that nobody reads, only looking shows the end.
  void look() {
    if (!active) return;
    if (has_left(descriptor)) return peer.cancel();
    pause.expires_after(kWatchPause);
    pause.async_wait([self = shared_from_this()](const Stream::ErrorCode& error) {
      if (!error) self->look();
    });
  }

  const int descriptor;
  asio::steady_timer pause;
  const StopToken peer;
  bool active = true;
};

PeerWatch::PeerWatch(Stream& stream, const StopToken& peer) : stream_(stream) {
  auto& socket = stream.layers_->lower.socket();
  state_ = std::make_shared<State>(socket.native_handle(), stream.executor(), peer);
  socket.async_wait(asio::socket_base::wait_read, [state = state_](const Stream::ErrorCode& error) {
    if (!error) state->look();
  });
}

PeerWatch::~PeerWatch() {
  state_->active = false;
  state_->pause.cancel();
  Stream::ErrorCode ignored;
  stream_.layers_->lower.socket().cancel(ignored);
}

}  // namespace narthex::net
