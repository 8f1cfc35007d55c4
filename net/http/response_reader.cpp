// Head and body of one answer, one after the other, with the limits on the body checked before a
// byte of it is kept: against the length that the head announces, against what has come, and
// against the share of all bodies by the memory that the string really takes.
//
// What is malformed is kUnavailable here: to who fetches, a peer that speaks nonsense and one that
// is not there are the same kind of failure, in Go's words for it.
#include "net/http/response_reader.h"

#include <algorithm>

namespace narthex::net::http {
namespace {

Error too_large() {
  return Error(Code::kLimit, "body size limit exceeded", Cause::kBodySize);
}

// What is malformed is the network's fault to the caller.
Error unavailable(const Error& error) {
  const Code code = error.code() == Code::kLimit ? Code::kLimit : Code::kUnavailable;
  return Error(code, error.message(), error.cause());
}

}  // namespace

ResponseReader::ResponseReader(ResponseOptions options, std::string body_memory)
    : options_(options),
      head_(options.to_head),
      chunks_(ChunkLimits{.body_bytes = options.body_bytes_max}),
      body_(std::move(body_memory)) {
  body_.clear();
}

Result<std::size_t> ResponseReader::read(std::string_view bytes) {
  if (!bytes.empty()) begun_ = true;
  std::size_t taken = 0;
  if (!head_.is_done()) {
    NX_TRY_ASSIGN(taken, read_head(bytes));
  }
  if (!head_.is_done() || whole_) return taken;
  NX_TRY_ASSIGN(const std::size_t of_body, read_body(bytes.substr(taken)));
  return taken + of_body;
}

Result<std::size_t> ResponseReader::read_head(std::string_view bytes) {
  const Result<std::size_t> taken = head_.read(bytes);
  if (!taken) {
    return unavailable(taken.error()).with("net/http: HTTP/1.x transport connection broken");
  }
  if (!head_.is_done()) return *taken;
  const ResponseHead& head = head_.head();
  is_success_ = head.status / 100 == 2;
  whole_ = head.body_end == BodyEnd::kNone;
  const bool has_length = head.body_end == BodyEnd::kLength;
  if (is_success_ && has_length && head.length > options_.body_bytes_max) return too_large();
  return *taken;
}

Result<std::size_t> ResponseReader::read_body(std::string_view bytes) {
  const ResponseHead& head = head_.head();
  std::size_t taken = 0;
  if (head.body_end == BodyEnd::kChunked) {
    const Result<std::size_t> read = chunks_.read(bytes, body_);
    if (!read) return unavailable(read.error());
    taken = *read;
    whole_ = chunks_.is_done();
  } else {
    const bool has_length = head.body_end == BodyEnd::kLength;
    const std::uint64_t left = has_length ? head.length - received_ : bytes.size();
    taken = std::min<std::uint64_t>(left, bytes.size());
    if (taken > options_.body_bytes_max - received_) return too_large();
    body_.append(bytes.substr(0, taken));
    received_ += taken;
    whole_ = has_length && received_ == head.length;
  }
  // What the buffer has taken counts, not what is in it: growth doubles.
  if (options_.share != nullptr && !options_.share->grow_to(body_.capacity())) {
    return Error(Code::kLimit, "no memory left for bodies");
  }
  return taken;
}

Result<void> ResponseReader::end() {
  if (!begun_) return Error(Code::kUnavailable, "EOF");
  if (!head_.is_done()) {
    return Error(Code::kUnavailable, "unexpected EOF")
        .with("net/http: HTTP/1.x transport connection broken");
  }
  if (head_.head().body_end != BodyEnd::kClose) return Error(Code::kUnavailable, "unexpected EOF");
  whole_ = true;
  return {};
}

}  // namespace narthex::net::http
