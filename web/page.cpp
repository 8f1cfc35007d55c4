// Page routes.
#include "web/page.h"

#include "web/page_files.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

HttpHandler file(std::string_view text, std::string type) {
  http::Response response{.status = 200, .headers = {}, .body = std::string(text)};
  response.headers.add("Content-Type", std::move(type));
  response.headers.add("Content-Security-Policy", kPolicy);
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("Referrer-Policy", "same-origin");
  response.headers.add("Cache-Control", "no-cache");
  auto answer = [](http::Response copy) -> asio::awaitable<http::Response> { co_return copy; };
  return
      [response = std::move(response), answer](const http::Request&) { return answer(response); };
}

}  // namespace

void add_page_routes(Router& router, const std::string& external_path) {
  const RouteTraits traits{.gated = false, .compress = true};
  auto redirect = [](http::Response response) -> asio::awaitable<http::Response> {
    co_return response;
  };
  router.add({"GET"}, "/", {.gated = false},
             [location = external_path + "/query", redirect](const http::Request& request) {
               return redirect(redirect_response(request, 302, location));
             });
  router.add({"GET"}, "/graph", {.gated = false},
             [location = external_path + "/query?", redirect](const http::Request& request) {
               return redirect(redirect_response(request, 302, location + request.query));
             });
  router.add({"GET"}, "/query", traits, file(page_html(), "text/html; charset=utf-8"));
  router.add({"GET"}, "/assets/page.js", traits,
             file(page_script(), "text/javascript; charset=utf-8"));
  router.add({"GET"}, "/assets/page.css", traits, file(page_css(), "text/css; charset=utf-8"));
  for (const std::string_view path : {"/assets/favicon.svg", "/favicon.svg"}) {
    router.add({"GET"}, path, traits, file(page_icon(), "image/svg+xml"));
  }
}

}  // namespace narthex::web
