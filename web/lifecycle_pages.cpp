// Health, lifecycle and self-metrics: the routes that must answer when little else does. So those
// without work to do are coroutines that answer on the I/O thread at once; /metrics is made on the
// control lane and reloads on one of their own.
#include "web/lifecycle_pages.h"

#include "base/str.h"
#include "web/form.h"
#include "web/metrics.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

// Counts a scrape as long as it lives.
class InFlight {
 public:
  explicit InFlight(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  ~InFlight() { gauge_.add(-1); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  Gauge& gauge_;
};

// Handlers that need state: kept alive by the routes that share it.
class LifecyclePages {
 public:
  LifecyclePages(LifecycleHooks hooks, LifecycleLanes lanes, Metrics& metrics)
      : hooks_(std::move(hooks)), lanes_(lanes), metrics_(metrics), page_(metrics) {}

  asio::awaitable<net::http::Response> metrics(const net::http::Request& request) {
    const InFlight counted(page_.in_flight());
    auto expose = [this, &request] { return metrics_.expose(Form(request).all("name[]")); };
    std::string text = co_await net::run_on(lanes_.control.cpu(), std::move(expose));
    page_.scrapes("200").add();
    net::http::Response response{.status = 200, .headers = {}, .body = std::move(text)};
    response.headers.add("Content-Type",
                         "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    co_return response;
  }

  asio::awaitable<net::http::Response> reload(const net::http::Request&) {
    if (!hooks_.enabled) co_return disabled();
    auto work = [this] { return hooks_.reload(); };
    Result<void> outcome = co_await net::run_on(lanes_.reloading.cpu(), std::move(work));
    if (outcome) co_return text_response(200, {});
    co_return error_text_response(500,
                                  concat("failed to reload config: ", outcome.error().message()));
  }

  asio::awaitable<net::http::Response> quit(const net::http::Request&) {
    if (!hooks_.enabled) co_return disabled();
    hooks_.quit();
    co_return text_response(200, "Requesting termination... Goodbye!");
  }

 private:
  static net::http::Response disabled() {
    return text_response(403, "Lifecycle API is not enabled.");
  }

  LifecycleHooks hooks_;
  LifecycleLanes lanes_;
  Metrics& metrics_;
  ScrapePageMetrics page_;
};

asio::awaitable<net::http::Response> healthy(const net::http::Request&) {
  co_return text_response(200, "Prometheus Server is Healthy.\n");
}
asio::awaitable<net::http::Response> ready(const net::http::Request&) {
  co_return text_response(200, "Prometheus Server is Ready.\n");
}
asio::awaitable<net::http::Response> no_body(const net::http::Request&) {
  co_return text_response(200, {});
}
asio::awaitable<net::http::Response> wrong_method(const net::http::Request&) {
  co_return text_response(405, "Only POST or PUT requests allowed");
}

}  // namespace

void add_lifecycle_routes(Router& router, LifecycleHooks hooks, LifecycleLanes lanes,
                          Metrics& metrics) {
  auto pages = std::make_shared<LifecyclePages>(std::move(hooks), lanes, metrics);
  const RouteTraits open{.gated = false};
  const RouteTraits mutating{.gated = false, .mutating = true};
  router.add({"GET"}, "/metrics",
             {.gated = false, .compress = true, .vital = true, .lane = &lanes.control},
             [pages](const net::http::Request& request) { return pages->metrics(request); });
  router.add({"GET"}, "/-/healthy", {.gated = false, .vital = true}, healthy);
  router.add({"HEAD"}, "/-/healthy", {.gated = false, .vital = true}, no_body);
  router.add({"GET"}, "/-/ready", {.vital = true}, ready);
  router.add({"HEAD"}, "/-/ready", {.vital = true}, no_body);
  router.add({"POST", "PUT"}, "/-/reload", mutating,
             [pages](const net::http::Request& request) { return pages->reload(request); });
  router.add({"POST", "PUT"}, "/-/quit", mutating,
             [pages](const net::http::Request& request) { return pages->quit(request); });
  router.add({"GET"}, "/-/reload", open, wrong_method);
  router.add({"GET"}, "/-/quit", open, wrong_method);
}

}  // namespace narthex::web
