// The HTTP/1.x server: listeners, one coroutine per connection, limits, two-step stop. It knows
// nothing of routes: every whole request goes to one handler, every answer back in order. Beast is
// hidden in the .cpp files.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "net/executors.h"
#include "net/http/message.h"
#include "net/tls.h"

namespace narthex::net::http {

/// docs/limits.md. The defaults are far above what legitimate clients need.
struct HttpServerOptions {
  /// `host:port`, `:port` (all addresses) or `[v6]:port`. Port 0 takes a free one.
  std::vector<std::string> listen_addresses = {"0.0.0.0:9090"};
  std::size_t connections_max = 512;  // --web.max-connections
  /// Above it an address makes its own idle connections give way, and where places are scarce it
  /// gets no more: but many users may come through one proxy.
  std::size_t connections_per_address_max = 256;
  /// Further connections when all places are taken: they get one vital request answered, or 503.
  std::size_t connections_reserve = 32;
  std::size_t requests_per_connection_max = 10'000;
  std::size_t body_bytes_max = 10 * 1024 * 1024;
  std::size_t bodies_bytes_max = 256 * 1024 * 1024;  // of all requests together
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds idle_timeout{120'000};
  std::chrono::milliseconds body_timeout{
      300'000};  // --web.read-timeout; also at least 1 KiB/s after 10 s
  std::chrono::milliseconds write_stall_timeout{60'000};
  std::optional<TlsContext> tls = {};  // a server's; none: plain text
};

/// Answers one request, whose whole body is in it. The request lives until the answer is sent. Runs
/// on an I/O thread: long work hops to the CPU pool. For HEAD the body is dropped and its length
/// kept.
using HttpHandler = std::function<asio::awaitable<Response>(const Request&)>;

/// The same for a body that is read as it arrives; `Request::body` is empty. A body that is not
/// read to its end closes the connection.
using StreamHandler = std::function<asio::awaitable<Response>(Request&, BodySource&)>;

/// Reads the whole body for `handler`. One that is too long, malformed, or too much beside all the
/// others gets 413, 400 or 503.
StreamHandler whole_bodies(HttpHandler handler);

/// Whether a request must be answered even when all places are taken: health, readiness, metrics.
using IsVital = std::function<bool(const Request&)>;

/// Thread-safe. Order: listen(), start(), stop().
class HttpServer {
 public:
  /// All references must outlive the server.
  HttpServer(HttpServerOptions options, StreamHandler handler, Executors& executors,
             const Clock& clock, Log& log, Metrics& metrics, IsVital is_vital = {});
  /// stop() must have been called if start() or adopt() was.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds every address. kIo names the address that cannot be had; then none is bound.
  Result<void> listen();

  /// Where it listens, with real ports, as `address:port`; empty before listen().
  std::vector<std::string> addresses() const;

  /// Accepts connections from now on.
  void start();

  /// Serves a connected stream socket, which is closed at the end: for tests and socket activation.
  void adopt(int socket, std::string peer_address);

  /// Step one: accepts no more, closes idle connections, lets requests under way finish.
  void drain();

  /// drain(), then waits up to `grace` for requests to finish, then cuts what is left. Blocks; not
  /// on an I/O thread.
  void stop(std::chrono::milliseconds grace);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::net::http
