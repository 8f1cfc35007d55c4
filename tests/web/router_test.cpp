// Upstream's router semantics.
#include "web/router.h"

#include <gtest/gtest.h>

#include "base/compress.h"
#include "base/str.h"
#include "net/http/framing.h"
#include "tests/support/fake_clock.h"
#include "tests/web/await.h"
#include "web/lifecycle_pages.h"
#include "web/page.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

using test::await_response;
using test::make_request;

asio::awaitable<net::http::Response> say_path(const net::http::Request& request) {
  co_return text_response(200, request.path);
}
asio::awaitable<net::http::Response> say_much(const net::http::Request&) {
  co_return text_response(200, std::string(5000, 'x'));
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() { router_.set_readiness(Router::Readiness::kReady); }
  ~RouterTest() override { executors_.stop(); }

  net::http::Response ask(const net::http::Request& request) {
    auto handler = [this](const net::http::Request& r) { return router_.handle(r); };
    return await_response(executors_, handler, request);
  }
  net::http::Response ask(std::string method, std::string_view target) {
    return ask(make_request(std::move(method), target));
  }

  net::Executors executors_{1, 1};
  test::FakeClock clock_;
  Metrics metrics_;
  Router router_{{}, executors_, clock_, metrics_, null_log()};
};

TEST_F(RouterTest, FindsExactAndPatternRoutes) {
  router_.add({"GET"}, "/a/b", {}, say_path);
  router_.add({"GET"}, "/label/:name/values", {}, say_path);
  router_.add({"GET"}, "/files/*rest", {}, say_path);

  EXPECT_EQ(ask("GET", "/a/b").body, "/a/b");
  EXPECT_EQ(ask("GET", "/label/job/values").body, "/label/job/values");
  EXPECT_EQ(ask("GET", "/files/x/y/z").body, "/files/x/y/z");
  EXPECT_EQ(ask("GET", "/a").body, "404 page not found\n");
  EXPECT_EQ(path_parameter("/api/label/job/values", "/label/", "/values"), "job");
}

// Out of the coroutine, and out of what it runs elsewhere.
TEST_F(RouterTest, TurnsExceptionsInto500) {
  auto in_pool = [this](const net::http::Request&) -> asio::awaitable<net::http::Response> {
    auto work = []() -> net::http::Response { throw std::length_error("vector::reserve"); };
    net::http::Response response = co_await net::run_on(executors_.cpu(), std::move(work));
    co_return response;
  };
  auto in_coroutine = [](const net::http::Request&) -> asio::awaitable<net::http::Response> {
    throw std::bad_alloc();
    co_return net::http::Response{};
  };
  router_.add({"GET"}, "/page", {}, in_coroutine);
  router_.add({"GET"}, "/api/v1/x", {.cors = true}, in_pool);

  const net::http::Response page = ask("GET", "/page");
  const net::http::Response api = ask("GET", "/api/v1/x");

  EXPECT_EQ(page.status, 500);
  EXPECT_EQ(page.body, "out of memory\n");
  EXPECT_EQ(api.status, 500);
  EXPECT_EQ(api.body, R"({"status":"error","errorType":"internal","error":"vector::reserve"})");
  EXPECT_EQ(metrics_.counter("narthex_exceptions_total", "", {{"part", "http"}}).value(), 2);
}

TEST_F(RouterTest, AnswersWrongMethodsWithAllow) {
  router_.add({"GET", "POST"}, "/a", {}, say_path);

  const net::http::Response response = ask("DELETE", "/a");

  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.body, "Method Not Allowed\n");
  EXPECT_EQ(response.headers.get("Allow"), "GET, OPTIONS, POST");
  EXPECT_EQ(ask("HEAD", "/a").status, 405);
  EXPECT_EQ(ask("OPTIONS", "/a").headers.get("Allow"), "GET, OPTIONS, POST");
}

