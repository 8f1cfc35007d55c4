// URLs: parts, printing, references, escaping.
#include "base/http/url.h"

#include <gtest/gtest.h>

namespace narthex::http {
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

TEST(Url, ResolvesReferences) {
  const Url base = *parse_url("http://h:1/a/b?q");
  EXPECT_EQ(resolve_reference(base, "/x")->to_string(), "http://h:1/x");
  EXPECT_EQ(resolve_reference(base, "c")->to_string(), "http://h:1/a/c");
  EXPECT_EQ(resolve_reference(base, "?z")->to_string(), "http://h:1/a/b?z");
  EXPECT_EQ(resolve_reference(base, "//other/x")->to_string(), "http://other/x");
  EXPECT_EQ(resolve_reference(base, "https://o/x")->to_string(), "https://o/x");
}

TEST(Url, EscapesAsGo) {
  EXPECT_EQ(query_escape("a b&c=/é~"), "a+b%26c%3D%2F%C3%A9~");
  EXPECT_EQ(encode_query({{"b", {"1", "2"}}, {"a", {"x y"}}}), "a=x+y&b=1&b=2");
}

}  // namespace
}  // namespace narthex::http
