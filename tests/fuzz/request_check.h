// The invariant of the request fuzzer, shared with the unit suite: any request is answered with a
// status, what calls itself JSON is JSON, and the next request finds the server as it was.
// tidy: long, tables of what requests are made of
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/parse.hpp>

#include "base/check.h"
#include "base/str.h"
#include "model/sample.h"
#include "net/http/url.h"
#include "query/engine.h"
#include "tests/support/temp_dir.h"
#include "tests/web/await.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/lifecycle_pages.h"
#include "web/page.h"

namespace narthex::fuzz {

/// Reads choices out of a fuzzer's bytes; zeroes when they are used up.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}

  std::size_t below(std::size_t count) { return byte() % count; }
  bool empty() const { return rest_.empty(); }
  std::string_view text() {
    const std::string_view out = rest_.substr(0, byte());
    rest_.remove_prefix(std::min(out.size(), rest_.size()));
    return out;
  }
  template <std::size_t N>
  std::string_view of(const std::array<std::string_view, N>& items) {
    return items[below(N)];
  }

 private:
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return out;
  }

  std::string_view rest_;
};

inline constexpr auto kRoutes = std::to_array<std::string_view>({"/api/v1/query",
                                                                 "/api/v1/query_range",
                                                                 "/api/v1/query_exemplars",
                                                                 "/api/v1/format_query",
                                                                 "/api/v1/parse_query",
                                                                 "/api/v1/labels",
                                                                 "/api/v1/label/job/values",
                                                                 "/api/v1/label/U__a_2e_/values",
                                                                 "/api/v1/label//values",
                                                                 "/api/v1/series",
                                                                 "/api/v1/targets",
                                                                 "/api/v1/targets/metadata",
                                                                 "/api/v1/metadata",
                                                                 "/api/v1/scrape_pools",
                                                                 "/api/v1/rules",
                                                                 "/api/v1/alerts",
                                                                 "/api/v1/alertmanagers",
                                                                 "/api/v1/status/config",
                                                                 "/api/v1/status/flags",
                                                                 "/api/v1/status/runtimeinfo",
                                                                 "/api/v1/status/buildinfo",
                                                                 "/api/v1/status/tsdb",
                                                                 "/api/v1/status/walreplay",
                                                                 "/api/v1/notifications",
                                                                 "/api/v1/write",
                                                                 "/api/v1/read",
                                                                 "/api/v1/admin/tsdb/snapshot",
                                                                 "/api/v1/x",
                                                                 "/",
                                                                 "/graph",
                                                                 "/metrics",
                                                                 "/-/healthy",
                                                                 "/-/ready",
                                                                 "/version",
                                                                 "//api/v1/query",
                                                                 "/api/v1/../v1/labels",
                                                                 "/static/x.js"});

inline constexpr auto kNames = std::to_array<std::string_view>({"query",
                                                                "time",
                                                                "start",
                                                                "end",
                                                                "step",
                                                                "timeout",
                                                                "lookback_delta",
                                                                "limit",
                                                                "stats",
                                                                "match[]",
                                                                "state",
                                                                "scrapePool",
                                                                "metric",
                                                                "match_target",
                                                                "limit_per_metric",
                                                                "type",
                                                                "rule_name[]",
                                                                "rule_group[]",
                                                                "file[]",
                                                                "exclude_alerts",
                                                                "group_limit",
                                                                "group_next_token",
                                                                "dedup",
                                                                "x"});

inline constexpr auto kValues = std::to_array<std::string_view>({"",
                                                                 "0",
                                                                 "-1",
                                                                 "1",
                                                                 "60",
                                                                 "0.001",
                                                                 "1e-300",
                                                                 "-0",
                                                                 "NaN",
                                                                 "Inf",
                                                                 "-Inf",
                                                                 "1e308",
                                                                 "9223372036854775807",
                                                                 "-9223372036854775808",
                                                                 "9223372036854775",
                                                                 "-9223372036854775",
                                                                 "9223372036854.775807",
                                                                 "18446744073709551616",
                                                                 "1_000",
                                                                 "0x1p3",
                                                                 "2026-01-02T03:04:05Z",
                                                                 "0000-01-01T00:00:00Z",
                                                                 "9999-12-31T23:59:59.999999999Z",
                                                                 "-292273086-05-16T16:47:06Z",
                                                                 "1m",
                                                                 "292y",
                                                                 "1ms",
                                                                 "99999999999y",
                                                                 "true",
                                                                 "all",
                                                                 "up",
                                                                 "{}",
                                                                 "{a=\"b\"}",
                                                                 "\xff\xfe",
                                                                 "%"});

