// Page routes: one document for all pages that exist, and an answer for each page of upstream's
// that does not, so that links from outside lead to a reason. Files are in the binary; a strict
// content policy keeps anything that a label might smuggle into the page from running.
#include "web/page.h"

#include "base/str.h"
#include "net/http/url.h"
#include "web/page_files.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'";

// Of upstream's pages: what /query shows is shown there, too.
constexpr const char* kPages[] = {"/query", "/targets", "/alerts"};
constexpr const char* kMissingPages[] = {"/config",     "/flags", "/service-discovery",
                                         "/status",     "/rules", "/alertmanager-discovery",
                                         "/tsdb-status"};

asio::awaitable<net::http::Response> give(net::http::Response response) {
  co_return response;
}
net::http::Response not_found() {
  return error_text_response(404, "404 page not found");
}
net::http::Response missing(std::string_view what) {
  return error_text_response(501, concat("not implemented yet: ", what));
}

net::http::Response file(std::string_view text, std::string type) {
  net::http::Response response{.status = 200, .headers = {}, .body = std::string(text)};
  response.headers.add("Content-Type", std::move(type));
  response.headers.add("Content-Security-Policy", kPolicy);
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.headers.add("Referrer-Policy", "same-origin");
  response.headers.add("Cache-Control", "no-cache");
  return response;
}

net::http::HttpHandler always(net::http::Response response) {
  return [response = std::move(response)](const net::http::Request&) { return give(response); };
}

asio::awaitable<net::http::Response> asset(const net::http::Request& request) {
  const std::string_view name = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  const bool is_nested = !request.path.ends_with(concat("/assets/", name));
  if (is_nested) co_return not_found();
  if (name == "page.js") co_return file(page_script(), "text/javascript; charset=utf-8");
  if (name == "page.css") co_return file(page_css(), "text/css; charset=utf-8");
  if (name == "favicon.svg") co_return file(page_icon(), "image/svg+xml");
  co_return not_found();
}

// As upstream's, but for the profiles themselves.
asio::awaitable<net::http::Response> debug(const net::http::Request& request) {
  const std::size_t start = request.path.rfind("/debug/pprof");
  if (start == std::string::npos) co_return not_found();
  const std::string_view rest = std::string_view(request.path).substr(start);
  if (rest == "/debug/pprof") {
    co_return redirect_response(request, 301, net::http::path_escape(request.path) + "/");
  }
  co_return rest.starts_with("/debug/pprof/") ? missing("debug/pprof") : not_found();
}

}  // namespace

void add_page_routes(Router& router, const std::string& external_path) {
  const RouteTraits open{.gated = false};
  const RouteTraits compressed{.gated = false, .compress = true};
  router.add({"GET"}, "/", open,
             [location = external_path + "/query"](const net::http::Request& request) {
               return give(redirect_response(request, 302, location));
             });
  router.add({"GET"}, "/graph", open,
             [location = external_path + "/query?"](const net::http::Request& request) {
               return give(redirect_response(request, 302, location + request.query));
             });
  for (const std::string_view path : kPages) {
    router.add({"GET"}, path, compressed, always(file(page_html(), "text/html; charset=utf-8")));
  }
  for (const std::string_view path : kMissingPages) {
    router.add({"GET"}, path, open, always(missing(path.substr(1))));
  }
  router.add({"GET"}, "/favicon.svg", compressed, always(file(page_icon(), "image/svg+xml")));
  for (const std::string_view path : {"/favicon.ico", "/manifest.json"}) {
    router.add({"GET"}, path, open, always(not_found()));
  }
  router.add({"GET"}, "/assets/*filepath", compressed, asset);
  router.add({"GET"}, "/consoles/*filepath", {}, always(missing("consoles")));
  router.add({"GET", "POST"}, "/debug/*subpath", open, debug);
}

}  // namespace narthex::web
