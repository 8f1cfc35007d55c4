// Which path is answered by whom, on whose threads, and at whose expense.
//
// Handlers are plain functions from a request to an answer; this file puts three things around
// each. A lane: the CPU pool on which it runs, so that slow queries wait for each other and status
// pages for nobody. What of an answer does not fit into one piece is made by the control lane,
// where no slow request is in front of it. Memory: what the handler allocates is charged to an
// account, which the answer keeps until it is sent, because its pieces hold that memory and make
// more of it. Traits: upstream's gate, CORS and compression for the path.
//
// Paths that upstream has and we have not are routes, too: they say so, instead of being no path at
// all.
#include "web/api/api.h"

#include "base/str.h"
#include "web/api/errors.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

using Handler = std::function<Answer(const net::http::Request&)>;
using Methods = std::vector<std::string_view>;

// Whose CPU threads answer: what of an answer does not fit into one piece is made by those of
// `rest`, where no slow request is in front of it.
struct Lane {
  net::Executors& first;
  net::Executors& rest;
};

constexpr RouteTraits kJson{.gated = true, .cors = true, .compress = true};
constexpr RouteTraits kUncompressed{.gated = true, .cors = true};
constexpr RouteTraits kUngated{.gated = false, .cors = true};
constexpr RouteTraits kAdmin{.gated = true, .cors = true, .compress = true, .mutating = true};

asio::awaitable<net::http::Response> preflight(const net::http::Request&) {
  co_return net::http::Response{.status = 204, .headers = {}, .body = {}};
}

asio::awaitable<net::http::Response> run_handler(Lane lane, const Handler& handler,
                                                 const net::http::Request& request) {
  auto work = [&handler, &request] { return handler(request); };
  Answer answer = co_await net::run_on(lane.first.cpu(), std::move(work));
  co_return to_response(std::move(answer), lane.rest);
}

net::http::HttpHandler on_lane(Lane lane, Handler handler) {
  return [lane, handler = std::move(handler)](const net::http::Request& request) {
    return run_handler(lane, handler, request);
  };
}

// Pieces whose making, and whose end, is charged to the request's account.
class ChargedPieces final : public BodyPieces {
 public:
  ChargedPieces(std::shared_ptr<MemoryAccount> account, std::unique_ptr<BodyPieces> pieces)
      : account_(std::move(account)), pieces_(std::move(pieces)) {}
  ~ChargedPieces() override {
    const MemoryScope scope(account_.get());
    pieces_.reset();
  }
  Result<bool> next(std::string& out) override {
    return run_charged(*account_, [&] { return pieces_->next(out); });
  }

 private:
  std::shared_ptr<MemoryAccount> account_;
  std::unique_ptr<BodyPieces> pieces_;
};

// `handler` with what it allocates charged to an account that lives as long as the answer.
Handler charged(const ApiMemory& memory, Handler handler) {
  if (memory.budget == nullptr) return handler;
  return [memory, handler = std::move(handler)](const net::http::Request& request) -> Answer {
    const auto account = std::make_shared<MemoryAccount>(*memory.budget, memory.per_request);
    Result<Answer> answer =
        run_charged(*account, [&]() -> Result<Answer> { return handler(request); });
    if (!answer) return error_response(answer.error());
    answer->response.held = account;
    if (answer->rest != nullptr) {
      answer->rest = std::make_unique<ChargedPieces>(account, std::move(answer->rest));
    }
    return *std::move(answer);
  };
}

// Adds routes below /api/v1, but for root_missing().
class Adder {
 public:
  Adder(Router& router, Lane lane, const ApiMemory& memory)
      : router_(router), lane_(lane), memory_(memory) {}

  void add(const Methods& methods, std::string_view path, RouteTraits traits, Handler handler) {
    traits.lane = &lane_.rest;
    router_.add(methods, concat("/api/v1", path), traits,
                on_lane(lane_, charged(memory_, std::move(handler))));
  }
  void get(std::string_view path, Handler handler) {
    add({"GET"}, path, kJson, std::move(handler));
  }
  void form(std::string_view path, Handler handler) {
    add({"GET", "POST"}, path, kJson, std::move(handler));
  }
  void missing(const Methods& methods, std::string_view path, RouteTraits traits = kJson) {
    add(methods, path, traits, [name = std::string(path.substr(1))](const net::http::Request&) {
      return not_implemented_response(name);
    });
  }
  void root_missing(std::string_view path) {
    auto answer = [text = concat("not implemented yet: ", path.substr(1))](
                      const net::http::Request&) { return error_text_response(501, text); };
    router_.add({"GET"}, path, {}, on_cpu(lane_.first, std::move(answer)));
  }
  void refuse(const Methods& methods, std::string_view path, RouteTraits traits, Error error) {
    add(methods, path, traits,
        [error = std::move(error)](const net::http::Request&) { return error_response(error); });
  }
  void text(const Methods& methods, std::string_view path, int status, std::string text) {
    add(methods, path, {}, [status, text = std::move(text)](const net::http::Request&) {
      return error_text_response(status, text);
    });
  }

 private:
  Router& router_;
  Lane lane_;
  ApiMemory memory_;
};

