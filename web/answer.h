// An answer whose body is made while it is sent: of a hundred megabytes one piece is in memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/executors.h"
#include "net/http/message.h"

namespace narthex::web {

/// How much of a body is made at a time: few enough turns, and little to lose when the client
/// leaves.
inline constexpr std::size_t kPieceBytes = 64 * 1024;  // tuned: a piece is made in about 0.2 ms

/// Makes a body from its beginning to its end. Used by one thread at a time, not always the same.
class BodyPieces {
 public:
  virtual ~BodyPieces() = default;

  /// Appends to `out` until that has kPieceBytes, or a little more; true: that was the last. Not
  /// called again then, or after an error, which cuts off what is being sent.
  virtual Result<bool> next(std::string& out) = 0;
};

/// A response with its whole body, or with its beginning and the `rest`.
struct Answer {
  Answer(net::http::Response whole) : response(std::move(whole)) {}  // NOLINT: most are whole

  net::http::Response response;
  std::unique_ptr<BodyPieces> rest = {};
};

/// The answer as a response that streams, if it has a rest: each further piece is made on the CPU
/// pool of `lane`, which outlives the response, when the client has taken the one before.
net::http::Response to_response(Answer answer, net::Executors& lane);

}  // namespace narthex::web
