// What a request's head must look like before anything interprets it, so that no request
// is smuggled. Two readers that disagree on where a request ends are a security hole, so every
// doubtful form is refused and the connection closed. Pure functions over bytes; no Beast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http/message.h"

namespace narthex::net::http {

/// Limits of a head in bytes, line ends included, and in fields: docs/limits.md.
inline constexpr std::size_t kRequestLineBytesMax =
    64 * 1024;  // tuned: above every real query in a URL
inline constexpr std::size_t kHeaderBytesMax = 256 * 1024;   // tuned
inline constexpr std::size_t kHeaderFieldsMax = 100;         // tuned
inline constexpr std::size_t kChunkExtensionBytesMax = 256;  // tuned

/// Why a request is refused: an HTTP status, 400 to 505, and one line for the client, without an
/// end of line.
struct HttpFault {
  int status = 400;
  std::string text;
};

/// The same as an answer.
Response fault_response(const HttpFault& fault);

/// How far a head has arrived.
struct HeadScan {
  std::size_t size = 0;            // bytes of the head with its empty line; 0: more is needed
  std::optional<HttpFault> fault;  // a bare LF, or a limit
};

/// Looks for the end of the head in `bytes`, which begin where it begins; `scanned`, 0 at first,
/// remembers how far earlier calls looked. Faults: 400, 414, 431.
HeadScan scan_head(std::string_view bytes, std::size_t& scanned);

/// Judges a whole head, its empty line included; nothing when all is well. Faults: 400, 414, 431,
/// 501 (a transfer encoding but chunked), 505.
std::optional<HttpFault> find_head_fault(std::string_view head);

/// A head taken apart. Only for one that find_head_fault() finds nothing in.
struct RequestHead {
  std::string method;
  std::string target;
  unsigned version = 11;
  Headers headers;
  std::uint64_t length = 0;  // of the body
  bool is_chunked = false;
  bool keep_alive = false;

  /// Ends the process on other heads at worst (it reads where checks said there is something).
  static RequestHead parse(std::string_view head);
};

/// A request target split into decoded path and raw query. Absolute form loses scheme and host.
struct Target {
  std::string path;
  std::string escaped_path;  // as written; empty when it has bytes that should have been escaped
  std::string query;
};

/// Empty when the target is none: bad escape, NUL, or neither origin nor absolute form nor "*".
std::optional<Target> parse_target(std::string_view target);

/// `%41` to `A` and, for forms, `+` to space. Empty on a bad escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace narthex::net::http
