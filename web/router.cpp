// From a request to its handler, by the rules of Go's ServeMux and upstream's two routers.
//
// handle() decides where a request goes:
// 1. A path that is not clean (double slashes, dots) is redirected to the clean one. It is the path
//    as the client wrote it, escapes and all, that must be clean.
// 2. The mux compares segments, so an escaped /api/v1 is the API's still; the API's router then
//    compares bytes and has no such path: 404.
// 3. The tree of the method has the path: run() it. Else a slash more or less, or another case, may
//    lead somewhere: 301 or 307. Else other methods may have it: 405 with Allow, or 404.
//
// run() is what surrounds every handler: the readiness gate, the refusal of cross-site requests to
// what changes something, then answer(), then the metrics, which for a stream are counted when its
// last byte is gone.
//
// answer() is where exceptions of handlers end: one becomes a 500 and a line in the log.
// Compression of small bodies is done on the I/O thread, since to go to another would take longer.
//
// Unlike upstream, a redirect never leads out of the prefix, and requests that a browser says come
// from another site change nothing here.
#include "web/router.h"

#include <algorithm>

#include "base/exceptions.h"
#include "base/str.h"
#include "base/units.h"
#include "net/http/framing.h"
#include "net/http/url.h"
#include "web/api/errors.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

constexpr std::size_t kInlineCompressBytesMax = 32 * 1024;  // tuned: below 1 ms on an I/O thread
constexpr std::size_t kLoggedPathBytesMax = 200;
constexpr std::string_view kApi = "/api/v1";

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

// What the client wrote, if that is an escaped path; else the path as Go escapes it.
std::string written_path(const net::http::Request& request) {
  return request.escaped_path.empty() ? net::http::path_escape(request.path) : request.escaped_path;
}

// Whether the first segments of an escaped path mean those of `prefix`. The empty one before the
// first slash counts.
bool has_segments(const std::vector<std::string_view>& path, std::string_view prefix) {
  const auto wanted = split(prefix, '/');
  if (path.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (path[i] == wanted[i]) continue;
    if (path[i].find('%') == std::string_view::npos) return false;
    if (net::http::percent_decode(path[i], false) != wanted[i]) return false;
  }
  return true;
}

std::string with_query(std::string location, const net::http::Request& request) {
  if (!request.query.empty()) location += concat("?", request.query);
  return location;
}

std::string_view host_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
}

// A browser tells where a request came from; other clients send neither field.
bool is_cross_site(const net::http::Request& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (site == "cross-site" || site == "same-site") return true;
  const std::string_view origin = request.headers.get("Origin");
  return !origin.empty() && host_of(origin) != request.headers.get("Host");
}

class CountingSink final : public net::http::BodySink {
 public:
  explicit CountingSink(net::http::BodySink& sink) : sink_(sink) {}
  asio::awaitable<Result<void>> write(std::string_view bytes) override {
    bytes_ += bytes.size();
    return sink_.write(bytes);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  net::http::BodySink& sink_;
  std::size_t bytes_ = 0;
};

asio::awaitable<Result<void>> send_counted(net::http::BodyStream stream,
                                           std::function<void(std::size_t bytes)> count,
                                           net::http::BodySink& sink) {
  CountingSink counting(sink);
  Result<void> sent = co_await stream(counting);
  count(counting.bytes());
  co_return sent;
}

}  // namespace

struct Router::Endpoint {
  RouteTraits traits;
  net::http::HttpHandler handler;
  const RouteMetrics& metrics;
};

