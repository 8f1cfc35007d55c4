// URLs as Go's net/url takes them apart and puts them together: configuration that upstream takes
// must not fail here, what is shown of a target must read the same, and a redirect must lead to the
// same place. Each function names the one of Go's it follows; the messages are its own.
//
// Kept escaped: path and query stay as written, with only those bytes escaped that Go would escape,
// because a request line carries them so.
#include "net/http/url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <limits>
#include <vector>

#include "base/hex.h"
#include "base/str.h"

namespace narthex::net::http {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

void append_escaped(std::string& out, char c) {
  out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
}

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_in(std::string_view set, char c) {
  return set.find(c) != std::string_view::npos;
}

// What Go leaves as it is in a host and in a path.
bool stands_in_host(char c) {
  return is_unreserved(c) || is_in("!$&'()*+,;=:[]<>\"", c);
}
bool stands_in_path(char c) {
  return is_unreserved(c) || is_in("$&+,/:;=@", c);
}

// What may stay unescaped where a client wrote it so.
bool stays_in_path(char c) {
  return stands_in_path(c) || is_in("%!'()*[]", c);
}

Error fault(std::string_view why) {
  return Error(Code::kInvalid, std::string(why));
}

// Resolves %XX. In a host only bytes that are not ASCII may be written so, and '%' itself; a zone
// may have any.
enum class Part : unsigned char { kHost, kZone, kOther };
Result<std::string> unescape(std::string_view text, Part part) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '%') {
      const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
      if (part != Part::kOther && is_ascii && !stands_in_host(c)) {
        return fault(concat("invalid character ", quote(text.substr(i, 1)), " in host name"));
      }
      out += c;
      continue;
    }
    const std::string_view escape = text.substr(i, 3);
    const int high = escape.size() == 3 ? hex_digit(escape[1]) : -1;
    const int low = escape.size() == 3 ? hex_digit(escape[2]) : -1;
    const bool plain_host = part == Part::kHost && high < 8 && escape != "%25";
    if (high < 0 || low < 0 || plain_host) {
      return fault(concat("invalid URL escape ", quote(escape)));
    }
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

bool is_optional_port(std::string_view text) {
  if (text.empty()) return true;
  return text.front() == ':' && text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

Error bad_port(std::string_view colon_port) {
  return fault(concat("invalid port ", quote(colon_port), " after host"));
}

// `[v6]`, `[v6]:port`; the zone behind %25 may hold anything.
Result<void> split_literal(std::string_view text, Url& out) {
  const std::size_t close = text.rfind(']');
  if (close == std::string_view::npos) return fault("missing ']' in host");
  const std::string_view port = text.substr(close + 1);
  if (!is_optional_port(port)) return bad_port(port);
  const std::string_view inside = text.substr(1, close - 1);
  const std::size_t zone = inside.find("%25");
  NX_TRY_ASSIGN(out.host, unescape(inside.substr(0, zone), Part::kHost));
  in6_addr address{};
  if (inet_pton(AF_INET6, out.host.c_str(), &address) != 1) {
    return fault(concat("invalid host: ParseAddr(", quote(out.host), "): unable to parse IP"));
  }
  if (zone != std::string_view::npos) {
    NX_TRY_ASSIGN(const std::string name, unescape(inside.substr(zone), Part::kZone));
    if (name.size() < 2) {
      return fault(concat("invalid host: ParseAddr(", quote(out.host + name),
                          "): zone must be a non-empty string"));
    }
    out.host += name;
  }
  if (!port.empty()) out.port = port.substr(1);
  return {};
}

// user@host, host, host:port, [v6], [v6]:port.
Result<void> split_authority(std::string_view text, Url& out) {
  const std::size_t at = text.rfind('@');
  std::string_view user;
  if (at != std::string_view::npos) {
    user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    NX_TRY(split_literal(text, out));
  } else {
    const std::size_t colon = text.rfind(':');
    const std::string_view port = colon == std::string_view::npos ? "" : text.substr(colon);
    if (!is_optional_port(port)) return bad_port(port);
    NX_TRY_ASSIGN(out.host, unescape(text.substr(0, colon), Part::kHost));
    if (!port.empty()) out.port = port.substr(1);
  }
  for (const char c : user) {
    if (!is_alnum(c) && !is_in("-._:~!$&'()*+,;=%@", c)) {
      return fault("net/url: invalid userinfo");
    }
  }
  NX_TRY(unescape(user, Part::kOther));
  out.user_info = user;
  return {};
}

// The scheme in front of a colon, empty when there is none; `text` becomes what follows.
Result<std::string> take_scheme(std::string_view& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':' && i == 0) return fault("missing protocol scheme");
    if (c == ':') {
      const std::string scheme = to_lower_ascii(text.substr(0, i));
      text.remove_prefix(i + 1);
      return scheme;
    }
    const bool is_later = i > 0 && ((c >= '0' && c <= '9') || is_in("+-.", c));
    const bool is_letter = is_alnum(c) && !(c >= '0' && c <= '9');
    if (!is_letter && !is_later) break;
  }
  return std::string();
}

