// From a request's path and method to its handler, with upstream's router semantics: 404, 405 with
// Allow, redirects, the readiness gate, CORS, compression and the per-handler metrics. As upstream,
// two routers stand behind a mux: one for pages, and one for what is below <prefix>/api/v1/, so
// that what one lacks the other does not answer.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/regex.h"
#include "net/executors.h"
#include "net/http/message.h"
#include "net/http/server.h"
#include "web/metrics.h"
#include "web/route_tree.h"

namespace narthex::web {

/// What surrounds a handler.
struct RouteTraits {
  bool gated = true;  // 503 until ready, and again while stopping
  bool cors = false;  // JSON endpoints
  bool compress = false;
  bool mutating = false;           // refuses cross-site requests
  bool vital = false;              // answered even when all connections are taken
  net::Executors* lane = nullptr;  // whose CPU pool compresses large answers; null: the router's
};

/// Flags, for as long as the router lives.
struct RouterOptions {
  /// `--web.route-prefix`, without a slash at its end; empty for the root.
  std::string prefix;
  /// `--web.cors.origin`, anchored: the origins that are echoed; unset echoes every one.
  std::optional<Regex> cors_origin;
};

/// Routes are added before the first request, by one thread; then thread-safe.
class Router {
 public:
  /// Gated routes answer 503 but for kReady; the server goes through these in order.
  enum class Readiness : unsigned char { kStarting, kReady, kStopping };

  /// All references must outlive the router.
  Router(RouterOptions options, net::Executors& executors, const Clock& clock, Metrics& metrics,
         Log& log);
  ~Router();

  /// `pattern` is below the prefix: a RouteTree's, for each method once.
  void add(std::vector<std::string_view> methods, std::string_view pattern, RouteTraits traits,
           net::http::HttpHandler handler);

  /// Answers a request; this is the server's handler.
  asio::awaitable<net::http::Response> handle(const net::http::Request& request) const;

  /// Whether the request's route is a vital one.
  bool is_vital(const net::http::Request& request) const;

  /// From any thread. Requests that have passed the gate go on.
  void set_readiness(Readiness readiness) {
    readiness_.store(readiness, std::memory_order_release);
  }
  Readiness readiness() const { return readiness_.load(std::memory_order_acquire); }

 private:
  struct Endpoint;
  struct Site {
    std::string prefix;                                   // what stands before the trees' paths
    std::string written;                                  // the same, escaped
    std::map<std::string, RouteTree, std::less<>> trees;  // by method
  };

  void add_to(Site& site, std::string_view method, std::string_view path,
              std::shared_ptr<const Endpoint> endpoint);
  const RouteMetrics& route_metrics(std::string_view pattern);
  const Endpoint* find(const Site& site, std::string_view method, std::string_view path) const;
  std::optional<net::http::Response> redirect(const Site& site, const net::http::Request& request,
                                              std::string_view path) const;
  static net::http::Response refuse(const Site& site, const net::http::Request& request,
                                    std::string_view path);
  asio::awaitable<net::http::Response> answer(const Endpoint& endpoint,
                                              const net::http::Request& request) const;
  asio::awaitable<net::http::Response> run(const Endpoint& endpoint,
                                           const net::http::Request& request) const;
  void add_cors(const net::http::Request& request, net::http::Response& response) const;

  RouterOptions options_;
  net::Executors& executors_;
  const Clock& clock_;
  Metrics& metrics_;
  Log& log_;
  std::atomic<Readiness> readiness_{Readiness::kStarting};  // release: handlers see all parts
  Site pages_;  // its paths have the prefix, since "/" above it is a page, too
  Site api_;
  std::vector<std::shared_ptr<const Endpoint>> endpoints_;  // by RouteTree::Id
  std::map<std::string, std::unique_ptr<RouteMetrics>, std::less<>> route_metrics_;  // by pattern
};

/// The segment that `:x` matched: what stands between `before` and `after` in `path`. Empty when
/// they do not fit.
std::string_view path_parameter(std::string_view path, std::string_view before,
                                std::string_view after);

}  // namespace narthex::web
