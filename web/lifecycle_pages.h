// /metrics, /-/healthy, /-/ready, /-/reload, /-/quit: what machines ask of the server itself.
#pragma once

#include <functional>

#include "base/metrics.h"
#include "base/result.h"
#include "net/executors.h"
#include "web/router.h"

namespace narthex::web {

/// What the endpoints do. Outlives the router's last request.
struct LifecycleHooks {
  bool enabled = false;  // --web.enable-lifecycle
  std::function<Result<void>()>
      reload;                  // runs on the reloading lane; returns when the reload is finished
  std::function<void()> quit;  // asks for an orderly stop and returns at once
};

/// Whose CPU threads do the work. Both outlive the router's last request.
struct LifecycleLanes {
  net::Executors& control;    // waits for no query
  net::Executors& reloading;  // one thread, so that reloads wait for each other and nobody for them
};

/// Adds the routes, before the router's first request. The routes keep `hooks`; `metrics` outlives
/// them.
void add_lifecycle_routes(Router& router, LifecycleHooks hooks, LifecycleLanes lanes,
                          Metrics& metrics);

}  // namespace narthex::web
