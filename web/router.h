// From a request's path and method to its handler, with upstream's router semantics (http_api.md
// section 1): 404, 405 with Allow, trailing-slash redirects, the readiness gate, CORS, compression
// and the per-handler metrics.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/executors.h"
#include "base/http/message.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/regex.h"
#include "web/http_server.h"

namespace narthex::web {

/// What surrounds a handler.
struct RouteTraits {
  bool gated = true;  // 503 until ready, and again while stopping
  bool cors = false;  // JSON endpoints
  bool compress = false;
  bool mutating = false;      // refuses cross-site requests
  bool vital = false;         // answered even when all connections are taken
  Executors* lane = nullptr;  // whose CPU pool compresses large answers; null: the router's
};

struct RouterOptions {
  /// `--web.route-prefix`, without a slash at its end; empty for the root.
  std::string prefix;
  /// `--web.cors.origin`, anchored: the origins that are echoed; unset echoes every one.
  std::optional<Regex> cors_origin;
};

/// Routes are added before the first request; then thread-safe.
class Router {
 public:
  enum class Readiness : unsigned char { kStarting, kReady, kStopping };

  /// All references must outlive the router.
  Router(RouterOptions options, Executors& executors, const Clock& clock, Metrics& metrics,
         Log& log);
  ~Router();

  /// `pattern` is below the prefix. A segment `:x` matches any one segment, a last `*x` everything
  /// that follows. Adding the same pattern again adds methods.
  void add(std::vector<std::string_view> methods, std::string_view pattern, RouteTraits traits,
           HttpHandler handler);

  /// Answers a request; this is the server's handler.
  asio::awaitable<http::Response> handle(const http::Request& request) const;

  /// Whether the request's route is a vital one.
  bool is_vital(const http::Request& request) const;

  void set_readiness(Readiness readiness) {
    readiness_.store(readiness, std::memory_order_release);
  }
  Readiness readiness() const { return readiness_.load(std::memory_order_acquire); }

 private:
  struct Route;
  struct Method;

  const Route* find(std::string_view path) const;
  http::Response unmatched(const http::Request& request, std::string_view path) const;
  http::Response outside_prefix(const http::Request& request) const;
  static http::Response wrong_method(const http::Request& request, std::string_view allow);
  asio::awaitable<http::Response> answer(const Method& method, const http::Request& request) const;
  asio::awaitable<http::Response> run(const Route& route, const Method& method,
                                      const http::Request& request) const;
  void add_cors(const http::Request& request, http::Response& response) const;

  RouterOptions options_;
  Executors& executors_;
  const Clock& clock_;
  Metrics& metrics_;
  Log& log_;
  std::atomic<Readiness> readiness_{Readiness::kStarting};  // release: handlers see all parts
  std::unordered_map<std::string, std::unique_ptr<Route>> exact_;
  std::vector<std::unique_ptr<Route>> patterns_;
};

/// The segment that `:x` matched: what stands between `before` and `after` in `path`. Empty when
/// they do not fit.
std::string_view path_parameter(std::string_view path, std::string_view before,
                                std::string_view after);

}  // namespace narthex::web