inline constexpr auto kPieces = std::to_array<std::string_view>({"a",
                                                                 "b",
                                                                 "{job=\"1\"}",
                                                                 "{a=~\".*x|y\"}",
                                                                 "sum(",
                                                                 "rate(",
                                                                 "topk(3,",
                                                                 "quantile(2,",
                                                                 ")",
                                                                 "[5m]",
                                                                 "[292y:1ms]",
                                                                 "[1m+1m]",
                                                                 "[5m:]",
                                                                 " offset 292y",
                                                                 " @ 9e15",
                                                                 " @ end()",
                                                                 " + ",
                                                                 " or ",
                                                                 " and on() ",
                                                                 " ^ ",
                                                                 " == bool ",
                                                                 "1",
                                                                 "0x7fffffffffffffff",
                                                                 "-",
                                                                 "(",
                                                                 "label_replace(",
                                                                 ",\"a\",\"$1$1\",\"a\",\"(.*)\")",
                                                                 "label_join(",
                                                                 ",\"a\",\",\",\"a\",\"a\")",
                                                                 "absent(",
                                                                 "histogram_quantile(0.9,",
                                                                 "by (job) ",
                                                                 "without () ",
                                                                 "info(",
                                                                 "sort_desc(",
                                                                 "count_values(\"a\",",
                                                                 "group_left(x) ",
                                                                 "\"text\"",
                                                                 "vector(",
                                                                 "scalar(",
                                                                 "time()",
                                                                 "NaN"});

/// A server in this process, with a little data and no socket.
class RequestServer {
 public:
  RequestServer() { fill(); }
  ~RequestServer() { executors_.stop(); }
  RequestServer(const RequestServer&) = delete;
  RequestServer& operator=(const RequestServer&) = delete;

  /// Makes a request of `input`, asks it, and checks the answer.
  void check(std::string_view input) {
    const net::http::Request request = make_request(Choices(input));
    const net::http::Response response = ask(request);
    NX_CHECK(response.status >= 200 && response.status < 600);
    check_body(request, response);
    NX_CHECK(ask(test::make_request("GET", "/-/healthy")).status == 200);
  }

