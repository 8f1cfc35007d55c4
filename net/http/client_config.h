// How to talk to a peer: credentials, extra headers, redirects. The fields that scrape, alerting
// and remote write share, in upstream's names and with its checks. TLS, proxies, OAuth 2 and
// secrets from files come later.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/yaml_fields.h"

namespace narthex::net::http {

struct BasicAuth {
  std::string username;
  Secret password;
  friend bool operator==(const BasicAuth&, const BasicAuth&) = default;
};

struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  friend bool operator==(const Authorization&, const Authorization&) = default;
};

struct ExtraHeader {
  std::vector<std::string> values;
  std::vector<Secret> secrets;
  friend bool operator==(const ExtraHeader&, const ExtraHeader&) = default;
};

struct ClientConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;
  bool follow_redirects = true;
  bool enable_http2 = true;  // accepted; we speak HTTP/1.1
  std::map<std::string, ExtraHeader> headers;

  friend bool operator==(const ClientConfig&, const ClientConfig&) = default;

  /// The value of the Authorization header, empty when none is configured.
  Secret authorization_header() const;
};

/// They stand inline in the mapping of whoever has a client.
yaml::Fields<ClientConfig> client_fields();

std::string base64_encode(std::string_view bytes);

}  // namespace narthex::net::http
