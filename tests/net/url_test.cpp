// URLs: parts, printing, references, escaping.
#include "net/http/url.h"

#include <gtest/gtest.h>

namespace narthex::net::http {
namespace {

TEST(Url, SplitsAndPrints) {
  const auto url = parse_url("HTTP://user:pw@[::1]:9100/a b?x=1#frag");

  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->effective_port(), "9100");
  EXPECT_EQ(url->user_info, "user:pw");
  EXPECT_EQ(url->target(), "/a%20b?x=1");
  EXPECT_EQ(url->to_string(), "http://[::1]:9100/a%20b?x=1");
  EXPECT_EQ(parse_url("https://h")->effective_port(), "443");
  EXPECT_EQ(parse_url("http://h?x")->target(), "/?x");
}

TEST(Url, RefusesWhatIsNoUrl) {
  for (const char* text : {"", "h:1", "http://", "http://[::1", "http://h:port", "http://a:1:2/",
                           "http://h\n/", "://h", "http://h x/"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_url(text));
  }
}

// Texts and verdicts are those of Go's url.Parse.
TEST(Url, ChecksAsGo) {
  struct Row {
    std::string_view text;
    std::string_view fault;  // empty: a URL
  };
  const Row rows[] = {{"", ""},
                      {"x", ""},
                      {"/x", ""},
                      {"*", ""},
                      {"http:x", ""},
                      {"mailto:a@b", ""},
                      {"http://", ""},
                      {"http:///p", ""},
                      {"http://u:p@h/", ""},
                      {"http://h:80:80/", ""},
                      {"http://a:99999/", ""},
                      {"http://\xc3\xa9/\xc3\xa9?\xc3\xa9", ""},
                      {"http://x/ y", ""},
                      {"http://x?%zz", ""},
                      {"http://h/#a b", ""},
                      {"http://[fe80::1%25eth0]:80/", ""},
                      {"http://a%25b/", ""},
                      {"://x", "missing protocol scheme"},
                      {"1x:y", "first path segment in URL cannot contain colon"},
                      {"ht!tp://x", "first path segment in URL cannot contain colon"},
                      {"  http://h", "first path segment in URL cannot contain colon"},
                      {"http://x/%zz", "invalid URL escape \"%zz\""},
                      {"http://x/%", "invalid URL escape \"%\""},
                      {"%zz", "invalid URL escape \"%zz\""},
                      {"http://h/#%zz", "invalid URL escape \"%zz\""},
                      {"http://a%41/", "invalid URL escape \"%41\""},
                      {"http://x:abc/", "invalid port \":abc\" after host"},
                      {"http://h:-1/", "invalid port \":-1\" after host"},
                      {"http://[::1]x/", "invalid port \"x\" after host"},
                      {"http://[::1", "missing ']' in host"},
                      {"http://[]/", "invalid host: ParseAddr(\"\"): unable to parse IP"},
                      {"http://x y/", "invalid character \" \" in host name"},
                      {"http://a^b/", "invalid character \"^\" in host name"},
                      {"http://u p@h/", "net/url: invalid userinfo"},
                      {"http://h\x7f/", "net/url: invalid control character in URL"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto checked = check_url(row.text);
    EXPECT_EQ(checked.has_value(), row.fault.empty());
    if (!checked)
      EXPECT_TRUE(checked.error().message().ends_with(row.fault)) << checked.error().message();
  }
}

TEST(Url, CountsPortsAsGo) {
  const auto port = [](const char* text) { return parse_url(text)->port_number(); };
  EXPECT_EQ(*port("http://h/"), 80);
  EXPECT_EQ(*port("http://h:/"), 80);
  EXPECT_EQ(*port("http://h:00000000009100/"), 9100);
  EXPECT_EQ(*port("http://h:65535/"), 65535);
  EXPECT_EQ(port("http://h:65536/").error().message(), "dial tcp: address 65536: invalid port");
  EXPECT_FALSE(port("http://h:99999999999999999999999999999999/"));
}

// As Go's URL.String of parts that nobody has checked.
TEST(Url, WritesPartsAsGo) {
  EXPECT_EQ(make_url_text("http", "h:1", "/a b", "x=1"), "http://h:1/a%20b?x=1");
  EXPECT_EQ(make_url_text("http", "a b@c?d#e\\f", "m"), "http://a%20b%40c%3Fd%23e%5Cf/m");
  EXPECT_EQ(make_url_text("http", "[fe80::1%eth0]:80", ""), "http://[fe80::1%25eth0]:80");
  EXPECT_EQ(make_url_text("http", "h", "/a!'()*b%20?#[x]"),
            "http://h/a%21%27%28%29%2Ab%2520%3F%23%5Bx%5D");
  EXPECT_EQ(make_url_text("http", "h", "*"), "http://h/*");
  EXPECT_EQ(make_url_text("", "h:1", "/m"), "//h:1/m");
  EXPECT_EQ(make_url_text("http", "", "/m"), "http:///m");
}

TEST(Url, ResolvesReferences) {
  const Url base = *parse_url("http://h:1/a/b?q");
  EXPECT_EQ(resolve_reference(base, "/x")->to_string(), "http://h:1/x");
  EXPECT_EQ(resolve_reference(base, "c")->to_string(), "http://h:1/a/c");
  EXPECT_EQ(resolve_reference(base, "?z")->to_string(), "http://h:1/a/b?z");
  EXPECT_EQ(resolve_reference(base, "//other/x")->to_string(), "http://other/x");
  EXPECT_EQ(resolve_reference(base, "https://o/x")->to_string(), "https://o/x");
}

// As Go 1.26's URL.ResolveReference.
TEST(Url, ResolvesDotsAsGo) {
  const Url base = *parse_url("http://h/a/b/c?q");
  const std::pair<const char*, const char*> table[] = {
      {"", "http://h/a/b/c?q"},
      {"?z", "http://h/a/b/c?z"},
      {"#f", "http://h/a/b/c?q"},
      {".", "http://h/a/b/"},
      {"..", "http://h/a/"},
      {"./", "http://h/a/b/"},
      {"../", "http://h/a/"},
      {"./x", "http://h/a/b/x"},
      {"../x", "http://h/a/x"},
      {"../../x", "http://h/x"},
      {"../../../x", "http://h/x"},
      {"/x/./y", "http://h/x/y"},
      {"/x/../y", "http://h/y"},
      {"/..", "http://h/"},
      {"/.", "http://h/"},
      {"/x/..", "http://h/"},
      {"/x/../..", "http://h/"},
      {"x//y", "http://h/a/b/x//y"},
      {"//o", "http://o"},
      {"//o/../x", "http://o/x"},
      {"http://o/x/../y", "http://o/y"},
      {"HTTP://o/./", "http://o/"},
      {"x?u=http://o/..", "http://h/a/b/x?u=http://o/.."},
      {"...", "http://h/a/b/..."},
      {"x/...", "http://h/a/b/x/..."},
      {"/x/.../y", "http://h/x/.../y"},
      {"//o/x/./../y?z", "http://o/y?z"},
      {"x/./", "http://h/a/b/x/"},
      {"x;a=1/../y", "http://h/a/b/y"},
      {"/%2e%2e/x", "http://h/%2e%2e/x"},
      {"../%2E./x", "http://h/a/%2E./x"},
      {"/x//../y", "http://h/x/y"},
      {"?u=a/../b", "http://h/a/b/c?u=a/../b"},
      {"/", "http://h/"},
  };
  for (const auto& [reference, expected] : table) {
    EXPECT_EQ(resolve_reference(base, reference)->to_string(), expected) << reference;
  }
}

TEST(Url, EscapesAsGo) {
  EXPECT_EQ(query_escape("a b&c=/é~"), "a+b%26c%3D%2F%C3%A9~");
  EXPECT_EQ(encode_query({{"b", {"1", "2"}}, {"a", {"x y"}}}), "a=x+y&b=1&b=2");
}

}  // namespace
}  // namespace narthex::net::http
