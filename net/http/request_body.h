// The body of a request as it arrives: internal to net/http/session.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/beast/core/flat_buffer.hpp>

#include "base/byte_budget.h"
#include "net/http/body.h"
#include "net/http/chunked.h"
#include "net/http/framing.h"
#include "net/http/server.h"
#include "net/stream.h"

namespace narthex::net::http {

/// Waits for more bytes behind those in `buffer`. False at the end of the stream and when the
/// deadline passes, which a peer that sends without pause does not outrun.
asio::awaitable<bool> read_more(Stream& stream, boost::beast::flat_buffer& buffer,
                                Stream::Time deadline);

/// Reads from the connection only as far as it is asked to, and counts what it has before it keeps
/// it. A client that waits to be told (Expect: 100-continue) is told when the first piece is
/// wanted.
class RequestBody final : public BodySource {
 public:
  /// All references outlive it. `buffer` is what has arrived and is not yet read.
  struct Parts {
    Stream& stream;
    boost::beast::flat_buffer& buffer;
    const RequestHead& head;
    const HttpServerOptions& options;
    BudgetShare& share;
    const StopToken& client;  // stopped when the peer leaves after the body
  };
  /// For one request of the connection.
  explicit RequestBody(Parts parts);

  asio::awaitable<Result<std::string_view>> read() override;
  Result<void> hold(std::size_t bytes) override;

  /// Nothing of it is left on the connection.
  bool is_whole() const { return whole_; }
  /// The peer went away in the middle, or was too slow: there is nobody to answer.
  bool is_gone() const { return gone_; }

 private:
  Result<void> check_length() const;
  asio::awaitable<bool> say_continue();
  Result<std::string_view> take();
  void end();
  Stream::Time deadline() const;

  Parts parts_;
  ChunkedReader chunks_;
  std::string piece_;         // of a body in chunks
  std::size_t consumed_ = 0;  // at the front of the buffer, once the caller is done with it
  std::uint64_t received_ = 0;
  std::optional<Stream::Time> start_;
  bool whole_ = false;
  bool gone_ = false;
  std::optional<PeerWatch> watch_;  // once whole: nobody reads then
};

/// What a handler answers when it cannot read a body: 413, 503 or 400 with one line of text.
Response body_fault(const Error& error);

}  // namespace narthex::net::http
