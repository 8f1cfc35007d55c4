// Form values as Go's net/url and net/http read them: a bad pair is left out and remembered, the
// rest counts. Values of the body, the query and multipart parts are kept apart, because their
// order is the order of precedence, and some parameters are read from the query only.
#include "web/form.h"

#include <algorithm>

#include "base/str.h"
#include "net/http/framing.h"

namespace narthex::web {
namespace {

constexpr std::size_t kPairsMax = 10'000;  // as Go: each costs more memory than its bytes

bool is_form(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  return equals_ignore_case(type, "application/x-www-form-urlencoded");
}

// Up to three bytes of the first bad escape, quoted as Go does.
std::string bad_escape(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    const std::string_view escape = text.substr(at, 3);
    if (!net::http::percent_decode(escape, false))
      return concat("invalid URL escape ", quote(escape));
  }
  return "invalid URL escape";
}

}  // namespace

Form::Form(const net::http::Request& request) {
  const bool has_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (has_body && is_form(request.headers.get("Content-Type"))) parse(request.body, body_);
  parse(request.query, query_);
  auto parts = parse_multipart(request.headers.get("Content-Type"), request.body);
  if (parts) parts_ = *std::move(parts);
}

void Form::parse(std::string_view text, FormPairs& out) {
  if (static_cast<std::size_t>(std::ranges::count(text, '&')) >= kPairsMax) {
    if (!error_) error_ = "number of URL query parameters exceeded limit";
    return;
  }
  for (const std::string_view pair : split(text, '&')) {
    if (pair.empty()) continue;
    if (pair.find(';') != std::string_view::npos) {
      if (!error_) error_ = "invalid semicolon separator in query";
      continue;
    }
    const std::size_t equals = pair.find('=');
    auto name = net::http::percent_decode(pair.substr(0, equals), true);
    const std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    auto value = net::http::percent_decode(raw, true);
    if (name && value) {
      out.emplace_back(*std::move(name), *std::move(value));
    } else if (!error_) {
      error_ = bad_escape(pair);
    }
  }
}

std::string_view Form::get(std::string_view name) const {
  for (const FormPairs* pairs : {&body_, &query_, &parts_}) {
    for (const auto& [key, value] : *pairs) {
      if (key == name) return value;
    }
  }
  return {};
}

std::string_view Form::get_query(std::string_view name) const {
  for (const auto& [key, value] : query_) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> Form::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const FormPairs* pairs : {&body_, &query_, &parts_}) {
    for (const auto& [key, value] : *pairs) {
      if (key == name) out.push_back(value);
    }
  }
  return out;
}

}  // namespace narthex::web
