// Envelopes: success around data, whole or in pieces, and errors by their codes.
//
// type_of() is the only place where a Code becomes a type and a status, after upstream's
// respondError(). The envelope is written by hand around data that is JSON already: data may be a
// hundred megabytes, and nothing is copied.
#include "web/api/errors.h"

#include <utility>

#include "base/json.h"
#include "base/str.h"

namespace narthex::web {
namespace {

constexpr std::size_t kRemarksMax = 10;  // copied from upstream

struct ErrorType {
  std::string_view name;
  int status;
};

ErrorType type_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return {"bad_data", 400};
    case Code::kExecution:
    case Code::kLimit:
      return {"execution", 422};
    case Code::kTimeout:
      return {"timeout", 503};
    case Code::kCancelled:
      return {"canceled", 499};
    case Code::kNotFound:
      return {"not_found", 404};
    case Code::kUnavailable:
      return {"unavailable", 500};
    case Code::kCorrupt:
    case Code::kIo:
    case Code::kInternal:
      break;
  }
  return {"internal", 500};
}

void append_remarks(std::string& body, std::string_view key, std::string_view kind,
                    const std::vector<std::string>& remarks) {
  if (remarks.empty()) return;
  body += concat(",\"", key, "\":");
  JsonWriter json(body);
  json.begin_array();
  for (std::size_t i = 0; i < remarks.size() && i < kRemarksMax; ++i) json.string(remarks[i]);
  if (remarks.size() > kRemarksMax) {
    json.string(concat(remarks.size() - kRemarksMax, " more ", kind, " annotations omitted"));
  }
  json.end_array();
}

net::http::Response json_response(int status, std::string body) {
  net::http::Response response{.status = status, .headers = {}, .body = std::move(body)};
  response.headers.add("Content-Type", "application/json");
  return response;
}

constexpr std::string_view kEnvelopeStart = "{\"status\":\"success\",\"data\":";

void close_envelope(std::string& body, const Remarks& remarks) {
  append_remarks(body, "warnings", "warning", remarks.warnings);
  append_remarks(body, "infos", "info", remarks.infos);
  body += '}';
}

class EnvelopePieces final : public BodyPieces {
 public:
  EnvelopePieces(std::unique_ptr<BodyPieces> value, Remarks remarks)
      : value_(std::move(value)), remarks_(std::move(remarks)) {}

  Result<bool> next(std::string& out) override {
    out += std::exchange(before_, {});
    NX_TRY_ASSIGN(const bool is_last, value_->next(out));
    if (is_last) close_envelope(out, remarks_);
    return is_last;
  }

 private:
  std::string_view before_ = kEnvelopeStart;
  std::unique_ptr<BodyPieces> value_;
  Remarks remarks_;
};

}  // namespace

net::http::Response error_response(const Error& error) {
  const ErrorType type = type_of(error.code());
  std::string body;
  JsonWriter json(body);
  json.begin_object().member("status", "error").member("errorType", type.name);
  json.member("error", error.message()).end_object();
  return json_response(type.status, std::move(body));
}

net::http::Response not_implemented_response(std::string_view what) {
  return error_response(Error(Code::kExecution, concat("not implemented yet: ", what)));
}

Error invalid_parameter(std::string_view name, const Error& cause) {
  return Error(Code::kInvalid, concat("invalid parameter ", quote(name), ": ", cause.message()),
               Cause::kParameter);
}

SuccessEnvelope::SuccessEnvelope() : body_(kEnvelopeStart) {}

net::http::Response SuccessEnvelope::close(const Remarks& remarks) && {
  close_envelope(body_, remarks);
  return json_response(200, std::move(body_));
}

Answer success_answer(std::unique_ptr<BodyPieces> value, Remarks remarks) {
  auto pieces = std::make_unique<EnvelopePieces>(std::move(value), std::move(remarks));
  std::string beginning;
  const Result<bool> is_last = pieces->next(beginning);
  if (!is_last) return error_response(is_last.error());
  Answer answer = json_response(200, std::move(beginning));
  if (!*is_last) answer.rest = std::move(pieces);
  return answer;
}

}  // namespace narthex::web