TEST_F(RouterTest, RedirectsTrailingSlashes) {
  router_.add({"GET"}, "/a", {}, say_path);

  const net::http::Response response = ask("GET", "/a/?b=c");

  EXPECT_EQ(response.status, 301);
  EXPECT_EQ(response.headers.get("Location"), "/a?b=c");
  EXPECT_EQ(ask("POST", "/a/").status, 404) << "the route has no POST";
  EXPECT_EQ(ask("GET", "/b/").status, 404);
}

// As Prometheus 3.14.0 answers, but for the prefix that its redirects of the API lose.
TEST_F(RouterTest, LeadsOtherSpellingsToTheirRoute) {
  add_page_routes(router_);
  add_lifecycle_routes(router_, {}, {executors_, executors_}, metrics_);
  router_.add({"OPTIONS"}, "/api/v1/*path", {}, say_path);
  router_.add({"GET", "POST"}, "/api/v1/query", {}, say_path);
  router_.add({"GET", "POST"}, "/api/v1/query_range", {}, say_path);
  router_.add({"GET", "POST"}, "/api/v1/labels", {}, say_path);
  router_.add({"GET"}, "/api/v1/label/:name/values", {}, say_path);
  router_.add({"GET"}, "/api/v1/targets", {}, say_path);
  router_.add({"GET"}, "/api/v1/targets/metadata", {}, say_path);
  router_.add({"GET"}, "/api/v1/targets/relabel_steps", {}, say_path);

  struct Case {
    const char* method;
    const char* target;
    int status;
    const char* location;
  };
  constexpr Case kCases[] = {
      {"GET", "/targets/?a=b", 301, "/targets?a=b"},
      {"GET", "/Targets", 301, "/targets"},
      {"GET", "/TARGETS/", 301, "/targets"},
      {"HEAD", "/targets/", 404, ""},
      {"HEAD", "/-/Healthy/", 307, "/-/healthy"},
      {"PUT", "/-/reload/", 307, "/-/reload"},
      {"DELETE", "/targets", 405, ""},
      {"DELETE", "/targets/", 404, ""},
      {"GET", "/%2e%2e/targets", 301, "/targets"},
      {"GET", "/targets%2F", 301, "/targets"},
      {"GET", "/consoles", 301, "/consoles/"},
      {"POST", "/consoles/x", 405, ""},
      {"POST", "/debug", 307, "/debug/"},
      {"GET", "/debug/pprof?x", 301, "/debug/pprof/"},
      {"GET", "/debug/x", 404, ""},
      {"FOO", "/debug/x", 405, ""},
      {"GET", "/-", 404, ""},
      {"GET", "/agent", 404, ""},
      {"GET", "/favicon.ico", 404, ""},
      {"HEAD", "/favicon.ico", 405, ""},
      {"HEAD", "/%2F", 307, "/"},
      {"GET", "/rules", 501, ""},
      {"GET", "/api", 404, ""},
      {"GET", "/API/v1/query", 404, ""},
      {"GET", "/api/v1", 307, "/api/v1/"},
      {"FOO", "/api//v1?a", 307, "/api/v1/?a"},
      {"GET", "/api/v1/", 404, ""},
      {"OPTIONS", "/api/v1/", 200, ""},
      {"GET", "/api/v1/query/?a", 301, "/api/v1/query?a"},
      {"POST", "/api/v1/Query", 307, "/api/v1/query"},
      {"PUT", "/api/v1/query/", 404, ""},
      {"PUT", "/api/v1/query", 405, ""},
      {"OPTIONS", "/api/v1/query/", 200, ""},
      {"GET", "/api/v1/targets/", 301, "/api/v1/targets"},
      {"GET", "/api/v1/label/%2F/values", 404, ""},
      {"OPTIONS", "/api/v1/label/%2F/values", 200, ""},
      {"GET", "/api/v1/label/a%2Fb/values", 404, ""},
      {"GET", "/api/v1/label/a%20b/VALUES/", 301, "/api/v1/label/a%20b/values"},
      {"GET", "/api/v1/LABEL/Job/values", 301, "/api/v1/label/Job/values"},
      {"GET", "/api/v1/label/%C3%A4/values/", 301, "/api/v1/label/%C3%A4/values"},
      {"GET", "/api/v1/label//values", 307, "/api/v1/label/values"},
      {"GET", "/api/v1/label", 404, ""},
      {"GET", "/api%2Fv1/query", 404, ""},
      {"OPTIONS", "/api/v1%2Fquery", 404, ""},
      {"GET", "/%61pi/v1/query", 404, ""},
      {"GET", "/%61pi/v1", 307, "/api/v1/"},
      {"GET", "//a%20b", 307, "/a%20b"},
      {"GET", "/api/v1/./query", 307, "/api/v1/query"},
      {"GET", "/api/v1/x/..", 307, "/api/v1/"},
      {"OPTIONS", "*", 200, ""},
      {"GET", "*", 400, ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(concat(c.method, " ", c.target));
    const std::optional<net::http::Target> target = net::http::parse_target(c.target);
    ASSERT_TRUE(target);
    net::http::Request request = make_request(c.method, target->path);
    request.query = target->query;
    request.escaped_path = target->escaped_path;
    const net::http::Response response = ask(request);
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.headers.get("Location"), c.location);
    EXPECT_EQ(response.headers.contains("Allow"), c.status == 405);
  }
}

