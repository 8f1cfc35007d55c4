// The API's envelope: the one place that maps error codes to error types and HTTP statuses.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http/message.h"
#include "web/answer.h"

namespace narthex::web {

/// `{"status":"error",...}` with the type and status of the error's code; never fails.
net::http::Response error_response(const Error& error);

/// `not implemented yet: <what>`, as an execution error.
net::http::Response not_implemented_response(std::string_view what);

/// kInvalid with `invalid parameter "<name>": ` in front.
Error invalid_parameter(std::string_view name, const Error& cause);

/// What a successful answer says beside its data. At most 10 of each are sent.
struct Remarks {
  std::vector<std::string> warnings;
  std::vector<std::string> infos;
};

/// A success envelope around JSON that the caller appends: open, append one value to body(), close.
class SuccessEnvelope {
 public:
  SuccessEnvelope();
  std::string& body() { return body_; }
  /// Status 200. Spends the envelope.
  net::http::Response close(const Remarks& remarks = {}) &&;

 private:
  std::string body_;
};

/// The same around a value that is written piece by piece: whole when it fits into one piece. The
/// error of the first piece is the answer; a later one cuts it off.
Answer success_answer(std::unique_ptr<BodyPieces> value, Remarks remarks);

}  // namespace narthex::web
