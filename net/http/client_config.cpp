// Decoding and printing of the HTTP client fields.
#include "net/http/client_config.h"

#include <algorithm>
#include <array>

#include <openssl/evp.h>

#include "base/str.h"

namespace narthex::net::http {
namespace {

using yaml::MapReader;
using yaml::Node;

constexpr std::array<std::string_view, 18> kReservedHeaders = {
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256"};

// X-Some-Header, as Go prints header names.
std::string canonical_header(std::string_view name) {
  std::string out = to_lower_ascii(name);
  bool start = true;
  for (char& c : out) {
    if (start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    start = c == '-';
  }
  return out;
}

Result<void> decode_basic_auth(const Node& node, std::optional<BasicAuth>& out) {
  if (node.is_null()) return {};
  MapReader map(node, "config.BasicAuth");
  BasicAuth auth;
  map.read("username", auth.username).read("password", auth.password);
  map.not_implemented("username_file").not_implemented("username_ref");
  map.not_implemented("password_file").not_implemented("password_ref");
  NX_TRY(map.finish());
  out = std::move(auth);
  return {};
}

Result<void> decode_authorization(const Node& node, std::optional<Authorization>& out) {
  if (node.is_null()) return {};
  MapReader map(node, "config.Authorization");
  Authorization auth;
  map.read("type", auth.type).read("credentials", auth.credentials);
  map.not_implemented("credentials_file").not_implemented("credentials_ref");
  auth.type = trim(auth.type);
  if (auth.type.empty()) auth.type = "Bearer";
  if (equals_ignore_case(auth.type, "basic")) {
    map.fail(map.place("type"),
             "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
  }
  NX_TRY(map.finish());
  out = std::move(auth);
  return {};
}

Result<void> decode_headers(const Node& node, std::map<std::string, ExtraHeader>& out) {
  NX_TRY_ASSIGN(const auto pairs, node.as_map());
  for (const auto& [name, value] : pairs) {
    const std::string lower = to_lower_ascii(name);
    if (std::find(kReservedHeaders.begin(), kReservedHeaders.end(), lower) !=
        kReservedHeaders.end()) {
      return value.error_at_key(
          concat("setting header ", quote(canonical_header(name)), " is not allowed"));
    }
    MapReader map(value, "config.Header");
    ExtraHeader header;
    std::vector<std::string> secrets;
    map.read("values", header.values).read("secrets", secrets).not_implemented("files");
    NX_TRY(map.finish());
    for (std::string& secret : secrets) header.secrets.emplace_back(std::move(secret));
    out[name] = std::move(header);
  }
  return {};
}

// The old spelling of authorization.
void decode_bearer_token(MapReader& map, ClientConfig& out) {
  Secret token;
  map.read("bearer_token", token).not_implemented("bearer_token_file");
  if (token.empty()) return;
  const Node place = map.place("bearer_token");
  if (out.basic_auth) {
    map.fail(
        place,
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (out.authorization) {
    map.fail(place, "authorization is not compatible with bearer_token & bearer_token_file");
  }
  out.authorization = Authorization{.credentials = std::move(token)};
}

}  // namespace

Secret ClientConfig::authorization_header() const {
  if (basic_auth) {
    return Secret("Basic " +
                  base64_encode(basic_auth->username + ":" + basic_auth->password.reveal()));
  }
  if (authorization && !authorization->credentials.empty()) {
    return Secret(authorization->type + " " + authorization->credentials.reveal());
  }
  return Secret();
}

void decode_client_config(MapReader& map, ClientConfig& out) {
  map.with("basic_auth", [&](const Node& n) { return decode_basic_auth(n, out.basic_auth); });
  map.with("authorization",
           [&](const Node& n) { return decode_authorization(n, out.authorization); });
  if (out.basic_auth && out.authorization) {
    map.fail(map.place("authorization"),
             "at most one of basic_auth, oauth2 & authorization must be configured");
  }
  decode_bearer_token(map, out);
  map.read("follow_redirects", out.follow_redirects).read("enable_http2", out.enable_http2);
  map.with("http_headers", [&](const Node& n) { return decode_headers(n, out.headers); });
  for (const std::string_view key : {"oauth2", "tls_config", "proxy_url", "no_proxy",
                                     "proxy_from_environment", "proxy_connect_header"}) {
    map.not_implemented(key);
  }
}

void emit(yaml::Writer& out, const ClientConfig& config) {
  if (config.basic_auth) {
    out.open_map("basic_auth");
    if (!config.basic_auth->username.empty()) out.field("username", config.basic_auth->username);
    out.field("password", config.basic_auth->password).close();
  }
  if (config.authorization) {
    out.open_map("authorization").field("type", config.authorization->type);
    out.field("credentials", config.authorization->credentials).close();
  }
  out.field("follow_redirects", config.follow_redirects);
  out.field("enable_http2", config.enable_http2);
  if (config.headers.empty()) return;
  out.open_map("http_headers");
  for (const auto& [name, header] : config.headers) {
    out.open_map(name).field("values", header.values);
    const std::vector<std::string> hidden(header.secrets.size(), std::string(kSecretText));
    out.field("secrets", hidden).close();
  }
  out.close();
}

std::string base64_encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  std::vector<unsigned char> in(bytes.begin(), bytes.end());
  std::vector<unsigned char> encoded(out.size());
  const int length = EVP_EncodeBlock(encoded.data(), in.data(), static_cast<int>(in.size()));
  out.assign(encoded.begin(), encoded.begin() + length);
  return out;
}

}  // namespace narthex::net::http