void add_read_routes(Adder& adder, const ApiParts& parts) {
  QueryApi* query = &parts.query;
  const SeriesApi* series = &parts.series;
  adder.form("/query_exemplars", [query](const auto& r) { return query->exemplars(r); });
  adder.form("/format_query", [query](const auto& r) { return query->format_query(r); });
  adder.form("/parse_query", [query](const auto& r) { return query->parse_query(r); });
  adder.form("/labels", [series](const auto& r) { return series->label_names(r); });
  adder.get("/label/:name/values", [series](const auto& r) { return series->label_values(r); });
  adder.form("/series", [series](const auto& r) { return series->series(r); });
}

void add_target_routes(Adder& adder, const ApiParts& parts) {
  const TargetsApi* targets = &parts.targets;
  adder.get("/scrape_pools", [targets](const auto& r) { return targets->scrape_pools(r); });
  adder.get("/targets", [targets](const auto& r) { return targets->targets(r); });
  adder.get("/targets/metadata", [targets](const auto& r) { return targets->target_metadata(r); });
  adder.missing({"GET"}, "/targets/relabel_steps");
  adder.get("/alertmanagers", [targets](const auto& r) { return targets->alertmanagers(r); });
  adder.get("/metadata", [targets](const auto& r) { return targets->metric_metadata(r); });
}

void add_rule_routes(Adder& adder, const ApiParts& parts) {
  const RulesApi* rules = parts.rules;
  if (rules == nullptr) {
    adder.missing({"GET"}, "/rules");
    adder.missing({"GET"}, "/alerts");
    return;
  }
  adder.get("/rules", [rules](const auto& r) { return rules->rules(r); });
  adder.get("/alerts", [rules](const auto& r) { return rules->alerts(r); });
}

void add_status_routes(Adder& adder, const ApiParts& parts) {
  const StatusApi* status = &parts.status;
  adder.get("/status/config", [status](const auto& r) { return status->config(r); });
  adder.get("/status/flags", [status](const auto& r) { return status->flags(r); });
  adder.get("/status/runtimeinfo", [status](const auto& r) { return status->runtime_info(r); });
  adder.get("/status/buildinfo", [status](const auto& r) { return status->build_info(r); });
  adder.get("/status/tsdb", [status](const auto& r) { return status->tsdb(r); });
  adder.root_missing("/federate");
  adder.missing({"GET"}, "/status/tsdb/blocks");
  adder.missing({"GET"}, "/status/self_metrics");
  adder.missing({"GET"}, "/features");
  adder.add({"GET"}, "/status/walreplay", kUngated,
            [status](const auto& r) { return status->wal_replay(r); });
  adder.add({"GET"}, "/notifications", kUngated,
            [status](const auto& r) { return status->notifications(r); });
  adder.missing({"GET"}, "/notifications/live", kUngated);
  adder.missing({"GET"}, "/openapi.yaml", {});
}

void add_write_routes(Adder& adder) {
  adder.missing({"POST"}, "/read", {});
  adder.text({"POST"}, "/write", 404,
             "remote write receiver needs to be enabled with --web.enable-remote-write-receiver");
  adder.text({"POST"}, "/otlp/v1/metrics", 404,
             "otlp write receiver needs to be enabled with --web.enable-otlp-receiver");
  for (const std::string_view path : {"metric_names", "label_names", "label_values"}) {
    adder.refuse({"GET", "POST"}, concat("/search/", path), kUncompressed,
                 Error(Code::kUnavailable, "search API disabled"));
  }
  for (const std::string_view path : {"delete_series", "clean_tombstones", "snapshot"}) {
    adder.refuse({"POST", "PUT"}, concat("/admin/tsdb/", path), kAdmin,
                 Error(Code::kUnavailable, "admin APIs disabled"));
  }
}

}  // namespace

net::http::HttpHandler on_cpu(
    net::Executors& executors,
    std::function<net::http::Response(const net::http::Request&)> answer) {
  return on_lane({.first = executors, .rest = executors}, std::move(answer));
}

void add_api_routes(Router& router, const ApiParts& parts, const ApiLanes& lanes) {
  Adder instants(router, {.first = lanes.instants, .rest = lanes.control}, parts.memory);
  Adder ranges(router, {.first = lanes.ranges, .rest = lanes.control}, parts.memory);
  Adder reads(router, {.first = lanes.reads, .rest = lanes.control}, parts.memory);
  Adder others(router, {.first = lanes.control, .rest = lanes.control}, parts.memory);
  router.add({"OPTIONS"}, "/api/v1/*path", kJson, preflight);  // paths without a route, too
  QueryApi* query = &parts.query;
  instants.form("/query", [query](const auto& r) { return query->instant(r); });
  ranges.form("/query_range", [query](const auto& r) { return query->range(r); });
  add_read_routes(reads, parts);
  add_target_routes(others, parts);
  add_rule_routes(others, parts);
  add_status_routes(others, parts);
  add_write_routes(others);
  const StatusApi* status = &parts.status;
  router.add({"GET"}, "/version", {.gated = false},
             on_cpu(lanes.control, [status](const auto& r) { return status->version(r); }));
}

}  // namespace narthex::web
