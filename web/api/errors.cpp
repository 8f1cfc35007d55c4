// Envelopes.
#include "web/api/errors.h"

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

net::http::Response SuccessEnvelope::close(const Remarks& remarks) && {
  append_remarks(body_, "warnings", "warning", remarks.warnings);
  append_remarks(body_, "infos", "info", remarks.infos);
  body_ += '}';
  return json_response(200, std::move(body_));
}

}  // namespace narthex::web
