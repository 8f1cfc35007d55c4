// Routing.
#include "web/router.h"

#include <algorithm>

#include "base/exceptions.h"
#include "base/http/url.h"
#include "base/str.h"
#include "web/api/errors.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

constexpr std::size_t kInlineCompressBytesMax = 32 * 1024;  // tuned: below 1 ms on an I/O thread
constexpr std::size_t kLoggedPathBytesMax = 200;

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size()) return false;
    if (pattern[i].starts_with('*')) return true;
    const bool any = pattern[i].starts_with(':') && !path[i].empty();
    if (!any && pattern[i] != path[i]) return false;
  }
  return pattern.size() == path.size();
}

// Without empty, "." and ".." segments, as Go's server sends its clients to. A base address that
// ends with a slash makes paths like //api/v1/query.
std::string clean_path(std::string_view path) {
  if (path.find("//") == std::string_view::npos && path.find("/.") == std::string_view::npos) {
    return std::string(path);
  }
  std::vector<std::string> kept;
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      kept.emplace_back(segment);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string out = "/" + join(kept, "/");
  if (path.ends_with('/') && out != "/") out += '/';
  return out;
}

std::string_view host_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
}

// A browser tells where a request came from; other clients send neither field.
bool is_cross_site(const http::Request& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (site == "cross-site" || site == "same-site") return true;
  const std::string_view origin = request.headers.get("Origin");
  return !origin.empty() && host_of(origin) != request.headers.get("Host");
}

}  // namespace

struct Router::Method {
  std::string name;
  RouteTraits traits;
  HttpHandler handler;
};

struct Router::Route {
  std::string pattern;
  std::vector<std::string> segments;
  std::vector<Method> methods;
  Observer* duration = nullptr;
  Observer* size = nullptr;

  const Method* find(std::string_view name) const {
    for (const Method& method : methods) {
      if (method.name == name) return &method;
    }
    return nullptr;
  }
  std::string allow() const {
    std::vector<std::string> names = {"OPTIONS"};
    for (const Method& method : methods) names.push_back(method.name);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    return join(names, ", ");
  }
};

Router::Router(RouterOptions options, Executors& executors, const Clock& clock, Metrics& metrics,
               Log& log)
    : options_(std::move(options)),
      executors_(executors),
      clock_(clock),
      metrics_(metrics),
      log_(log) {}
Router::~Router() = default;

void Router::add(std::vector<std::string_view> methods, std::string_view pattern,
                 RouteTraits traits, HttpHandler handler) {
  const bool is_exact = pattern.find_first_of(":*") == std::string_view::npos;
  Route* route = nullptr;
  for (const auto& known : patterns_) {
    if (known->pattern == pattern) route = known.get();
  }
  if (const auto found = exact_.find(std::string(pattern)); found != exact_.end()) {
    route = found->second.get();
  }
  if (route == nullptr) {
    auto made = std::make_unique<Route>();
    route = made.get();
    route->pattern = std::string(pattern);
    for (const std::string_view segment : split(pattern, '/'))
      route->segments.emplace_back(segment);
    route->duration = &metrics_.histogram(
        "prometheus_http_request_duration_seconds", "Histogram of latencies for HTTP requests.",
        {.1, .2, .4, 1, 3, 8, 20, 60, 120}, {{"handler", pattern}});
    route->size = &metrics_.histogram(
        "prometheus_http_response_size_bytes", "Histogram of response size for HTTP requests.",
        {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}, {{"handler", pattern}});
    metrics_.counter("prometheus_http_requests_total", "Counter of HTTP requests.",
                     {{"handler", pattern}, {"code", "200"}});
    if (is_exact) {
      exact_.emplace(std::string(pattern), std::move(made));
    } else {
      patterns_.push_back(std::move(made));
    }
  }
  for (const std::string_view name : methods) {
    route->methods.push_back({std::string(name), traits, handler});
  }
}

const Router::Route* Router::find(std::string_view path) const {
  if (const auto found = exact_.find(std::string(path)); found != exact_.end()) {
    return found->second.get();
  }
  const auto segments = split(path, '/');
  const Route* rest = nullptr;  // a `*` route gives way to those that name every segment
  for (const auto& route : patterns_) {
    if (!matches(route->segments, segments)) continue;
    if (!route->segments.back().starts_with('*')) return route.get();
    if (rest == nullptr) rest = route.get();
  }
  return rest;
}

bool Router::is_vital(const http::Request& request) const {
  if (!request.path.starts_with(options_.prefix)) return false;
  const auto found = exact_.find(request.path.substr(options_.prefix.size()));
  if (found == exact_.end()) return false;
  const Method* method = found->second->find(request.method);
  return method != nullptr && method->traits.vital;
}

// A slash too many or too few leads to the route, if that has the method.
http::Response Router::unmatched(const http::Request& request, std::string_view path) const {
  const bool has_slash = path.size() > 1 && path.ends_with('/');
  const std::string other =
      has_slash ? std::string(path.substr(0, path.size() - 1)) : concat(path, "/");
  const auto found = exact_.find(other);
  if (found == exact_.end() || found->second->find(request.method) == nullptr) {
    return error_text_response(404, "404 page not found");
  }
  std::string location = options_.prefix + other;
  if (!request.query.empty()) location += concat("?", request.query);
  return redirect_response(request, request.method == "GET" ? 301 : 307, location);
}

