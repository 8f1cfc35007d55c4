// Checks on a request's head, in two steps. scan_head() looks for its end while it arrives, only
// ever at new bytes, and refuses what no head can be before the rest is read. find_head_fault()
// walks the whole head once, line by line, gathers what decides on the body's length and judges it
// at the end. RequestHead::parse() then needs no checks: it relies on every one of them.
//
// Stricter than Go in one respect: a bare LF ends no line here.
#include "net/http/framing.h"

#include <charconv>
#include <vector>

#include "base/hex.h"
#include "base/str.h"
#include "net/http/url.h"

namespace narthex::net::http {
namespace {

HttpFault bad(std::string_view text) {
  return {400, std::string(text)};
}

// What find_head_fault() gathers while it walks the fields.
struct FramingFields {
  std::size_t count = 0;
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::string_view length;
  std::string_view encoding;
};

bool is_token_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_token_char(c)) return false;
  }
  return true;
}

bool is_all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<HttpFault> find_request_line_fault(std::string_view line) {
  const auto parts = split(line, ' ');
  if (parts.size() != 3 || !is_token(parts[0]) || parts[1].empty()) {
    return bad("malformed request line");
  }
  if (parts[2] != "HTTP/1.1" && parts[2] != "HTTP/1.0") {
    if (parts[2].starts_with("HTTP/")) return HttpFault{505, "HTTP version not supported"};
    return bad("malformed request line");
  }
  return std::nullopt;
}

std::optional<HttpFault> read_field(std::string_view line, FramingFields& fields) {
  if (line.front() == ' ' || line.front() == '\t') return bad("folded header line");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bad("header line without a colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return bad("malformed header name");
  if (++fields.count > kHeaderFieldsMax) return HttpFault{431, "too many header fields"};
  const std::string_view value = trim(line.substr(colon + 1));
  if (equals_ignore_case(name, "host")) ++fields.hosts;
  if (equals_ignore_case(name, "content-length")) {
    ++fields.lengths;
    fields.length = value;
  }
  if (equals_ignore_case(name, "transfer-encoding")) {
    ++fields.encodings;
    fields.encoding = value;
  }
  return std::nullopt;
}

std::optional<HttpFault> judge(const FramingFields& fields, bool is_http_1_0) {
  if (fields.hosts > 1) return bad("more than one Host header");
  if (fields.hosts == 0 && !is_http_1_0) return bad("missing required Host header");
  // Two lengths, equal ones too, or a length beside an encoding: the oldest way to smuggle a
  // request past a proxy that picks the other one.
  if (fields.lengths + fields.encodings > 1) return bad("ambiguous message length");
  if (fields.lengths == 1) {
    const bool is_length = !fields.length.empty() && fields.length.size() <= 19;
    if (!is_length || !is_all_digits(fields.length)) return bad("malformed Content-Length");
  }
  if (fields.encodings == 1) {
    if (is_http_1_0) return bad("Transfer-Encoding in HTTP/1.0");
    if (!equals_ignore_case(fields.encoding, "chunked")) {
      return HttpFault{501, "unsupported transfer encoding"};
    }
  }
  return std::nullopt;
}

}  // namespace

Response fault_response(const HttpFault& fault) {
  Response response{.status = fault.status, .headers = {}, .body = fault.text + "\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

HeadScan scan_head(std::string_view bytes, std::size_t& scanned) {
  for (std::size_t i = bytes.find('\n', scanned); i != std::string_view::npos;
       i = bytes.find('\n', i + 1)) {
    scanned = i + 1;
    if (i == 0 || bytes[i - 1] != '\r') return {.fault = bad("bare line feed in header")};
    if (i < 2 || bytes[i - 2] == '\n') {
      if (i < 2) return {.fault = bad("malformed request line")};
      return {.size = i + 1, .fault = {}};
    }
  }
  scanned = bytes.size();
  if (bytes.size() > kHeaderBytesMax) return {.fault = HttpFault{431, "header too large"}};
  const bool in_first_line = bytes.find('\n') == std::string_view::npos;
  if (in_first_line && bytes.size() > kRequestLineBytesMax) {
    return {.fault = HttpFault{414, "request line too long"}};
  }
  return {};
}

std::optional<HttpFault> find_head_fault(std::string_view head) {
  if (head.size() > kHeaderBytesMax) return HttpFault{431, "header too large"};
  if (head.find('\0') != std::string_view::npos) return bad("NUL in header");
  FramingFields fields;
  bool is_first = true;
  bool is_http_1_0 = false;
  while (!head.empty() && head != "\r\n") {
    const std::size_t end = head.find('\n');
    if (end == std::string_view::npos || end == 0 || head[end - 1] != '\r') {
      return bad("bare line feed in header");
    }
    const std::string_view line = head.substr(0, end - 1);
    head.remove_prefix(end + 1);
    if (line.find('\r') != std::string_view::npos) return bad("bare carriage return in header");
    if (is_first && line.size() > kRequestLineBytesMax) {
      return HttpFault{414, "request line too long"};
    }
    if (line.empty()) return bad("malformed header");
    auto fault = is_first ? find_request_line_fault(line) : read_field(line, fields);
    if (fault) return fault;
    if (is_first) is_http_1_0 = line.ends_with("HTTP/1.0");
    is_first = false;
  }
  if (is_first) return bad("malformed request line");
  return judge(fields, is_http_1_0);
}

RequestHead RequestHead::parse(std::string_view head) {
  RequestHead out;
  const auto take_line = [&head] {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    return line;
  };
  const auto parts = split(take_line(), ' ');
  out.method = parts[0];
  out.target = parts[1];
  out.version = parts[2] == "HTTP/1.0" ? 10 : 11;
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    const std::size_t colon = line.find(':');
    out.headers.add(std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  }
  const std::string_view length = out.headers.get("Content-Length");
  std::from_chars(length.data(), length.data() + length.size(), out.length);
  out.is_chunked = out.headers.contains("Transfer-Encoding");
  const bool is_closing = out.headers.has_token("Connection", "close");
  out.keep_alive =
      !is_closing && (out.version == 11 || out.headers.has_token("Connection", "keep-alive"));
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::optional<Target> parse_target(std::string_view target) {
  if (target == "*") return Target{.path = "*", .escaped_path = {}, .query = {}};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t slash = target.find_first_of("/?");
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    break;
  }
  const std::size_t mark = target.find('?');
  std::string_view path = target.substr(0, mark);
  if (path.empty() && mark != std::string_view::npos) path = "/";
  if (path.empty() || path.front() != '/') return std::nullopt;
  auto decoded = percent_decode(path, false);
  if (!decoded || decoded->find('\0') != std::string::npos) return std::nullopt;
  Target out{.path = *std::move(decoded), .escaped_path = {}, .query = {}};
  if (is_escaped_path(path)) out.escaped_path = path;
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  return out;
}

}  // namespace narthex::net::http
