// Reads the head of a response as Go's net/http does, which is what upstream's client accepts:
// lines may end in LF alone, the reason may be missing, any number of interim answers (1xx) may
// come first, folded lines are joined, and what contradicts itself is refused. Lines are judged as
// they arrive, so that a peer that speaks something else is found out at once. Pure;
// thread-compatible. Source of truth: Go 1.26, net/http/response.go and transfer.go,
// net/textproto/reader.go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http/message.h"

namespace narthex::net::http {

/// Of one head; Go's default. Interim heads have as much again each, as upstream's client gives
/// them; nothing of them is kept.
inline constexpr std::size_t kResponseHeadBytesMax = std::size_t{10} << 20;

/// Interim heads before the one that counts.
inline constexpr std::size_t kInterimMax =
    1000;  // tuned: upstream waits for as many as come in time

/// Where a response's body ends.
enum class BodyEnd : unsigned char { kNone, kLength, kChunked, kClose };

/// A head taken apart. `length` is as sent, also where no body follows.
struct ResponseHead {
  int status = 0;
  std::string reason;  // as sent, may be empty
  Headers headers;
  BodyEnd body_end = BodyEnd::kNone;
  std::uint64_t length = 0;  // for kLength
  bool keep_alive = false;   // the peer is ready for another request once the body has ended
};

/// One head, fed with what has arrived so far.
class ResponseHeadReader {
 public:
  /// `to_head`: the request was HEAD, so that no body follows whatever the head says.
  explicit ResponseHeadReader(bool to_head = false) : to_head_(to_head) {}

  /// Takes whole lines off the front of `bytes` and returns how much it took; the rest must be
  /// passed again, with more behind it, unless the head is done. Errors are final and in Go's
  /// words: kLimit, kCorrupt.
  Result<std::size_t> read(std::string_view bytes);

  /// The head of the final answer is complete.
  bool is_done() const { return done_; }
  /// Meaningful once is_done(); the caller may move parts out of it.
  ResponseHead& head() { return head_; }

 private:
  Result<void> take_line(std::string_view line);
  Result<void> take_status_line(std::string_view line);
  Result<void> take_field();
  Result<void> end_head();
  Result<void> find_body_end();
  Result<bool> is_chunked() const;
  Result<bool> find_length();

  bool to_head_;
  bool done_ = false;
  bool has_status_ = false;
  bool has_line_ = false;  // of fields
  int major_ = 1;
  int minor_ = 1;
  std::size_t interim_ = 0;  // interim heads
  std::size_t taken_ = 0;    // bytes of this one, and an allowance for each field's memory
  std::size_t scanned_ = 0;  // of the bytes passed next: they hold no end of line
  std::string field_;        // with its folded lines; complete when the next line is none
  ResponseHead head_;
};

}  // namespace narthex::net::http