TEST_F(RouterTest, AnswersEveryMethodOfPages) {
  add_page_routes(router_);
  for (const char* path : {"/", "/graph", "/query", "/targets", "/service-discovery", "/consoles/x",
                           "/favicon.ico", "/assets/x"}) {
    for (const char* method : {"HEAD", "PUT", "DELETE", "PATCH", "TRACE", "get"}) {
      SCOPED_TRACE(concat(method, " ", path));
      const net::http::Response refused = ask(method, path);
      EXPECT_EQ(refused.status, 405);
      EXPECT_EQ(refused.body, "Method Not Allowed\n");
      EXPECT_EQ(refused.headers.get("Allow"), "GET, OPTIONS");
    }
    const net::http::Response options = ask("OPTIONS", path);
    EXPECT_EQ(options.status, 200);
    EXPECT_EQ(options.headers.get("Allow"), "GET, OPTIONS");
    EXPECT_FALSE(options.headers.contains("Content-Type"));
  }
  EXPECT_EQ(ask("PUT", "/debug/pprof").headers.get("Allow"), "GET, OPTIONS, POST");
  EXPECT_EQ(ask("OPTIONS", "/nothing").status, 404);
}

// A base address that ends with a slash still finds the API.
TEST_F(RouterTest, RedirectsToCleanPaths) {
  router_.add({"GET"}, "/api/v1/query", {}, say_path);

  for (const char* target :
       {"//api/v1/query?a=b", "/api//v1/./query?a=b", "/x/../api/v1/query?a=b"}) {
    SCOPED_TRACE(target);
    const net::http::Response response = ask("POST", target);
    EXPECT_EQ(response.status, 307);
    EXPECT_EQ(response.headers.get("Location"), "/api/v1/query?a=b");
  }
  EXPECT_EQ(ask("GET", "//evil.example/").headers.get("Location"), "/evil.example/");
  EXPECT_EQ(ask("GET", "/label//values").headers.get("Location"), "/label/values");
  EXPECT_EQ(ask("GET", "/../..").headers.get("Location"), "/");
}

TEST_F(RouterTest, GatesUntilReady) {
  router_.add({"GET"}, "/a", {}, say_path);
  router_.add({"GET"}, "/open", {.gated = false}, say_path);

  router_.set_readiness(Router::Readiness::kStarting);
  const net::http::Response starting = ask("GET", "/a");
  EXPECT_EQ(starting.status, 503);
  EXPECT_EQ(starting.body, "Service Unavailable");
  EXPECT_EQ(starting.headers.get("X-Prometheus-Stopping"), "false");
  EXPECT_EQ(ask("GET", "/open").status, 200);

  router_.set_readiness(Router::Readiness::kStopping);
  EXPECT_EQ(ask("GET", "/a").headers.get("X-Prometheus-Stopping"), "true");
}