Router::Router(RouterOptions options, net::Executors& executors, const Clock& clock,
               Metrics& metrics, Log& log)
    : options_(std::move(options)),
      executors_(executors),
      clock_(clock),
      metrics_(metrics),
      log_(log),
      pages_{.prefix = {}, .written = {}, .trees = {}},
      api_{.prefix = concat(options_.prefix, kApi),
           .written = net::http::path_escape(concat(options_.prefix, kApi)),
           .trees = {}} {
  if (options_.prefix.empty()) return;
  auto to_prefix =
      [this](const net::http::Request& request) -> asio::awaitable<net::http::Response> {
    co_return redirect_response(request, 302, options_.prefix);
  };
  const RouteTraits traits{.gated = false};
  add_to(pages_, "GET", "/", std::make_shared<Endpoint>(traits, to_prefix, route_metrics("/")));
}
Router::~Router() = default;

const RouteMetrics& Router::route_metrics(std::string_view pattern) {
  const auto found = route_metrics_.find(pattern);
  if (found != route_metrics_.end()) return *found->second;
  auto made = std::make_unique<RouteMetrics>(metrics_, pattern);
  return *route_metrics_.emplace(std::string(pattern), std::move(made)).first->second;
}

void Router::add_to(Site& site, std::string_view method, std::string_view path,
                    std::shared_ptr<const Endpoint> endpoint) {
  site.trees[std::string(method)].add(path, static_cast<RouteTree::Id>(endpoints_.size()));
  endpoints_.push_back(std::move(endpoint));
}

void Router::add(std::vector<std::string_view> methods, std::string_view pattern,
                 RouteTraits traits, net::http::HttpHandler handler) {
  const auto endpoint =
      std::make_shared<Endpoint>(traits, std::move(handler), route_metrics(pattern));
  const bool is_api = pattern.starts_with(kApi);
  for (const std::string_view method : methods) {
    if (is_api) {
      add_to(api_, method, pattern.substr(kApi.size()), endpoint);
    } else {
      add_to(pages_, method, concat(options_.prefix, pattern), endpoint);
    }
  }
}

const Router::Endpoint* Router::find(const Site& site, std::string_view method,
                                     std::string_view path) const {
  const auto tree = site.trees.find(method);
  if (tree == site.trees.end()) return nullptr;
  const RouteTree::Match match = tree->second.find(path);
  return match.route ? endpoints_[*match.route].get() : nullptr;
}

bool Router::is_vital(const net::http::Request& request) const {
  const Endpoint* endpoint = find(pages_, request.method, request.path);
  return endpoint != nullptr && endpoint->traits.vital;
}

// To the route that a slash more or less, or another case, leads to. Only methods that have routes
// are led anywhere. Unlike upstream's, a redirect stays below the site's prefix.
std::optional<net::http::Response> Router::redirect(const Site& site,
                                                    const net::http::Request& request,
                                                    std::string_view path) const {
  const auto tree = site.trees.find(request.method);
  if (tree == site.trees.end() || path == "/") return std::nullopt;
  std::string other;
  if (tree->second.find(path).wants_other_slash) {
    other = path.ends_with('/') ? std::string(path.substr(0, path.size() - 1)) : concat(path, "/");
  } else if (auto respelled = tree->second.find_in_other_case(clean_path(path))) {
    other = *std::move(respelled);
  } else {
    return std::nullopt;
  }
  if (other.empty()) other = "/";
  const std::string location = concat(site.written, clean_path(net::http::path_escape(other)));
  return redirect_response(request, request.method == "GET" ? 301 : 307,
                           with_query(location, request));
}

// 405 with the methods that the path does have, or 404.
net::http::Response Router::refuse(const Site& site, const net::http::Request& request,
                                   std::string_view path) {
  std::vector<std::string> allowed;
  for (const auto& [method, tree] : site.trees) {
    if (method != "OPTIONS" && tree.find(path).route) allowed.push_back(method);
  }
  if (allowed.empty()) return error_text_response(404, "404 page not found");
  allowed.emplace_back("OPTIONS");
  std::ranges::sort(allowed);
  net::http::Response response = request.method == "OPTIONS"
                                     ? text_response(200, {})
                                     : error_text_response(405, "Method Not Allowed");
  response.headers.add("Allow", join(allowed, ", "));
  return response;
}