http::Response Router::wrong_method(const http::Request& request, std::string_view allow) {
  http::Response response = request.method == "OPTIONS"
                                ? text_response(200, {})
                                : error_text_response(405, "Method Not Allowed");
  response.headers.add("Allow", std::string(allow));
  return response;
}

// Above the prefix there is only the root, which leads to it.
http::Response Router::outside_prefix(const http::Request& request) const {
  if (request.path != "/") return error_text_response(404, "404 page not found");
  if (request.method != "GET") return wrong_method(request, "GET, OPTIONS");
  return redirect_response(request, 302, options_.prefix);
}

asio::awaitable<http::Response> Router::handle(const http::Request& request) const {
  if (std::string clean = clean_path(request.path); clean != request.path) {
    std::string location = http::path_escape(clean);
    if (!request.query.empty()) location += concat("?", request.query);
    co_return redirect_response(request, 307, location);
  }
  std::string_view path = request.path;
  if (!path.starts_with(options_.prefix)) co_return outside_prefix(request);
  path.remove_prefix(options_.prefix.size());
  const Route* route = find(path);
  const Method* method = route == nullptr ? nullptr : route->find(request.method);
  if (method == nullptr && request.method == "OPTIONS") {
    // A wildcard route may answer OPTIONS for paths that other routes own.
    for (const auto& candidate : patterns_) {
      const Method* options = candidate->find("OPTIONS");
      if (options == nullptr || !matches(candidate->segments, split(path, '/'))) continue;
      http::Response response = co_await run(*candidate, *options, request);
      co_return response;
    }
  }
  if (route == nullptr || (method == nullptr && route->segments.back().starts_with('*'))) {
    co_return unmatched(request, path);
  }
  if (method == nullptr) co_return wrong_method(request, route->allow());
  http::Response response = co_await run(*route, *method, request);
  co_return response;
}

// The one place where the exceptions of handlers end. That of a coroutine being cancelled goes on:
// nobody waits for its answer.
asio::awaitable<http::Response> Router::answer(const Method& method,
                                               const http::Request& request) const {
  try {
    http::Response response = co_await method.handler(request);
    if (method.traits.cors) add_cors(request, response);
    if (method.traits.compress && response.body.size() <= kInlineCompressBytesMax) {
      compress_body(request, response);
    } else if (method.traits.compress) {
      auto compress = [&request, &response] { compress_body(request, response); };
      const Executors& lane = method.traits.lane != nullptr ? *method.traits.lane : executors_;
      co_await run_on(lane.cpu(), std::move(compress));
    }
    co_return response;
  } catch (...) {
    if (describe_exception(std::current_exception()).empty()) throw;
    const std::string what =
        concat(request.method, " ", std::string_view(request.path).substr(0, kLoggedPathBytesMax));
    const Error error = report_current_exception(log_, metrics_, {"http", what});
    if (method.traits.cors) co_return error_response(error);
    co_return error_text_response(500, error.message());
  }
}

asio::awaitable<http::Response> Router::run(const Route& route, const Method& method,
                                            const http::Request& request) const {
  const std::int64_t start_ns = clock_.monotonic_ns();
  http::Response response;
  const Readiness readiness = this->readiness();
  if (method.traits.gated && readiness != Readiness::kReady) {
    response = text_response(503, "Service Unavailable");
    response.headers.add("X-Prometheus-Stopping",
                         readiness == Readiness::kStopping ? "true" : "false");
  } else if (method.traits.mutating && is_cross_site(request)) {
    response = error_text_response(403, "cross-site request refused");
  } else {
    response = co_await answer(method, request);
  }
  route.duration->observe(static_cast<double>(clock_.monotonic_ns() - start_ns) / 1e9);
  route.size->observe(static_cast<double>(response.body.size()));
  metrics_
      .counter("prometheus_http_requests_total", "Counter of HTTP requests.",
               {{"handler", route.pattern}, {"code", std::to_string(response.status)}})
      .add();
  co_return response;
}

void Router::add_cors(const http::Request& request, http::Response& response) const {
  response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.get("Origin");
  if (origin.empty()) return;
  response.headers.add("Access-Control-Allow-Headers",
                       "Accept, Authorization, Content-Type, Origin");
  response.headers.add("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.add("Access-Control-Expose-Headers", "Date");
  if (!options_.cors_origin || options_.cors_origin->matches(origin)) {
    response.headers.add("Access-Control-Allow-Origin", std::string(origin));
  }
}

std::string_view path_parameter(std::string_view path, std::string_view before,
                                std::string_view after) {
  const std::size_t start = path.find(before);
  if (start == std::string_view::npos || !path.ends_with(after)) return {};
  path.remove_prefix(start + before.size());
  if (path.size() < after.size()) return {};
  path.remove_suffix(after.size());
  return path;
}

}  // namespace narthex::web
