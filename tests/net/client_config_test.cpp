// The fields that say how to talk to a peer: what they mean, what is refused, and that no secret is
// printed.
#include "net/http/client_config.h"

#include <gtest/gtest.h>

#include "base/str.h"

namespace narthex::net::http {
namespace {

Result<ClientConfig> decode(std::string_view text) {
  NX_TRY_ASSIGN(const yaml::Node node, yaml::parse(std::string(text), "c.yml"));
  yaml::MapReader map(node, "client");
  ClientConfig config;
  client_fields().read(map, config);
  NX_TRY(map.finish());
  return config;
}

std::string header_of(std::string_view text) {
  const auto config = decode(text);
  EXPECT_TRUE(config) << (config ? "" : config.error().message());
  return config ? std::string(config->authorization_header().reveal()) : "";
}

TEST(ClientConfig, MakesTheAuthorizationHeader) {
  EXPECT_EQ(header_of("{}"), "");
  EXPECT_EQ(header_of("basic_auth: {username: Aladdin, password: 'open sesame'}"),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617, section 2
  EXPECT_EQ(header_of("authorization: {credentials: x}"), "Bearer x");
  EXPECT_EQ(header_of("authorization: {type: ' Token ', credentials: x}"), "Token x");
  EXPECT_EQ(header_of("authorization: {type: Token}"), "");
  EXPECT_EQ(header_of("bearer_token: old"), "Bearer old");
}

TEST(ClientConfig, RefusesWhatContradictsItself) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"basic_auth: {username: u}\nauthorization: {credentials: x}\n",
       "at most one of basic_auth, oauth2 & authorization must be configured"},
      {"basic_auth: {username: u}\nbearer_token: x\n",
       "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"},
      {"authorization: {credentials: x}\nbearer_token: x\n",
       "authorization is not compatible with bearer_token & bearer_token_file"},
      {"authorization: {type: BASIC}\n",
       "authorization type cannot be set to \"basic\", use \"basic_auth\" instead"},
      {"http_headers: {user-AGENT: {values: [a]}}\n",
       "setting header \"User-Agent\" is not allowed"},
      {"basic_auth: {password_file: p}\n", "not implemented yet: password_file"},
      {"proxy_url: http://p\n", "not implemented yet: proxy_url"},
      {"basic_auth: {user: u}\n", "field user not found in type config.BasicAuth"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto config = decode(c.text);
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().message().find(c.error), std::string::npos)
        << config.error().message();
  }
}

TEST(ClientConfig, HasUpstreamsDefaults) {
  const ClientConfig config = *decode("{}");

  EXPECT_TRUE(config.follow_redirects);
  EXPECT_TRUE(config.enable_http2);
  EXPECT_TRUE(config.headers.empty());
}

TEST(ClientConfig, PrintsNoSecret) {
  const ClientConfig config = *decode(
      "basic_auth: {username: u, password: hush1}\nfollow_redirects: false\n"
      "http_headers: {X-Key: {values: [shown], secrets: [hush2]}}\n");
  yaml::Writer out;
  client_fields().print(out, config);
  const std::string text = std::move(out).text();

  EXPECT_EQ(text.find("hush"), std::string::npos);
  EXPECT_NE(text.find("username: u"), std::string::npos);
  EXPECT_NE(text.find("follow_redirects: false"), std::string::npos);
  EXPECT_NE(text.find("shown"), std::string::npos);
}

TEST(ClientConfig, EncodesBase64) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : cases) EXPECT_EQ(base64_encode(plain), encoded);
}

}  // namespace
}  // namespace narthex::net::http