// Is the host of this URL written in brackets?
bool has_literal(std::string_view text) {
  const std::size_t start = text.find("//") + 2;
  const std::string_view authority = text.substr(start, text.find_first_of("/?#", start) - start);
  return authority.substr(authority.rfind('@') + 1).starts_with('[');
}

// Go's url.Parse. `opaque`: a scheme, and no path behind it.
Result<void> split_url(std::string_view text, Url& out, bool& opaque) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) {
    return fault("net/url: invalid control character in URL");
  }
  const std::size_t hash = text.find('#');
  std::string_view rest = text.substr(0, hash);
  NX_TRY_ASSIGN(out.scheme, take_scheme(rest));
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) out.query = rest.substr(question + 1);
  rest = rest.substr(0, question);
  opaque = !rest.starts_with('/') && !out.scheme.empty();
  if (opaque) return {};
  if (!rest.starts_with('/') &&
      rest.substr(0, rest.find('/')).find(':') != std::string_view::npos) {
    return fault("first path segment in URL cannot contain colon");
  }
  if (rest.starts_with("//") && (!out.scheme.empty() || !rest.starts_with("///"))) {
    const std::size_t slash = rest.find('/', 2);
    NX_TRY(split_authority(rest.substr(2, slash - 2), out));
    rest = slash == std::string_view::npos ? "" : rest.substr(slash);
  }
  NX_TRY(unescape(rest, Part::kOther));
  for (const char c : rest) {
    if (stays_in_path(c))
      out.path += c;
    else
      append_escaped(out.path, c);
  }
  if (hash != std::string_view::npos) NX_TRY(unescape(text.substr(hash + 1), Part::kOther));
  return {};
}

// RFC 3986, 5.2.4, as Go's url.ResolveReference does it: "." and ".." are taken out of `path`.
std::string without_dots(std::string_view path) {
  if (path.empty()) return {};
  std::vector<std::string_view> kept;
  bool ends_in_dots = false;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t slash = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, slash - start);
    ends_in_dots = part == "." || part == "..";
    if (part == ".." && !kept.empty()) kept.pop_back();
    const bool leads = start == 0 && part.empty();  // the slash in front
    if (!ends_in_dots && !leads) kept.push_back(part);
    start = slash + 1;
  }
  std::string out;
  for (const std::string_view part : kept) out += concat("/", part);
  return ends_in_dots || out.empty() ? out + "/" : out;
}

}  // namespace

std::string_view Url::effective_port() const {
  if (!port.empty()) return port;
  return scheme == "https" ? "443" : "80";
}

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  const std::string name = v6 ? concat("[", host, "]") : host;
  return port.empty() ? name : concat(name, ":", port);
}

std::string Url::target() const {
  return concat(path.empty() ? "/" : path, query.empty() ? "" : "?", query);
}

