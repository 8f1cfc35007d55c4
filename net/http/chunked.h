// Takes a body in chunks apart, as Go's net/http does: lines end in CRLF, extensions and trailers
// are read and dropped, and whatever is not data is counted, so that none of it can grow without
// end. Shared by client and server. Pure; thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace narthex::net::http {

/// How much a body in chunks may hold. What is not data has limits of its own, as in Go: lines of 4
/// KiB, 16 KiB of overhead beyond 16 bytes a chunk and twice its data, 4 KiB of trailers.
struct ChunkLimits {
  std::size_t body_bytes = 0;
  std::size_t extension_bytes = 4096;
  /// For servers: no blanks around a size, and trailers are fields that end in CRLF.
  bool strict = false;
};

/// One body, fed with what has arrived so far.
class ChunkedReader {
 public:
  /// Before any byte of the body; one reader a body.
  explicit ChunkedReader(ChunkLimits limits) : limits_(limits) {}

  /// Takes what it can off the front of `bytes`, appends data to `body` (which
  /// the caller may empty between calls), and returns how much it
  /// took; the rest must be passed again, with more behind it. What is left over is never longer
  /// than 4 KiB unless the body is done. Errors are final: kLimit for the body, kCorrupt.
  Result<std::size_t> read(std::string_view bytes, std::string& body);

  /// The body and its trailers have ended.
  bool is_done() const { return state_ == State::kDone; }

 private:
  enum class State : unsigned char { kLine, kData, kDataEnd, kTrailer, kDone };
  Result<std::size_t> step(std::string_view bytes, std::string& body);
  Result<std::size_t> read_line(std::string_view bytes);
  Result<std::size_t> read_trailer(std::string_view bytes);
  Result<std::uint64_t> parse_size(std::string_view line) const;
  Result<void> check_trailers(std::string_view lines) const;

  ChunkLimits limits_;
  State state_ = State::kLine;
  std::uint64_t left_ = 0;   // of the chunk's data
  std::uint64_t total_ = 0;  // data so far; never beyond the limit
  std::int64_t excess_ = 0;  // bytes that were not data, beyond what is forgiven
};

}  // namespace narthex::net::http
