// Puts the whole HTTP API on a router: every path that upstream has below /api/v1, and
// /version. What is not there yet answers "not implemented yet: <path>" in the envelope.
#pragma once

#include <memory>

#include "base/budget.h"
#include "net/executors.h"
#include "web/api/query_api.h"
#include "web/api/rules_api.h"
#include "web/api/series_api.h"
#include "web/api/status_api.h"
#include "web/api/targets_api.h"
#include "web/router.h"

namespace narthex::web {

/// What requests may use: `budget` together, `per_request` each (0: no limit). Null: not counted.
struct ApiMemory {
  MemoryBudget* budget = nullptr;
  std::size_t per_request = 0;
};

/// The endpoint groups. Owned by server/, must outlive the router's last request.
struct ApiParts {
  QueryApi& query;
  const SeriesApi& series;
  const TargetsApi& targets;
  const StatusApi& status;
  const RulesApi* rules = nullptr;  // null: not implemented yet
  ApiMemory memory = {};
};

/// A handler that runs `answer` on the CPU pool of `executors`, which outlives it. Several at once.
net::http::HttpHandler on_cpu(net::Executors& executors,
                              std::function<net::http::Response(const net::http::Request&)> answer);

/// Whose CPU threads answer what. All outlive the router's last request.
struct ApiLanes {
  net::Executors& instants;  // instant queries
  net::Executors& ranges;    // range queries
  net::Executors& reads;     // labels, series, and the text of queries
  net::Executors& control;   // status, targets and rules; and what of an answer streams
};

/// Adds every route, once, before the router's first request.
void add_api_routes(Router& router, const ApiParts& parts, const ApiLanes& lanes);

}  // namespace narthex::web
