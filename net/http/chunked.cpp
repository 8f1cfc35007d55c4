// Chunks, in the words of Go's net/http/internal/chunked.go.
//
// A machine of five states, fed with whatever has arrived: a line with a size, the data, the line
// end behind it, the trailers, done. It takes only whole steps, so it needs no buffer of its own;
// what it leaves must be given again with more behind it, and is short because every line has a
// limit.
//
// A chunk of one byte costs six on the wire. Go lets a peer send as much overhead as it sends data
// twice over, plus a little for each chunk, and refuses the rest: excess_ is that account, which
// also bounds the work that a long body in tiny chunks could make.
#include "net/http/chunked.h"

#include <algorithm>

#include "base/hex.h"
#include "base/str.h"

namespace narthex::net::http {
namespace {

constexpr std::size_t kTrailerBytesMax = 4096;       // Go's buffer, which must hold them all
constexpr std::int64_t kForgivenBytes = 16;          // of overhead, each chunk
constexpr std::int64_t kExcessBytesMax = 16 * 1024;  // as Go
constexpr std::size_t kSizeDigitsMax = 16;
constexpr std::size_t kLineBytesMax = 4096;  // with CRLF

bool is_blank(std::string_view line) {
  return line.starts_with(' ') || line.starts_with('\t');
}

Error corrupt(std::string_view text) {
  return Error(Code::kCorrupt, std::string(text));
}

}  // namespace

Result<std::size_t> ChunkedReader::read(std::string_view bytes, std::string& body) {
  std::size_t taken = 0;
  while (state_ != State::kDone) {
    NX_TRY_ASSIGN(const std::size_t count, step(bytes.substr(taken), body));
    if (count == 0) break;
    taken += count;
  }
  return taken;
}

// The size before any extension. Blanks may stand at the end of the line only.
Result<std::uint64_t> ChunkedReader::parse_size(std::string_view line) const {
  while (!limits_.strict && (line.ends_with(' ') || line.ends_with('\t'))) line.remove_suffix(1);
  const std::size_t end = std::min(line.find(';'), line.size());
  if (line.size() - end > limits_.extension_bytes + 1) return corrupt("chunk extension too long");
  line = line.substr(0, end);
  if (line.empty()) return corrupt("empty hex number for chunk length");
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const int digit = hex_digit(line[i]);
    if (digit < 0) return corrupt("invalid byte in chunk length");
    if (i == kSizeDigitsMax) return corrupt("http chunk length too large");
    size = size * 16 + static_cast<std::uint64_t>(digit);
  }
  return size;
}

// 0: more bytes are needed.
Result<std::size_t> ChunkedReader::step(std::string_view bytes, std::string& body) {
  switch (state_) {
    case State::kLine:
      return read_line(bytes);
    case State::kData: {
      const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
      body.append(bytes.substr(0, count));
      total_ += count;
      left_ -= count;
      if (left_ == 0) state_ = State::kDataEnd;
      return count;
    }
    case State::kDataEnd:
      if (bytes.size() < 2) return 0;
      if (!bytes.starts_with("\r\n")) return corrupt("malformed chunked encoding");
      state_ = State::kLine;
      return 2;
    case State::kTrailer:
      return read_trailer(bytes);
    case State::kDone:
      break;
  }
  return 0;
}

Result<std::size_t> ChunkedReader::read_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kLineBytesMax).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kLineBytesMax) return corrupt("header line too long");
    return 0;
  }
  const std::string_view line = bytes.substr(0, end);
  const std::size_t carriage_return = line.find('\r');
  if (carriage_return == std::string_view::npos) return corrupt("chunked line ends with bare LF");
  if (carriage_return + 1 != line.size()) return corrupt("invalid CR in chunked line");
  NX_TRY_ASSIGN(left_, parse_size(line.substr(0, carriage_return)));
  if (left_ > limits_.body_bytes - total_) {
    return Error(Code::kLimit, "body size limit exceeded", Cause::kBodySize);
  }
  // Overhead beyond the allowance of this chunk; honest data pays it back, below zero it is not
  // saved.
  excess_ += static_cast<std::int64_t>(carriage_return) + 2 - kForgivenBytes -
             2 * static_cast<std::int64_t>(left_);
  excess_ = std::max<std::int64_t>(excess_, 0);
  if (excess_ > kExcessBytesMax) return corrupt("chunked encoding contains too much non-data");
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  return end + 1;
}

// All trailers at once: they are few, or there are none.
Result<std::size_t> ChunkedReader::read_trailer(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  if (bytes.starts_with("\r\n")) {
    state_ = State::kDone;
    return 2;
  }
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = bytes.substr(0, kTrailerBytesMax).find(kEnd);
  if (end == std::string_view::npos) {
    if (bytes.size() < kTrailerBytesMax) return 0;
    return corrupt("http: suspiciously long trailer after chunked body");
  }
  NX_TRY(check_trailers(bytes.substr(0, end + 2)));
  state_ = State::kDone;
  return end + kEnd.size();
}

// They are dropped, but a peer that sends something else here does not mean what we think.
Result<void> ChunkedReader::check_trailers(std::string_view lines) const {
  for (bool is_first = true; !lines.empty(); is_first = false) {
    const std::size_t end = lines.find('\n');
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    const bool ends_well = line.ends_with('\r');
    if (ends_well) line.remove_suffix(1);
    const bool is_folded = !limits_.strict && !is_first && is_blank(line);
    if (!is_folded && line.find(':') == std::string_view::npos) {
      return corrupt(concat("malformed MIME header: missing colon: ", quote(line)));
    }
    const bool has_control = line.find_first_of(std::string_view("\r\0", 2)) != std::string::npos;
    if (limits_.strict && (!ends_well || has_control)) return corrupt("malformed trailer line");
  }
  return {};
}

}  // namespace narthex::net::http
