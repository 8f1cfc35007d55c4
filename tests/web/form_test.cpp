// Form values as Go's Request.Form gives them.
#include "web/form.h"

#include <gtest/gtest.h>

#include "tests/web/await.h"

namespace narthex::web {
namespace {

using test::make_request;

http::Request post(std::string_view target, std::string body) {
  http::Request request = make_request("POST", target);
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
  http::Request request = post("/x", "a=body");
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

}  // namespace
}  // namespace narthex::web
