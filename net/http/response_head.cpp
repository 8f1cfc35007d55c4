// The head of a response. The names in comments are Go's.
//
// The problem: a target is whatever somebody wrote with a socket and a loop, and upstream scrapes
// it because Go's client is lenient in a hundred small ways. A reader by the book refuses targets
// that work with upstream; a lenient one with other leniencies takes what upstream refuses, or,
// worse, sees another body. So this follows Go's own code, function by function, and its messages.
//
// The way of a head: bytes come as they arrive, and only whole lines are taken off them. The first
// is the status line. A field is complete only when the next line does not continue it (folded
// lines begin with a blank and are joined by one), so the field in the making is kept in field_ and
// taken one line later. The empty line ends the head: where the body ends is worked out then,
// because Go refuses contradictions at that point, with the head's own errors. An interim answer
// (1xx but 101) is forgotten and the next head begins.
//
// Every line is judged when it is there, so a peer that speaks something else, or sends without
// end, is found out at the first line or at the limit, not after 10 MiB.
//
// Invariants: taken_ counts this head's bytes and an allowance for each field; scanned_ bytes of
// what is left hold no line end, so each byte is looked at once, however small the pieces are.
#include "net/http/response_head.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/str.h"

namespace narthex::net::http {
namespace {

constexpr std::size_t kFieldBytes = 32;  // what a field costs besides its text

Error corrupt(std::string message) {
  return Error(Code::kCorrupt, std::move(message));
}

Error malformed(std::string_view what, std::string_view text) {
  return corrupt(concat(what, " ", quote(text)));
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// validHeaderFieldByte, and the space that canonicalMIMEHeaderKey lets pass.
bool is_name_char(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c)) return true;
  return std::string_view("!#$%&'*+-.^_`|~ ").find(c) != std::string_view::npos;
}

// validHeaderValueByte.
bool is_value_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

template <typename Predicate>
bool all_of(std::string_view text, Predicate predicate) {
  for (const char c : text) {
    if (!predicate(c)) return false;
  }
  return true;
}

// strconv.Atoi of three characters; -1 when it is no status.
int parse_status(std::string_view text) {
  if (text.size() != 3) return -1;
  if (text.front() == '+') text.remove_prefix(1);
  int value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

// ParseHTTPVersion.
bool parse_version(std::string_view text, int& major, int& minor) {
  constexpr std::string_view kPrefix = "HTTP/";
  if (text.size() != kPrefix.size() + 3 || !text.starts_with(kPrefix)) return false;
  if (!is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) return false;
  major = text[5] - '0';
  minor = text[7] - '0';
  return true;
}

// How Go prints a list of strings with %q.
std::string quote_list(const std::vector<std::string_view>& values) {
  std::string out = "[";
  for (const std::string_view value : values) {
    if (out.size() > 1) out += ' ';
    out += quote(value);
  }
  return out + "]";
}

bool allows_body(int status) {
  return status / 100 != 1 && status != 204 && status != 304;
}

}  // namespace

Result<std::size_t> ResponseHeadReader::read(std::string_view bytes) {
  const Error too_large(Code::kLimit, concat("net/http: server response headers exceeded ",
                                             kResponseHeadBytesMax, " bytes; aborted"));
  std::size_t start = 0;
  while (!done_) {
    const std::size_t end = bytes.find('\n', start + std::exchange(scanned_, 0));
    if (end == std::string_view::npos) {
      scanned_ = bytes.size() - start;
      break;
    }
    std::string_view line = bytes.substr(start, end - start);
    taken_ += line.size() + 1 + kFieldBytes;
    if (taken_ > kResponseHeadBytesMax) return std::unexpected(too_large);
    if (line.ends_with('\r')) line.remove_suffix(1);
    NX_TRY(take_line(line));
    start = end + 1;
  }
  // Also a line that never ends is bounded.
  if (!done_ && taken_ + (bytes.size() - start) > kResponseHeadBytesMax) {
    return std::unexpected(too_large);
  }
  return start;
}

Result<void> ResponseHeadReader::take_line(std::string_view line) {
  if (!has_status_) return take_status_line(line);
  if (!line.empty() && is_blank(line.front())) {
    if (!has_line_) return malformed("malformed MIME header initial line:", line.substr(0, 80));
    field_ += ' ';
    field_ += trim_blanks(line);
    return {};
  }
  if (has_line_) NX_TRY(take_field());
  has_line_ = !line.empty();
  if (line.empty()) return end_head();
  if (line.find(':') == std::string_view::npos) {
    return malformed("malformed MIME header: missing colon:", line);
  }
  field_ = trim_blanks(line);
  return {};
}

Result<void> ResponseHeadReader::take_status_line(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return malformed("malformed HTTP response", line);
  std::string_view rest = line.substr(blank);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const std::string_view code = rest.substr(0, rest.find(' '));
  head_.status = parse_status(code);
  if (head_.status < 0) return malformed("malformed HTTP status code", code);
  if (!parse_version(line.substr(0, blank), major_, minor_)) {
    return malformed("malformed HTTP version", line.substr(0, blank));
  }
  rest.remove_prefix(std::min(rest.size(), code.size() + 1));
  head_.reason = rest;
  has_status_ = true;
  return {};
}

Result<void> ResponseHeadReader::take_field() {
  const std::size_t colon = field_.find(':');
  const std::string_view name = std::string_view(field_).substr(0, colon);
  std::string_view value = std::string_view(field_).substr(colon + 1);
  if (name.empty() || !all_of(name, is_name_char) || !all_of(value, is_value_char)) {
    return malformed("malformed MIME header line:", field_);
  }
  while (!value.empty() && is_blank(value.front())) value.remove_prefix(1);
  head_.headers.add(std::string(name), std::string(value));
  return {};
}

Result<void> ResponseHeadReader::end_head() {
  NX_TRY(find_body_end());
  const bool is_interim = head_.status / 100 == 1 && head_.status != 101;
  if (!is_interim) {
    done_ = true;
    return {};
  }
  if (++interim_ > kInterimMax) {
    return Error(Code::kLimit, "net/http: too many 1xx informational responses");
  }
  head_ = {};
  has_status_ = false;
  taken_ = 0;
  return {};
}

// readTransfer.
Result<void> ResponseHeadReader::find_body_end() {
  const bool is_closing = head_.headers.has_token("Connection", "close");
  const bool is_keeping = head_.headers.has_token("Connection", "keep-alive");
  head_.keep_alive = !is_closing && major_ >= 1 && (major_ > 1 || minor_ > 0 || is_keeping);
  NX_TRY_ASSIGN(const bool chunked, is_chunked());
  NX_TRY_ASSIGN(const bool has_length, find_length());
  const bool may_have_body = !to_head_ && allows_body(head_.status);
  if (!may_have_body) {
    head_.body_end = BodyEnd::kNone;
  } else if (chunked) {
    head_.body_end = BodyEnd::kChunked;
  } else {
    head_.body_end = has_length ? BodyEnd::kLength : BodyEnd::kClose;
  }
  // Where only the connection's end ends the body there is no next request; nor behind 101, which
  // is no HTTP any more.
  if (head_.body_end == BodyEnd::kClose || head_.status <= 199) head_.keep_alive = false;
  return {};
}

// parseTransferEncoding.
Result<bool> ResponseHeadReader::is_chunked() const {
  const std::vector<std::string_view> encodings = head_.headers.get_all("Transfer-Encoding");
  const bool is_older = major_ < 1 || (major_ == 1 && minor_ == 0);
  if (encodings.empty() || is_older) return false;
  if (encodings.size() > 1) {
    return corrupt(concat("too many transfer encodings: ", quote_list(encodings)));
  }
  if (!equals_ignore_case(encodings[0], "chunked")) {
    return malformed("unsupported transfer encoding:", encodings[0]);
  }
  return true;
}

// The first half of fixLength, and parseContentLength.
Result<bool> ResponseHeadReader::find_length() {
  const std::vector<std::string_view> lengths = head_.headers.get_all("Content-Length");
  if (lengths.empty()) return false;
  const std::string_view first = trim(lengths[0]);
  for (const std::string_view other : lengths) {
    if (trim(other) == first) continue;
    return corrupt(concat("http: message cannot contain multiple Content-Length headers; got ",
                          quote_list(lengths)));
  }
  if (first.empty()) return malformed("invalid empty Content-Length", first);
  constexpr std::uint64_t kMax = std::uint64_t{1} << 63;
  std::uint64_t value = 0;
  for (const char c : first) {
    const bool fits = is_digit(c) && value < kMax / 10 + 1;
    if (fits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (!fits || value >= kMax) return malformed("bad Content-Length", first);
  }
  head_.length = value;
  return true;
}

}  // namespace narthex::net::http