asio::awaitable<net::http::Response> Router::handle(const net::http::Request& request) const {
  if (request.path == "*") co_return text_response(request.method == "OPTIONS" ? 200 : 400, {});
  const std::string written = written_path(request);
  const std::string clean = clean_path(written);
  const auto segments = split(clean, '/');
  const bool is_api = has_segments(segments, api_.prefix);
  const bool is_bare_api = is_api && segments.size() == split(api_.prefix, '/').size();
  if (is_bare_api) {
    co_return redirect_response(request, 307, with_query(api_.written + "/", request));
  }
  if (clean != written) co_return redirect_response(request, 307, with_query(clean, request));
  if (is_api && !written.starts_with(api_.written)) {  // spelled with escapes of its own
    co_return error_text_response(404, "404 page not found");
  }
  const Site& site = is_api ? api_ : pages_;
  const std::string_view path = std::string_view(request.path).substr(site.prefix.size());
  const Endpoint* endpoint = find(site, request.method, path);
  if (endpoint == nullptr) {
    auto redirected = redirect(site, request, path);
    co_return redirected ? *std::move(redirected) : refuse(site, request, path);
  }
  net::http::Response response = co_await run(*endpoint, request);
  co_return response;
}

// The one place where the exceptions of handlers end. That of a coroutine being cancelled goes on:
// nobody waits for its answer.
asio::awaitable<net::http::Response> Router::answer(const Endpoint& endpoint,
                                                    const net::http::Request& request) const {
  try {
    net::http::Response response = co_await endpoint.handler(request);
    const net::Executors& lane =
        endpoint.traits.lane != nullptr ? *endpoint.traits.lane : executors_;
    if (endpoint.traits.compress && response.stream) {
      compress_stream(request, response, lane);
    } else if (endpoint.traits.compress && response.body.size() <= kInlineCompressBytesMax) {
      compress_body(request, response);
    } else if (endpoint.traits.compress) {
      auto compress = [&request, &response] { compress_body(request, response); };
      co_await net::run_on(lane.cpu(), std::move(compress));
    }
    if (endpoint.traits.cors) add_cors(request, response);
    co_return response;
  } catch (...) {
    if (describe_exception(std::current_exception()).empty()) throw;
    const std::string what =
        concat(request.method, " ", std::string_view(request.path).substr(0, kLoggedPathBytesMax));
    const Error error = report_current_exception(log_, metrics_, {"http", what});
    if (!endpoint.traits.cors) co_return error_text_response(500, error.message());
    net::http::Response response = error_response(error);
    add_cors(request, response);
    co_return response;
  }
}

asio::awaitable<net::http::Response> Router::run(const Endpoint& endpoint,
                                                 const net::http::Request& request) const {
  const std::int64_t start_ns = clock_.monotonic_ns();
  net::http::Response response;
  const Readiness readiness = this->readiness();
  if (endpoint.traits.gated && readiness != Readiness::kReady) {
    response = text_response(503, "Service Unavailable");
    response.headers.add("X-Prometheus-Stopping",
                         readiness == Readiness::kStopping ? "true" : "false");
  } else if (endpoint.traits.mutating && is_cross_site(request)) {
    response = error_text_response(403, "cross-site request refused");
  } else {
    response = co_await answer(endpoint, request);
  }
  const auto count = [this, &endpoint, start_ns, status = response.status](std::size_t bytes) {
    endpoint.metrics.add(status, to_seconds(clock_.monotonic_ns() - start_ns), bytes);
  };
  if (response.stream && request.method != "HEAD") {
    response.stream = [stream = std::move(response.stream), count](net::http::BodySink& sink) {
      return send_counted(stream, count, sink);
    };
  } else {
    count(response.body.size());
  }
  co_return response;
}

void Router::add_cors(const net::http::Request& request, net::http::Response& response) const {
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
