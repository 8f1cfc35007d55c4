// The bytes of one connection, whatever carries them: TCP, a Unix socket, TLS over either. Client
// and server know no other transport, so that deadlines, cancelling and a peer that went away are
// the same on each. Beast and OpenSSL stay in stream.cpp.
//
// Strand-bound: everything runs on the executor the stream was made with. One read and one write
// may be under way at a time, by coroutines that the stream outlives.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>

#include "base/parallel.h"
#include "net/tls.h"

namespace narthex::net {

/// One connection, not yet connected when made. Movable while nothing is under way.
class Stream {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// An address of TCP or a Unix socket; asio's endpoints of either become one.
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;
  using ErrorCode = boost::system::error_code;
  /// Bytes moved, which after an error is less than all.
  using Outcome = std::tuple<ErrorCode, std::size_t>;
  /// What write() sends, the first before the second.
  using Pieces = std::array<std::string_view, 2>;

  /// Everything of this stream runs on `executor`.
  explicit Stream(boost::asio::any_io_executor executor);
  ~Stream();
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;

  /// Takes a connected socket over. On an error it stays the caller's.
  ErrorCode adopt(int descriptor);
  /// Connects to the first that answers. TCP without Nagle's delay.
  boost::asio::awaitable<ErrorCode> connect(std::vector<Endpoint> endpoints);
  /// From here on TLS. A client checks that the certificate is for `host`, a name or an address,
  /// unless its context takes any.
  boost::asio::awaitable<ErrorCode> start_tls(TlsContext context, std::string host = {});

  /// From now on an operation that has not ended by `time` ends with is_timeout().
  void expires_at(Time time);
  /// No deadline any more, also for what is under way.
  void expires_never();
  /// Did a deadline end the operation? Other errors are the system's, OpenSSL's or asio's.
  static bool is_timeout(const ErrorCode& error);

  /// At least one byte, unless there is an error; asio::error::eof at the end of the stream.
  boost::asio::awaitable<Outcome> read_some(std::span<char> into);
  /// All bytes of `pieces`, which live until then. With a `stall` the deadline moves on by it with
  /// every byte that the peer takes.
  boost::asio::awaitable<Outcome> write(Pieces pieces, std::chrono::milliseconds stall = {});

  /// Tells the peer that nothing more comes: TLS's close_notify where there is TLS, then FIN.
  /// Within the deadline.
  boost::asio::awaitable<void> finish();
  /// What is under way ends with operation_aborted; with TLS the stream is good for nothing then.
  void cancel();
  /// At once, without a word to the peer. Closing twice does no harm.
  void close();

  /// "10.0.0.1:4000->10.0.0.2:9100", or the paths of a Unix socket: for messages.
  std::string ends() const;
  /// The one it was made with.
  boost::asio::any_io_executor executor() const;

 private:
  friend class PeerWatch;
  struct Layers;
  boost::asio::awaitable<Outcome> write_some(const Pieces& pieces);

  std::unique_ptr<Layers> layers_;
};

/// Stops `peer` when the other side closes its end or the connection breaks, while this stands and
/// nobody reads: within 50 ms also behind bytes that wait to be read. As with Go's server, half
/// closed is closed.
class PeerWatch {
 public:
  /// `stream` outlives the watch, is connected, and is not read from while it stands.
  PeerWatch(Stream& stream, const StopToken& peer);
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

 private:
  struct State;
  Stream& stream_;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::net
