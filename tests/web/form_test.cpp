// Form values as Go's Request.Form gives them.
#include "web/form.h"

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/web/await.h"

namespace narthex::web {
namespace {

using test::make_request;

net::http::Request post(std::string_view target, std::string body) {
  net::http::Request request = make_request("POST", target);
  request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
  request.body = std::move(body);
  return request;
}

TEST(Form, DecodesTheQuery) {
  const Form form(make_request("GET", "/x?a=1+2&b=%7B%7D&c&a=3&=z"));

  EXPECT_EQ(form.get("a"), "1 2");
  EXPECT_EQ(form.get("b"), "{}");
  EXPECT_EQ(form.get("c"), "");
  EXPECT_EQ(form.all("a"), (std::vector<std::string>{"1 2", "3"}));
  EXPECT_FALSE(form.error());
}

TEST(Form, PrefersTheBody) {
  const Form form(post("/x?a=url&b=url", "a=body&match%5B%5D=up"));

  EXPECT_EQ(form.get("a"), "body");
  EXPECT_EQ(form.get_query("a"), "url");
  EXPECT_EQ(form.get("b"), "url");
  EXPECT_EQ(form.all("a"), (std::vector<std::string>{"body", "url"}));
  EXPECT_EQ(form.get("match[]"), "up");
}

TEST(Form, IgnoresBodiesOfOtherTypes) {
  net::http::Request request = post("/x", "a=body");
  request.headers.set("Content-Type", "application/json");

  EXPECT_EQ(Form(request).get("a"), "");
}

TEST(Form, ReportsMalformedPairsAndKeepsTheOthers) {
  const Form form(make_request("GET", "/x?a=%zz&b=2&c=%4"));

  EXPECT_EQ(form.error(), "invalid URL escape \"%zz\"");
  EXPECT_EQ(form.get("b"), "2");
  EXPECT_EQ(Form(make_request("GET", "/x?a=1;b=2")).error(),
            "invalid semicolon separator in query");
}

net::http::Request multipart(std::string_view target, std::string body,
                             std::string type = "multipart/form-data; boundary=xYz") {
  net::http::Request request = make_request("POST", target);
  request.headers.add("Content-Type", std::move(type));
  request.body = std::move(body);
  return request;
}

std::string part(std::string_view name, std::string_view value) {
  return concat("--xYz\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n", value,
                "\r\n");
}

// What curl -F sends.
TEST(Form, ReadsMultipartBodies) {
  const Form form(multipart("/x?a=url", part("a", "body") + part("match[]", "up") +
                                            part("match[]", "x\r\ny") + part("empty", "") +
                                            "--xYz--\r\n"));

  EXPECT_EQ(form.get("a"), "url") << "the URL's values come first";
  EXPECT_EQ(form.all("a"), (std::vector<std::string>{"url", "body"}));
  EXPECT_EQ(form.all("match[]"), (std::vector<std::string>{"up", "x\r\ny"}));
  EXPECT_EQ(form.all("empty"), std::vector<std::string>{""});
  EXPECT_FALSE(form.error());
}

TEST(Form, ReadsOverFilesAndOddParts) {
  const std::string body =
      "preamble\r\n"
      "--xYz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.txt\"\r\n\r\nfile\r\n"
      "--xYz\r\nContent-Disposition: form-data; name=\"g\"; filename=\"\"\r\n\r\nno file\r\n"
      "--xYz \t\r\ncontent-disposition: FORM-DATA;\r\n name=folded\r\n\r\n1\r\n"
      "--xYz\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\nX-Y: z\r\n\r\n2\r\n"
      "--xYz\r\nContent-Disposition: attachment; name=\"h\"\r\n\r\n3\r\n"
      "--xYz\r\n\r\nno name\r\n"
      "--xYz\r\nContent-Disposition: form-data; name=\"like\"\r\n\r\n--xYzz\r\n--xY\r\n"
      "--xYz--";
  const Form form(multipart("/x", body));

  EXPECT_EQ(form.all("f").size(), 0U);
  EXPECT_EQ(form.get("g"), "no file");
  EXPECT_EQ(form.get("folded"), "1");
  EXPECT_EQ(form.get("a\"b"), "2");
  EXPECT_EQ(form.all("h").size(), 0U);
  EXPECT_EQ(form.get("like"), "--xYzz\r\n--xY");
}

TEST(Form, TakesLineFeedsAndQuotedBoundaries) {
  const std::string body = "--x y\nContent-Disposition: form-data; name=a\n\n1\n--x y--\n";
  EXPECT_EQ(Form(multipart("/x", body, "Multipart/Form-Data; boundary=\"x y\"")).get("a"), "1");
}

// A body that breaks off may have lost what narrows the question down: none of it counts.
TEST(Form, IgnoresMalformedMultipartBodies) {
  const std::string good = part("a", "1") + "--xYz--\r\n";
  ASSERT_EQ(Form(multipart("/x", good)).get("a"), "1");
  for (std::size_t size = 0; size < good.size() - 2; ++size) {
    EXPECT_EQ(Form(multipart("/x", good.substr(0, size))).get("a"), "") << size;
  }
  EXPECT_EQ(Form(multipart("/x", part("a", "1") + "--xYz\r\nnonsense\r\n\r\n--xYz--")).get("a"),
            "");
  EXPECT_EQ(Form(multipart("/x", good, "multipart/form-data")).get("a"), "");
  EXPECT_EQ(Form(multipart("/x", good, "multipart/form-data; boundary=")).get("a"), "");
  EXPECT_EQ(Form(multipart("/x", good, "multipart/mixed; boundary=xYz")).get("a"), "");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += part("a", "1");
  EXPECT_EQ(Form(multipart("/x", many + "--xYz--\r\n")).get("a"), "");
}

TEST(Form, BoundsTheNumberOfPairs) {
  std::string text = "a=1";
  for (int i = 1; i < 10'000; ++i) text += "&b";
  EXPECT_EQ(Form(post("/x", text)).get("a"), "1");

  const Form form(post("/x", text + "&c"));

  EXPECT_EQ(form.get("a"), "");
  EXPECT_EQ(form.error(), "number of URL query parameters exceeded limit");
}

}  // namespace
}  // namespace narthex::web