TEST_F(RouterTest, AddsCorsOnlyForAnOrigin) {
  router_.add({"GET"}, "/a", {.cors = true}, say_path);
  net::http::Request request = make_request("GET", "/a");
  EXPECT_FALSE(ask(request).headers.contains("Access-Control-Allow-Origin"));

  request.headers.add("Origin", "http://other");
  const net::http::Response response = ask(request);

  EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "http://other");
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  EXPECT_EQ(response.headers.get("Vary"), "Origin");
}

TEST_F(RouterTest, EchoesOnlyOriginsThatTheExpressionAllows) {
  RouterOptions options{.prefix = {}, .cors_origin = *Regex::anchored("https?://(a|b)\\.example")};
  Router router(std::move(options), executors_, clock_, metrics_, null_log());
  router.set_readiness(Router::Readiness::kReady);
  router.add({"GET"}, "/a", {.cors = true}, say_path);
  auto handler = [&router](const net::http::Request& r) { return router.handle(r); };
  net::http::Request request = make_request("GET", "/a");

  request.headers.set("Origin", "https://b.example");
  EXPECT_EQ(await_response(executors_, handler, request).headers.get("Access-Control-Allow-Origin"),
            "https://b.example");
  request.headers.set("Origin", "https://b.example.evil");
  EXPECT_FALSE(
      await_response(executors_, handler, request).headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(RouterTest, CompressesLargeBodiesWhenAsked) {
  router_.add({"GET"}, "/much", {.compress = true}, say_much);
  net::http::Request request = make_request("GET", "/much");
  EXPECT_EQ(ask(request).body.size(), 5000U);

  request.headers.add("Accept-Encoding", "br, gzip, deflate");
  const net::http::Response gzip = ask(request);
  EXPECT_EQ(gzip.headers.get("Content-Encoding"), "gzip");
  EXPECT_EQ(gzip.body.substr(0, 2), "\x1f\x8b");
  EXPECT_LT(gzip.body.size(), 500U);

  request.headers.set("Accept-Encoding", "deflate");
  EXPECT_EQ(ask(request).headers.get("Content-Encoding"), "deflate");
  request.headers.set("Accept-Encoding", "gzip;q=1");
  EXPECT_FALSE(ask(request).headers.contains("Content-Encoding"));
}

// Pieces of the same text, `left_` of them after the first.
class Repeated final : public BodyPieces {
 public:
  explicit Repeated(int left) : left_(left) {}
  Result<bool> next(std::string& out) override {
    if (left_ == kFails) return Error(Code::kTimeout, "too late");
    out.append(kPieceBytes, 'x');
    return --left_ == 0;
  }
  static constexpr int kFails = -1;

 private:
  int left_;
};

class CollectingSink final : public net::http::BodySink {
 public:
  asio::awaitable<Result<void>> write(std::string_view bytes) override {
    if (closed) co_return Error(Code::kCancelled, "closed");
    body += bytes;
    longest = std::max(longest, bytes.size());
    co_return Result<void>();
  }
  std::string body;
  std::size_t longest = 0;
  bool closed = false;
};

class StreamingTest : public RouterTest {
 protected:
  StreamingTest() {
    router_.add({"GET"}, "/stream", {.compress = true},
                [this](const net::http::Request&) { return answer(); });
  }
  asio::awaitable<net::http::Response> answer() {
    Answer answer = text_response(200, "begin ");
    answer.rest = std::make_unique<Repeated>(pieces_);
    co_return to_response(std::move(answer), executors_);
  }
  Result<void> receive(const net::http::Response& response) {
    return asio::co_spawn(executors_.io(), response.stream(sink_), asio::use_future).get();
  }
  std::string expected() const {
    return "begin " + std::string(static_cast<std::size_t>(pieces_) * kPieceBytes, 'x');
  }

  int pieces_ = 100;
  CollectingSink sink_;
};

TEST_F(StreamingTest, SendsPieceAfterPiece) {
  const net::http::Response response = ask("GET", "/stream");
  EXPECT_EQ(response.body, "");

  ASSERT_TRUE(receive(response));

  EXPECT_TRUE(sink_.body == expected());
  EXPECT_LE(sink_.longest, kPieceBytes);
  EXPECT_NE(metrics_.expose().find(
                R"(prometheus_http_response_size_bytes_sum{handler="/stream"} 6553606)"),
            std::string::npos)
      << metrics_.expose();
}

TEST_F(StreamingTest, CompressesPieceAfterPiece) {
  net::http::Request request = make_request("GET", "/stream");
  request.headers.add("Accept-Encoding", "gzip");
  const net::http::Response response = ask(request);
  EXPECT_EQ(response.headers.get("Content-Encoding"), "gzip");
  EXPECT_EQ(response.headers.get("Vary"), "Accept-Encoding");

  ASSERT_TRUE(receive(response));

  std::string text;
  ASSERT_TRUE(gunzip(sink_.body, expected().size(), text));
  EXPECT_TRUE(text == expected());
}

TEST_F(StreamingTest, EndsWithWhatFails) {
  pieces_ = Repeated::kFails;
  EXPECT_EQ(receive(ask("GET", "/stream")).error().code(), Code::kTimeout);
  pieces_ = 100;
  sink_.closed = true;
  EXPECT_EQ(receive(ask("GET", "/stream")).error().code(), Code::kCancelled);
}

TEST_F(RouterTest, StripsThePrefix) {
  Router router({.prefix = "/prom", .cors_origin = {}}, executors_, clock_, metrics_, null_log());
  router.set_readiness(Router::Readiness::kReady);
  router.add({"GET"}, "/a", {}, say_path);
  router.add({"GET"}, "/", {}, say_path);
  const auto ask_there = [&](std::string method, std::string_view target) {
    auto handler = [&router](const net::http::Request& r) { return router.handle(r); };
    return await_response(executors_, handler, make_request(std::move(method), target));
  };

  EXPECT_EQ(ask_there("GET", "/prom/a").status, 200);
  EXPECT_EQ(ask_there("GET", "/a").status, 404);
  const net::http::Response bare = ask_there("GET", "/prom");
  EXPECT_EQ(bare.status, 301);
  EXPECT_EQ(bare.headers.get("Location"), "/prom/");
  EXPECT_EQ(ask_there("GET", "/PROM/A/").headers.get("Location"), "/prom/a");
  EXPECT_EQ(ask_there("HEAD", "/prom").status, 404);
  const net::http::Response root = ask_there("GET", "/");
  EXPECT_EQ(root.status, 302);
  EXPECT_EQ(root.headers.get("Location"), "/prom");
  EXPECT_EQ(root.body, "<a href=\"/prom\">Found</a>.\n\n");
  EXPECT_EQ(ask_there("HEAD", "/").status, 405);
  EXPECT_EQ(ask_there("POST", "/").headers.get("Allow"), "GET, OPTIONS");
  EXPECT_EQ(ask_there("OPTIONS", "/").status, 200);
}

// As Go's http.Redirect, seen in Prometheus 3.14.
TEST_F(RouterTest, SaysInHtmlWhereARedirectLeads) {
  add_page_routes(router_, "/ext");

  const net::http::Response root = ask("GET", "/");
  EXPECT_EQ(root.status, 302);
  EXPECT_EQ(root.headers.get("Location"), "/ext/query");
  EXPECT_EQ(root.headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(root.body, "<a href=\"/ext/query\">Found</a>.\n\n");
  EXPECT_EQ(ask("GET", "/graph").headers.get("Location"), "/ext/query?");
  const net::http::Response graph = ask("GET", "/graph?g0.expr=a<b&c='d'");
  EXPECT_EQ(graph.headers.get("Location"), "/ext/query?g0.expr=a<b&c='d'");
  EXPECT_EQ(graph.body, "<a href=\"/ext/query?g0.expr=a&lt;b&amp;c=&#39;d&#39;\">Found</a>.\n\n");
  const net::http::Response head = ask("HEAD", "//query");
  EXPECT_EQ(head.headers.get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(head.body, "");
  const net::http::Response post = ask("POST", "//query");
  EXPECT_FALSE(post.headers.contains("Content-Type"));
  EXPECT_EQ(post.body, "");
}

TEST_F(RouterTest, PagesTakeGetOnly) {
  add_page_routes(router_);
  for (const char* path : {"/", "/query", "/graph", "/assets/page.js"}) {
    SCOPED_TRACE(path);
    EXPECT_EQ(ask("HEAD", path).status, 405);
    EXPECT_EQ(ask("POST", path).headers.get("Allow"), "GET, OPTIONS");
    EXPECT_EQ(ask("OPTIONS", path).status, 200);
    EXPECT_EQ(ask("OPTIONS", path).headers.get("Allow"), "GET, OPTIONS");
  }
}

TEST_F(RouterTest, ServesThePageUnderAStrictPolicy) {
  add_page_routes(router_);

  const net::http::Response page = ask("GET", "/query?g0.expr=up");

  EXPECT_NE(page.body.find("<script src=\"assets/page.js\""), std::string::npos);
  EXPECT_NE(page.headers.get("Content-Security-Policy").find("script-src 'self';"),
            std::string::npos);
  const std::string script = ask("GET", "/assets/page.js").body;
  EXPECT_NE(script.find("textContent"), std::string::npos);
  for (const char* unsafe :
       {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("}) {
    EXPECT_EQ(script.find(unsafe), std::string::npos) << unsafe;
  }
  EXPECT_EQ(ask("GET", "/assets/page.css").headers.get("Content-Type"), "text/css; charset=utf-8");
}

TEST_F(RouterTest, LifecycleNeedsItsFlagAndThisSite) {
  int reloads = 0;
  LifecycleHooks hooks{.enabled = true,
                       .reload = [&]() -> Result<void> {
                         if (++reloads == 1) return {};
                         return Error(Code::kInvalid, "bad file");
                       },
                       .quit = [] {}};
  add_lifecycle_routes(router_, std::move(hooks), {executors_, executors_}, metrics_);

  EXPECT_EQ(ask("POST", "/-/reload").status, 200);
  const net::http::Response failed = ask("PUT", "/-/reload");
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.body, "failed to reload config: bad file\n");
  EXPECT_EQ(ask("GET", "/-/reload").status, 405);
  EXPECT_EQ(ask("GET", "/-/reload").body, "Only POST or PUT requests allowed");

  net::http::Request foreign = make_request("POST", "/-/quit");
  foreign.headers.add("Origin", "http://evil");
  EXPECT_EQ(ask(foreign).status, 403);
  EXPECT_EQ(reloads, 2);
}

TEST_F(RouterTest, RefusesLifecycleWhenDisabled) {
  add_lifecycle_routes(router_, {}, {executors_, executors_}, metrics_);

  EXPECT_EQ(ask("POST", "/-/quit").status, 403);
  EXPECT_EQ(ask("POST", "/-/reload").body, "Lifecycle API is not enabled.");
  EXPECT_EQ(ask("GET", "/-/healthy").body, "Prometheus Server is Healthy.\n");
  for (const char* path : {"/-/healthy", "/-/ready"}) {
    const net::http::Response head = ask("HEAD", path);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_FALSE(head.headers.contains("Content-Type"));
  }
}

TEST_F(RouterTest, CountsRequestsByHandler) {
  add_lifecycle_routes(router_, {}, {executors_, executors_}, metrics_);
  ask("GET", "/-/healthy");

  const net::http::Response response = ask("GET", "/metrics");

  EXPECT_NE(
      response.body.find("prometheus_http_requests_total{code=\"200\",handler=\"/-/healthy\"} 1"),
      std::string::npos)
      << response.body;
}

}  // namespace
}  // namespace narthex::web
