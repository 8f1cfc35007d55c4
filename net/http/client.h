// An HTTP/1.1 client for one peer that keeps its connection between calls. It takes what Go's
// client takes (net/http/response_head.h), and says what went wrong in Go's words. Strand-bound:
// one call at a time, all on the same I/O thread; the client outlives its coroutines.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "base/byte_budget.h"
#include "base/result.h"
#include "net/http/client_config.h"
#include "net/http/message.h"
#include "net/http/url.h"
#include "net/tls.h"

namespace narthex::net::http {

/// What to ask for. User and password in the URL are not sent: configuration has fields for them.
struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;  // besides Host, Content-Length and those of the ClientConfig
  std::string body;
  std::string socket_path = {};  // of a Unix socket to connect to, whatever host the URL names
};

/// An answer of any status.
struct ClientResponse {
  int status = 0;
  std::string reason;  // "Not Found"
  Headers headers;
  /// As it came: Content-Encoding is the caller's business. Whole for 2xx only.
  std::string body;

  /// "404 Not Found".
  std::string status_line() const;
};

/// What one fetch may cost in time and memory.
struct FetchLimits {
  std::chrono::milliseconds timeout{10'000};  // for everything, redirects included
  std::size_t body_bytes_max = 64U << 20;     // of the encoded body
  BudgetShare* share = nullptr;               // what the body is counted against as well; borrowed
  /// Only the head of a success counts: its body is read, so that the connection can be kept, but
  /// whatever is wrong with it is not an error.
  bool ignores_body = false;
  /// For bodies that go on and on: from their first byte the fetch may last as long as no pause is
  /// longer than this, instead of `timeout`. Zero: `timeout` only.
  std::chrono::milliseconds idle_timeout{0};
};

/// The settings of a ClientConfig (credentials, headers, redirects) go into every request.
class Client {
 public:
  /// Without `tls` an https URL is an error.
  explicit Client(ClientConfig config, std::optional<TlsContext> tls = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any status is a response. Follows up to ten redirects when configured; credentials stay behind
  /// when the host changes. A kept connection that turns out to be dead is replaced once. Errors,
  /// with method and URL in front as upstream's: kTimeout "context deadline exceeded", kLimit,
  /// kCancelled, kUnavailable for anything the network did.
  /// The body comes in `body_memory`, whose content does not matter: who fetches often hands over a
  /// string that has room already.
  boost::asio::awaitable<Result<ClientResponse>> fetch(ClientRequest request, FetchLimits limits,
                                                       std::string body_memory = {});

  /// The same for a body that goes to `sink` piece by piece as it arrives, and is not kept: a
  /// watch, a stream of chunks. An error of the sink ends the fetch and is its result.
  boost::asio::awaitable<Result<ClientResponse>> fetch_to(ClientRequest request, FetchLimits limits,
                                                          BodySink& sink);

  /// Closes the kept connection; not while a fetch is under way. The next fetch dials again.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::net::http
