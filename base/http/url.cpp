// URLs.
#include "base/http/url.h"

#include "base/str.h"

namespace narthex::http {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

void append_escaped(std::string& out, char c) {
  out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// host, host:port, [v6], [v6]:port.
Result<void> split_authority(std::string_view text, Url& out) {
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    out.user_info = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return Error(Code::kInvalid, "missing ']' in host");
    out.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':')
      return Error(Code::kInvalid, "invalid port after host");
    if (!rest.empty()) port = rest.substr(1);
  } else {
    const std::size_t colon = text.rfind(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (out.host.find(':') != std::string::npos)
      return Error(Code::kInvalid, "invalid port after host");
  }
  if (!is_port(port))
    return Error(Code::kInvalid, concat("invalid port ", quote(port), " after host"));
  out.port = port;
  for (const char c : out.host) {
    const bool bad = static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '<' ||
                     c == '>' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '}';
    if (bad) return Error(Code::kInvalid, "invalid character in host name");
  }
  return {};
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

Result<Url> parse_url(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return Error(Code::kInvalid, concat("parse ", quote(text), ": ", why));
  };
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return invalid("invalid control character in URL");
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return invalid("not an absolute URL");
  Url url;
  url.scheme = to_lower_ascii(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = rest.find_first_of("/?");
  if (Result<void> split_ok = split_authority(rest.substr(0, slash), url); !split_ok) {
    return invalid(split_ok.error().message());
  }
  if (url.host.empty()) return invalid("no host in URL");
  if (slash != std::string_view::npos) {
    rest.remove_prefix(slash);
    const std::size_t question = rest.find('?');
    for (const char c : rest.substr(0, question)) {
      if (c == ' ' || static_cast<unsigned char>(c) >= 0x80)
        append_escaped(url.path, c);
      else
        url.path += c;
    }
    if (question != std::string_view::npos) url.query = rest.substr(question + 1);
    if (url.query.find(' ') != std::string::npos) return invalid("invalid character in query");
  }
  return url;
}

Result<Url> resolve_reference(const Url& base, std::string_view reference) {
  if (reference.find("://") != std::string_view::npos) return parse_url(reference);
  if (reference.starts_with("//")) return parse_url(concat(base.scheme, ":", reference));
  std::string path;
  if (reference.starts_with('/')) {
    path = reference;
  } else if (reference.starts_with('?')) {
    path = concat(base.path, reference);
  } else {
    path = concat(base.path.substr(0, base.path.rfind('/') + 1), reference);
    if (!path.starts_with('/')) path.insert(0, "/");
  }
  return parse_url(concat(base.scheme, "://", base.authority(), path));
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
    const bool plain =
        is_unreserved(c) || std::string_view("/$&+,:;=@%!'()*").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      append_escaped(out, c);
  }
  return out;
}

}  // namespace narthex::http
