// URLs as scraping and alerting need them: absolute http and https, taken apart into what a request
// line, a Host header and a connection need. All functions are pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace narthex::net::http {

/// A URL in parts. The fragment is checked and dropped: it never leaves a client.
struct Url {
  std::string scheme;  // lower case
  std::string host;    // a name or an address, without brackets
  std::string port;    // empty: the scheme's own
  std::string path;    // escaped as written, may be empty
  std::string query;   // escaped, without '?'
  std::string user_info;

  friend bool operator==(const Url&, const Url&) = default;

  /// The port to connect to.
  std::string_view effective_port() const;
  /// The same as a number, leading zeros and all. kInvalid in Go's words from 65536 on.
  Result<std::uint16_t> port_number() const;
  /// host[:port] as the Host header wants it.
  std::string authority() const;
  /// path[?query], at least "/".
  std::string target() const;
  /// scheme://authority/path?query, without user, password and fragment: for messages.
  std::string to_string() const;
};

/// What Go's url.Parse says: kInvalid with its words. Relative and opaque ones are URLs.
Result<void> check_url(std::string_view text);

/// kInvalid, in Go's words, when `text` is not an absolute http or https URL with a host.
Result<Url> parse_url(std::string_view text);

/// A URL of parts that are not escaped, but for the query, as Go's URL.String writes it: what it
/// takes to show an address, whether or not it makes a URL.
std::string make_url_text(std::string_view scheme, std::string_view authority,
                          std::string_view path, std::string_view query = {});

/// What `reference` (absolute, or a path) means when `base` answers with it in Location.
Result<Url> resolve_reference(const Url& base, std::string_view reference);

/// Go's url.QueryEscape.
std::string query_escape(std::string_view text);
/// Go's url.Values.Encode: sorted by key.
std::string encode_query(const std::map<std::string, std::vector<std::string>>& values);
/// Escapes what may not stand in a path; '/' stays.
std::string path_escape(std::string_view text);
/// Whether nothing but the escapes of `text` needs escaping in a path.
bool is_escaped_path(std::string_view text);

}  // namespace narthex::net::http