  static net::http::Request make_request(Choices in) {
    static constexpr auto kMethods =
        std::to_array<std::string_view>({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"});
    net::http::Request request = test::make_request("GET", in.of(kRoutes));
    const std::size_t method = in.below(16);
    request.method = kMethods[method < 10 ? 0 : method - 10];
    if (in.below(8) == 1) request.headers.add("Origin", std::string(in.text()));
    if (in.below(8) == 1) request.headers.add("Accept-Encoding", "gzip");
    std::string form;
    for (std::size_t left = in.below(7); left > 0; --left) {
      const std::string name = net::http::query_escape(in.of(kNames));
      form += concat(form.empty() ? "" : "&", name, "=", net::http::query_escape(value(in)));
    }
    if (in.below(8) == 1) form += in.text();
    if (request.method == "POST") {
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
      request.body = std::move(form);
    } else {
      request.query = std::move(form);
    }
    return request;
  }

 private:
  static std::string value(Choices& in) {
    const std::size_t kind = in.below(8);
    if (kind == 0) return std::string(in.text());
    if (kind < 4) return std::string(in.of(kValues));
    std::string out;
    for (std::size_t left = 1 + in.below(12); left > 0; --left) {
      out += in.below(16) == 0 ? in.text() : in.of(kPieces);
    }
    return out;
  }

  net::http::Response ask(const net::http::Request& request) {
    const auto handler = [this](const net::http::Request& r) { return router_.handle(r); };
    return test::await_response(executors_, handler, request);
  }

  static void check_body(const net::http::Request& request, const net::http::Response& response) {
    if (response.headers.get("Content-Type") != "application/json") return;
    if (response.headers.contains("Content-Encoding") || response.body.empty()) return;
    boost::json::parse_options options;
    options.max_depth = 10'000;
    boost::system::error_code failed;
    const auto parsed = boost::json::parse(response.body, failed, {}, options);
    if (failed && failed != boost::json::error::incomplete) {
      NX_CHECK(!request.path.empty() && !failed);
    }
    if (!parsed.is_object() || !parsed.as_object().contains("status")) return;
    const bool good = parsed.as_object().at("status") == "success";
    NX_CHECK(good == (response.status == 200));
  }

  void fill() {
    auto db =
        tsdb::Db::open({.path = dir_.path()}, real_file_system(), clock_, metrics_, null_log());
    NX_CHECK(db.has_value());
    db_ = *std::move(db);
    const model::TimeMs now = clock_.now_ms();
    for (int i = 0; i < 100; ++i) {
      std::vector<model::SeriesHandle> series;
      std::vector<double> values;
      for (int s = 0; s < 20; ++s) {
        series.push_back(*db_->resolve({{"__name__", s < 10 ? "a" : "b"},
                                        {"job", concat(s % 3)},
                                        {"le", concat(s)},
                                        {"a", concat("x", s)}},
                                       model::kNoOwner));
        values.push_back(i % 17 == 3 ? model::stale_nan() : s * i - 50.0);
      }
      const auto added =
          db_->append({.series = series, .values = values, .time = now - (100 - i) * 1000});
      NX_CHECK(added.has_value());
    }
    router_.set_readiness(web::Router::Readiness::kReady);
    web::add_api_routes(router_,
                        {query_,
                         series_,
                         targets_,
                         status_,
                         &rules_,
                         {&engine_.memory(query::Lane::kApi), engine_.options().query_memory_max}},
                        {executors_, executors_, executors_, executors_});
    web::add_page_routes(router_, "");
    web::add_lifecycle_routes(router_, {}, {executors_, executors_}, metrics_);
  }

  static query::EngineOptions options() {
    query::EngineOptions out;
    out.timeout_ms = 100;
    out.samples_max = 1'000'000;
    out.query_memory_max = std::size_t{64} << 20;
    out.parser = {
        .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};
    return out;
  }

  SystemClock clock_;
  Metrics metrics_;
  test::TempDir dir_;
  net::Executors executors_{1, 1};
  std::unique_ptr<tsdb::Db> db_;
  query::Engine engine_{options(), clock_, metrics_};
  web::QueryApi query_{[this](const query::QueryRequest& r, const StopToken& stop) {
                         return engine_.run(*db_, r, stop);
                       },
                       options().parser, clock_};
  class Late final : public model::Queryable {
   public:
    explicit Late(RequestServer& server) : server_(server) {}
    Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override {
      return server_.db_->querier(range);
    }

   private:
    RequestServer& server_;
  };
  Late store_{*this};
  web::SeriesApi series_{store_};
  web::TargetsApi targets_{
      {.active = [] { return std::vector<scrape::ActiveTarget>(1); },
       .dropped = [] { return std::vector<scrape::DroppedTarget>(1); },
       .counts = [] { return std::vector<scrape::PoolCounts>(1); },
       .pools = [] { return std::vector<std::string>{"a"}; },
       .metadata = [](std::string_view) { return std::vector<scrape::TargetMetadata>(2); },
       .alertmanagers = [] { return std::vector<std::string>{"http://a"}; },
       .dropped_alertmanagers = [] { return std::vector<std::string>{}; }},
      {"9090", "http", "localhost:9090"}};
  web::StatusApi status_{{.build = {},
                          .config_yaml = [] { return std::string("global: {}\n"); },
                          .flags = [] { return std::map<std::string, std::string>{{"a", "b"}}; },
                          .runtime = [] { return web::RuntimeInfo{}; },
                          .tsdb = [](std::size_t, const StopToken&) { return web::TsdbStatus{}; },
                          .wal_replay = {},
                          .notifications = {}}};
  web::RulesApi rules_{[] {
    return std::vector<alerting::GroupSnapshot>{
        {.name = "g",
         .file = "f",
         .rules = {{.is_alert = true, .name = "A", .query = "up"},
                   {.is_alert = false, .name = "r", .query = "up"}}}};
  }};
  web::Router router_{{}, executors_, clock_, metrics_, null_log()};
};

}  // namespace narthex::fuzz
