// Bodies that come and go in pieces, so that a large one holds a buffer and not its length. A
// request's body is a source to the server's handler; a response's is a sink, on both sides.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace narthex::net::http {

/// A body that arrives. Strand-bound; lives as long as its request.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// The next piece, empty at the end; valid until the next call. Errors are final: kLimit (longer
  /// than a body may be), kCorrupt (malformed), kCancelled (the peer went away, or is too slow).
  virtual boost::asio::awaitable<Result<std::string_view>> read() = 0;

  /// For who keeps what it read: says that it holds `bytes` of this body now. kUnavailable when all
  /// bodies together hold too much.
  virtual Result<void> hold(std::size_t bytes) = 0;
};

/// A body that is sent, or taken by who asked for it. Strand-bound.
class BodySink {
 public:
  virtual ~BodySink() = default;

  /// Returns once `bytes` need not live any longer. An error is final, and ends the body: to the
  /// peer it looks cut off.
  virtual boost::asio::awaitable<Result<void>> write(std::string_view bytes) = 0;
};

/// The whole body, from where `source` stands, which outlives the coroutine. Errors are those of
/// read() and hold(); what was read is lost then.
boost::asio::awaitable<Result<std::string>> read_all(BodySource& source);

}  // namespace narthex::net::http