std::string Url::to_string() const {
  return concat(scheme, "://", authority(), path, query.empty() ? "" : "?", query);
}

Result<std::uint16_t> Url::port_number() const {
  const std::string_view digits = effective_port();
  std::uint32_t number = 0;
  for (const char c : digits) {
    number = std::min(number * 10 + static_cast<std::uint32_t>(c - '0'), std::uint32_t{1'000'000});
  }
  if (number <= std::numeric_limits<std::uint16_t>::max())
    return static_cast<std::uint16_t>(number);
  return Error(Code::kInvalid, concat("dial tcp: address ", digits, ": invalid port"));
}

Result<void> check_url(std::string_view text) {
  Url url;
  bool opaque = false;
  Result<void> parsed = split_url(text, url, opaque);
  if (!parsed) return std::move(parsed).error().with(concat("parse ", quote(text)));
  return {};
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  bool opaque = false;
  Result<void> parsed = split_url(text, url, opaque);
  if (!parsed) return std::move(parsed).error().with(concat("parse ", quote(text)));
  const auto refuse = [&](std::string_view why) {
    return Error(Code::kInvalid, concat("Get ", quote(text), ": ", why));
  };
  if (url.scheme != "http" && url.scheme != "https") {
    return refuse(concat("unsupported protocol scheme ", quote(url.scheme)));
  }
  if (opaque || url.host.empty()) return refuse("http: no Host in request URL");
  if (is_in(url.host, ':') && !has_literal(text)) {
    return refuse(
        concat("dial tcp: address ", url.host, ":", url.port, ": too many colons in address"));
  }
  if (is_in(url.query, ' ')) return refuse("invalid character in query");
  return url;
}

std::string make_url_text(std::string_view scheme, std::string_view authority,
                          std::string_view path, std::string_view query) {
  std::string out;
  if (!scheme.empty()) out = concat(scheme, ":");
  if (!authority.empty() || (!scheme.empty() && !path.empty())) out += "//";
  for (const char c : authority) {
    if (stands_in_host(c))
      out += c;
    else
      append_escaped(out, c);
  }
  if (!path.empty() && path.front() != '/' && !authority.empty()) out += '/';
  out += path == "*" ? std::string(path) : path_escape(path);
  return query.empty() ? out : concat(out, "?", query);
}

Result<Url> resolve_reference(const Url& base, std::string_view reference) {
  Url ref;
  bool opaque = false;
  NX_TRY(split_url(reference, ref, opaque));
  if (!ref.scheme.empty() || reference.starts_with("//")) {
    const bool has_scheme = !ref.scheme.empty();
    NX_TRY_ASSIGN(Url url, has_scheme ? parse_url(reference)
                                      : parse_url(concat(base.scheme, ":", reference)));
    url.path = without_dots(url.path);
    return url;
  }
  Url url = base;
  if (!ref.path.empty() || reference.starts_with('?')) url.query = ref.query;
  if (ref.path.starts_with('/')) {
    url.path = without_dots(ref.path);
  } else {
    // An empty reference keeps the path whole; any other replaces what is behind the last slash.
    const std::size_t end = ref.path.empty() ? base.path.size() : base.path.rfind('/') + 1;
    url.path = without_dots(concat(base.path.substr(0, end), ref.path));
  }
  return url;
}

std::string query_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c))
      out += c;
    else if (c == ' ')
      out += '+';
    else
      append_escaped(out, c);
  }
  return out;
}

std::string encode_query(const std::map<std::string, std::vector<std::string>>& values) {
  std::string out;
  for (const auto& [key, list] : values) {
    for (const std::string& value : list) {
      if (!out.empty()) out += '&';
      out += concat(query_escape(key), "=", query_escape(value));
    }
  }
  return out;
}

std::string path_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (stands_in_path(c))
      out += c;
    else
      append_escaped(out, c);
  }
  return out;
}

bool is_escaped_path(std::string_view text) {
  return std::ranges::all_of(text, stays_in_path);
}

}  // namespace narthex::net::http
