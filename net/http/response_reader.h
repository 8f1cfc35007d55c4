// A whole response, head and body, out of the bytes that arrive: what the client does besides the
// network, so that it can be tested and fuzzed without one. Every byte is counted before it is
// kept. Pure; thread-compatible.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/byte_budget.h"
#include "base/result.h"
#include "net/http/chunked.h"
#include "net/http/response_head.h"

namespace narthex::net::http {

/// Set once for a response. `body_bytes_max` counts the body as sent, before any decoding.
struct ResponseOptions {
  bool to_head = false;  // the request was HEAD
  std::size_t body_bytes_max = 0;
  BudgetShare* share = nullptr;  // what the body is counted against, too
};

/// One answer, fed with what has arrived so far.
class ResponseReader {
 public:
  /// The body comes in `body_memory`, whose content does not matter.
  explicit ResponseReader(ResponseOptions options, std::string body_memory = {});

  /// Takes what it can off the front of `bytes` and returns how much; the rest must be passed
  /// again, with more behind it. Errors are final and in Go's words: kLimit "body size limit
  /// exceeded" or the head's, kUnavailable for what is malformed.
  Result<std::size_t> read(std::string_view bytes);
  /// The peer has closed its side. An error unless that is how the body ends.
  Result<void> end();

  /// Nothing more needs to be read. An answer that is no success is done with its head: its body is
  /// taken only as far as it has arrived.
  bool is_done() const { return head_.is_done() && (whole_ || !is_success_); }
  /// How far the answer has come: any byte, its whole final head.
  bool has_begun() const { return begun_; }
  bool has_head() const { return head_.is_done(); }
  /// The head is there and says 2xx.
  bool is_success() const { return is_success_; }
  /// Once done: the connection may serve another request, if nothing is left over.
  bool keeps_alive() { return whole_ && head_.head().keep_alive; }

  /// Meaningful once has_head().
  ResponseHead& head() { return head_.head(); }
  /// What came of the body, but for what the caller took out of it between reads.
  std::string& body() { return body_; }

 private:
  Result<std::size_t> read_head(std::string_view bytes);
  Result<std::size_t> read_body(std::string_view bytes);

  ResponseOptions options_;
  ResponseHeadReader head_;
  ChunkedReader chunks_;
  std::string body_;
  std::uint64_t received_ = 0;  // of a body that is not in chunks
  bool begun_ = false;
  bool is_success_ = false;
  bool whole_ = false;
};

}  // namespace narthex::net::http
