// The body of a request, read no further than asked. A body of known length is handed out as views
// into the connection's buffer, without a copy; one in chunks is unpacked into a piece of its own.
//
// Slow clients: a body has a deadline as a whole and, after ten seconds of grace, must keep up 1
// KiB a second, so that a thousand connections that trickle cannot sit here for minutes. Once the
// body is whole nobody reads from the connection any more; a PeerWatch then notices a client that
// leaves.
#include "net/http/request_body.h"

#include <algorithm>

#include "base/str.h"

namespace narthex::net::http {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kBytesPerSecondMin = 1024;  // docs/limits.md, after the grace
constexpr std::chrono::seconds kGrace{10};

std::string_view view(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

Error too_large() {
  return Error(Code::kLimit, "http: request body too large");
}

}  // namespace

asio::awaitable<bool> read_more(Stream& stream, boost::beast::flat_buffer& buffer,
                                Stream::Time deadline) {
  stream.expires_at(deadline);
  const auto space = buffer.prepare(kReadBytes);
  auto [error, count] = co_await stream.read_some({static_cast<char*>(space.data()), space.size()});
  if (error || std::chrono::steady_clock::now() >= deadline) co_return false;
  buffer.commit(count);
  co_return true;
}

RequestBody::RequestBody(Parts parts)
    : parts_(parts),
      chunks_({.body_bytes = parts.options.body_bytes_max,
               .extension_bytes = kChunkExtensionBytesMax,
               .strict = true}) {
  if (!parts_.head.is_chunked && parts_.head.length == 0) end();
}

Result<void> RequestBody::check_length() const {
  if (parts_.head.length > parts_.options.body_bytes_max) return too_large();
  return {};
}

// False when the client has gone.
asio::awaitable<bool> RequestBody::say_continue() {
  const bool is_asked = equals_ignore_case(parts_.head.headers.get("Expect"), "100-continue");
  if (!is_asked || parts_.buffer.size() > 0) co_return true;
  parts_.stream.expires_at(std::chrono::steady_clock::now() + parts_.options.write_stall_timeout);
  auto [error, count] = co_await parts_.stream.write({"HTTP/1.1 100 Continue\r\n\r\n", {}});
  co_return !error;
}

// A peer must keep up a pace, too.
Stream::Time RequestBody::deadline() const {
  const std::chrono::seconds earned(received_ / kBytesPerSecondMin);
  return std::min(*start_ + parts_.options.body_timeout, *start_ + kGrace + earned);
}

// What has arrived, empty when more is needed or nothing is left.
Result<std::string_view> RequestBody::take() {
  const std::string_view bytes = view(parts_.buffer);
  if (!parts_.head.is_chunked) {
    const std::string_view piece = bytes.substr(0, parts_.head.length - received_);
    // The view is into the buffer: it is given back at the next call, when the caller is done with
    // it.
    received_ += consumed_ = piece.size();
    whole_ = received_ == parts_.head.length;
    return piece;
  }
  piece_.clear();
  const Result<std::size_t> taken = chunks_.read(bytes, piece_);
  if (!taken && taken.error().code() == Code::kLimit) return too_large();
  if (!taken) return Error(Code::kCorrupt, "malformed request body");
  parts_.buffer.consume(*taken);
  received_ += piece_.size();
  whole_ = chunks_.is_done();
  return piece_;
}

void RequestBody::end() {
  whole_ = true;
  parts_.stream.expires_never();
  watch_.emplace(parts_.stream, parts_.client);
}

asio::awaitable<Result<std::string_view>> RequestBody::read() {
  parts_.buffer.consume(std::exchange(consumed_, 0));
  if (!start_ && !whole_) {
    start_ = std::chrono::steady_clock::now();
    if (const Result<void> fits = check_length(); !fits) co_return std::unexpected(fits.error());
    gone_ = !co_await say_continue();
  }
  while (!whole_ && !gone_) {
    Result<std::string_view> piece = take();
    if (!piece || !piece->empty()) co_return piece;
    if (!whole_) gone_ = !co_await read_more(parts_.stream, parts_.buffer, deadline());
  }
  if (gone_) co_return Error(Code::kCancelled, "the client went away");
  if (!watch_) end();
  co_return std::string_view();
}

Result<void> RequestBody::hold(std::size_t bytes) {
  if (parts_.share.grow_to(bytes)) return {};
  return Error(Code::kUnavailable, "too many request bodies at once");
}

Response body_fault(const Error& error) {
  const Code code = error.code();
  const int status = code == Code::kLimit ? 413 : code == Code::kUnavailable ? 503 : 400;
  return fault_response({status, error.message()});
}

StreamHandler whole_bodies(HttpHandler handler) {
  return [handler = std::move(handler)](Request& request,
                                        BodySource& body) -> asio::awaitable<Response> {
    Result<std::string> whole = co_await read_all(body);
    if (!whole) co_return body_fault(whole.error());
    request.body = *std::move(whole);
    Response response = co_await handler(request);
    co_return response;
  };
}

}  // namespace narthex::net::http
