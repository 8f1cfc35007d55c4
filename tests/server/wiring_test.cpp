// What flags mean for the parts.
#include "server/wiring.h"

#include <gtest/gtest.h>

namespace narthex::server {
namespace {

// As upstream's computeExternalURL takes them apart.
TEST(ExternalUrl, IsTakenApartAsUpstreamDoes) {
  struct Case {
    const char* flag;
    const char* scheme;
    const char* host;
    const char* path;
    const char* text;
  };
  for (const Case& c : {
           Case{"http://h", "http", "h", "", "http://h"},
           Case{"http://h:9090/", "http", "h:9090", "", "http://h:9090"},
           Case{"https://h/a/b//", "https", "h", "/a/b", "https://h/a/b"},
           Case{"HTTP://h/a", "http", "h", "/a", "http://h/a"},
           Case{"http://h/a%20b", "http", "h", "/a b", "http://h/a%20b"},
           Case{"http://h/a?b=/c", "http", "h", "/a", "http://h/a?b=/c"},
           Case{"http://h?b=/c", "http", "h", "", "http://h?b=/c"},
           Case{"//h/a", "", "h", "/a", "//h/a"},
           Case{"/a/", "", "", "/a", "/a"},
           Case{"a", "", "", "/a", "/a"},
           Case{"a/b:c", "", "", "/a/b:c", "/a/b:c"},
           Case{"http:a/b", "http", "", "", "http:a/b"},
           Case{"http:/a/b", "http", "", "/a/b", "http:/a/b"},
       }) {
    SCOPED_TRACE(c.flag);
    Flags flags;
    flags.external_url = c.flag;
    const ExternalUrl url = external_url(flags);
    EXPECT_EQ(url.scheme, c.scheme);
    EXPECT_EQ(url.host, c.host);
    EXPECT_EQ(url.path, c.path);
    EXPECT_EQ(url.text, c.text);
  }
}

TEST(ExternalUrl, IsThisHostWithoutTheFlag) {
  Flags flags;
  flags.listen_addresses = {"127.0.0.1:1234"};

  const ExternalUrl url = external_url(flags);

  EXPECT_EQ(url.scheme, "http");
  EXPECT_TRUE(url.host.ends_with(":1234"));
  EXPECT_EQ(url.path, "");
  EXPECT_EQ(url.text, "http://" + url.host);
}

}  // namespace
}  // namespace narthex::server
