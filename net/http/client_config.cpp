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
using yaml::Shown;

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

yaml::Fields<BasicAuth> basic_auth_fields() {
  yaml::Fields<BasicAuth> fields;
  fields.add("username", &BasicAuth::username, Shown::kUnlessZero).add_absent("username_file");
  fields.add_absent("username_ref").add("password", &BasicAuth::password);
  fields.add_absent("password_file").add_absent("password_ref");
  return fields;
}

yaml::Fields<Authorization> authorization_fields() {
  yaml::Fields<Authorization> fields;
  fields.add("type", &Authorization::type).add("credentials", &Authorization::credentials);
  fields.add_absent("credentials_file").add_absent("credentials_ref");
  fields.add_check([](MapReader& map, Authorization& auth) {
    auth.type = trim(auth.type);
    if (auth.type.empty()) auth.type = "Bearer";
    if (equals_ignore_case(auth.type, "basic")) {
      map.fail(map.place("type"),
               "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    }
  });
  return fields;
}

void read_secrets(MapReader& map, ExtraHeader& out) {
  std::vector<std::string> secrets;
  map.read("secrets", secrets);
  for (std::string& secret : secrets) out.secrets.emplace_back(std::move(secret));
}

yaml::Fields<ExtraHeader> header_fields() {
  yaml::Fields<ExtraHeader> fields;
  fields.add("values", &ExtraHeader::values);
  fields.add(read_secrets, [](yaml::Writer& out, const ExtraHeader& header) {
    out.field("secrets", std::vector<std::string>(header.secrets.size(), std::string(kSecretText)));
  });
  fields.add_absent("files");
  return fields;
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
    ExtraHeader header;
    NX_TRY(header_fields().decode(value, "config.Header", header));
    out[name] = std::move(header);
  }
  return {};
}

void print_headers(yaml::Writer& out, const ClientConfig& config) {
  if (config.headers.empty()) return;
  out.open_map("http_headers");
  for (const auto& [name, header] : config.headers) {
    out.open_map(name);
    header_fields().print(out, header);
    out.close();
  }
  out.close();
}

// The old spelling of authorization, which is how it is printed.
void read_bearer_token(MapReader& map, ClientConfig& out) {
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

void check_credentials(MapReader& map, const ClientConfig& config) {
  if (config.basic_auth && config.authorization) {
    map.fail(map.place("authorization"),
             "at most one of basic_auth, oauth2 & authorization must be configured");
  }
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

yaml::Fields<ClientConfig> client_fields() {
  yaml::Fields<ClientConfig> fields;
  fields.add_map("basic_auth", &ClientConfig::basic_auth, "config.BasicAuth", basic_auth_fields());
  fields.add_map("authorization", &ClientConfig::authorization, "config.Authorization",
                 authorization_fields());
  fields.add_check(check_credentials).add_check(read_bearer_token);
  fields.add("follow_redirects", &ClientConfig::follow_redirects);
  fields.add("enable_http2", &ClientConfig::enable_http2);
  fields.add(
      [](MapReader& map, ClientConfig& out) {
        map.with("http_headers", [&](const Node& n) { return decode_headers(n, out.headers); });
      },
      print_headers);
  for (const std::string_view key : {"oauth2", "tls_config", "proxy_url", "no_proxy",
                                     "proxy_from_environment", "proxy_connect_header"}) {
    fields.add_absent(key);
  }
  return fields;
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
