// Target and status endpoints: shapes are upstream's.
#include "web/api/status_api.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/web/await.h"
#include "tests/web/fake_store.h"
#include "web/api/api.h"
#include "web/api/targets_api.h"

namespace narthex::web {
namespace {

using test::make_request;

std::string data(std::string_view inner) {
  return R"({"status":"success","data":)" + std::string(inner) + "}";
}

TargetsSource one_target() {
  return {
      .active =
          [] {
            scrape::ActiveTarget target;
            target.discovered_labels = {{"__address__", "localhost:9100"}};
            target.labels = {{"job", "node"}};
            target.pool = "node";
            target.url = "http://localhost:9100/metrics";
            target.last_error = "a<b";
            target.last_scrape = 1'700'000'000'120;
            target.last_duration_seconds = 0.25;
            target.health = scrape::Health::kDown;
            target.interval = "15s";
            target.timeout = "10000ms";
            return std::vector{target};
          },
      .dropped =
          [] {
            return std::vector<scrape::DroppedTarget>{
                {.discovered_labels = {{"a", "b"}}, .pool = "x"}};
          },
      .counts =
          [] { return std::vector<scrape::PoolCounts>{{.pool = "x", .active = 0, .dropped = 3}}; },
      .pools = [] { return std::vector<std::string>{"node", "x"}; },
      .metadata =
          [](std::string_view) {
            return std::vector<scrape::TargetMetadata>{
                {{{"job", "a"}}, "up_total", {model::MetricType::kCounter, "", "Help."}},
                {{{"job", "b"}}, "up_total", {model::MetricType::kCounter, "", "Help."}},
                {{{"job", "b"}}, "up_total", {model::MetricType::kGauge, "s", "Other."}},
                {{{"job", "b"}}, "zeta", {model::MetricType::kUnknown, "", ""}}};
          },
      .alertmanagers = [] { return std::vector<std::string>{"http://am:9093/api/v2/alerts"}; },
      .dropped_alertmanagers = [] { return std::vector<std::string>(); }};
}

TEST(TargetsApi, ShowsTargets) {
  const TargetsApi api(one_target(), {.own_port = "9090", .scheme = "http", .host = "me:80"});

  EXPECT_EQ(
      api.targets(make_request("GET", "/t?state=active")).body,
      data(
          R"({"activeTargets":[{"discoveredLabels":{"__address__":"localhost:9100"},"labels":{"job":"node"},)"
          R"("scrapePool":"node","scrapeUrl":"http://localhost:9100/metrics","globalUrl":"http://me:9100/metrics",)"
          R"("lastError":"a\u003cb","lastScrape":"2023-11-14T22:13:20.12Z","lastScrapeDuration":0.25,"health":"down",)"
          R"("scrapeInterval":"15s","scrapeTimeout":"10000ms"}],"droppedTargets":[],"droppedTargetCounts":null})"));
  EXPECT_EQ(
      api.targets(make_request("GET", "/t?scrapePool=x")).body,
      data(
          R"({"activeTargets":[],"droppedTargets":[{"discoveredLabels":{"a":"b"},"scrapePool":"x"}],)"
          R"("droppedTargetCounts":{"x":3}})"));
  EXPECT_EQ(api.targets(make_request("GET", "/t?state=none")).body,
            data(R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":null})"));
}

TEST(TargetsApi, RewritesLocalUrls) {
  const GlobalUrl global{.own_port = "9090", .scheme = "https", .host = "prom.example:444"};

  EXPECT_EQ(global_url_of("http://localhost:9090/m?x", global), "https://prom.example:444/m?x");
  EXPECT_EQ(global_url_of("http://[::1]:1/m", global), "http://prom.example:1/m");
  EXPECT_EQ(global_url_of("http://other:9090/m", global), "http://other:9090/m");
  EXPECT_EQ(global_url_of("http://127.0.0.1", global), "http://prom.example");
}

TEST(TargetsApi, GroupsMetadataByFamily) {
  const TargetsApi api(one_target(), {});

  EXPECT_EQ(api.metric_metadata(make_request("GET", "/m?limit=1")).body,
            data(R"({"up_total":[{"type":"counter","unit":"","help":"Help."},)"
                 R"({"type":"gauge","unit":"s","help":"Other."}]})"));
  EXPECT_EQ(api.metric_metadata(make_request("GET", "/m?limit=1&limit_per_metric=1")).body,
            data(R"({"up_total":[{"type":"counter","unit":"","help":"Help."}]})"));
  EXPECT_NE(
      api.metric_metadata(make_request("GET", "/m?limit=x")).body.find("limit must be a number"),
      std::string::npos);
}

TEST(TargetsApi, ShowsMetadataOfMatchingTargets) {
  const TargetsApi api(one_target(), {});

  EXPECT_EQ(
      api.target_metadata(make_request("GET", "/m?match_target={job=\"a\"}")).body,
      data(
          R"([{"target":{"job":"a"},"metric":"up_total","type":"counter","help":"Help.","unit":""}])"));
  EXPECT_EQ(api.target_metadata(make_request("GET", "/m?metric=up_total&limit=1")).body,
            data(R"([{"target":{"job":"a"},"type":"counter","help":"Help.","unit":""}])"));
  EXPECT_EQ(api.target_metadata(make_request("GET", "/m?match_target={")).status, 400);
}

// The limit is looked at before each target, and never cuts one.
TEST(TargetsApi, LimitsMetadataByWholeTargets) {
  const TargetsApi api(one_target(), {});
  const auto entries = [&api](std::string_view limit) {
    const std::string body =
        api.target_metadata(make_request("GET", "/m?limit=" + std::string(limit))).body;
    std::size_t count = 0;
    for (std::size_t at = body.find("\"target\""); at != std::string::npos;
         at = body.find("\"target\"", at + 1)) {
      ++count;
    }
    return count;
  };

  EXPECT_EQ(entries("0"), 0U);
  EXPECT_EQ(entries("1"), 1U);
  EXPECT_EQ(entries("2"), 4U);
  EXPECT_EQ(entries("-1"), 4U);
}

TEST(TargetsApi, ListsPoolsAndAlertmanagers) {
  const TargetsApi api(one_target(), {});

  EXPECT_EQ(api.scrape_pools(make_request("GET", "/")).body,
            data(R"({"scrapePools":["node","x"]})"));
  EXPECT_EQ(
      api.alertmanagers(make_request("GET", "/")).body,
      data(
          R"({"activeAlertmanagers":[{"url":"http://am:9093/api/v2/alerts"}],"droppedAlertmanagers":[]})"));
}

TEST(StatusApi, SpeaksAsPrometheusAndNamesItself) {
  const StatusApi api({.build = {.narthex_version = "0.1.0", .revision = "abc"}});

  EXPECT_EQ(
      api.build_info(make_request("GET", "/")).body,
      data(R"({"version":"3.14.0","revision":"abc","branch":"","buildUser":"","buildDate":"",)"
           R"("goVersion":"","narthexVersion":"0.1.0"})"));
  EXPECT_TRUE(api.version(make_request("GET", "/")).body.ends_with("\"}\n"));
}

TEST(StatusApi, ShowsConfigAndFlags) {
  StatusProviders providers;
  providers.config_yaml = [] { return std::string("global:\n  a: <secret>\n"); };
  providers.flags = [] { return std::map<std::string, std::string>{{"b", "2"}, {"a", "1"}}; };
  const StatusApi api(std::move(providers));

  EXPECT_EQ(api.config(make_request("GET", "/")).body,
            data(R"({"yaml":"global:\n  a: \u003csecret\u003e\n"})"));
  EXPECT_EQ(api.flags(make_request("GET", "/")).body, data(R"({"a":"1","b":"2"})"));
}

TEST(StatusApi, ShowsTheStore) {
  StatusProviders providers;
  std::size_t asked = 0;
  providers.tsdb = [&asked](std::size_t limit, const StopToken&) -> Result<TsdbStatus> {
    asked = limit;
    TsdbStatus status{.series = 2, .label_pairs = 3, .chunks = 4, .min_time = 5, .max_time = 6};
    status.series_by_metric = {{"up", 2}};
    return status;
  };
  const StatusApi api(std::move(providers));

  EXPECT_EQ(
      api.tsdb(make_request("GET", "/")).body,
      data(
          R"({"headStats":{"numSeries":2,"numLabelPairs":3,"chunkCount":4,"minTime":5,"maxTime":6},)"
          R"("seriesCountByMetricName":[{"name":"up","value":2}],"labelValueCountByLabelName":[],)"
          R"("memoryInBytesByLabelName":[],"seriesCountByLabelValuePair":[]})"));
  EXPECT_EQ(asked, 10U);
  EXPECT_NE(api.tsdb(make_request("GET", "/?limit=0")).body.find("limit must be a positive number"),
            std::string::npos);
  EXPECT_NE(api.tsdb(make_request("GET", "/?limit=10001")).body.find("limit must not exceed 10000"),
            std::string::npos);
}

TEST(StatusApi, AnswersWhatIsNotSetWithAnError) {
  const StatusApi api({});
  EXPECT_EQ(
      api.runtime_info(make_request("GET", "/")).body,
      R"({"status":"error","errorType":"execution","error":"not implemented yet: status/runtimeinfo"})");
  EXPECT_EQ(api.wal_replay(make_request("GET", "/")).body,
            data(R"({"min":0,"max":0,"current":0})"));
  EXPECT_EQ(api.notifications(make_request("GET", "/")).body, data("[]"));
}

// All parts on one router, through the hop to the CPU pool.
TEST(Api, RoutesEveryPath) {
  net::Executors executors(1, 1);
  test::FakeClock clock;
  Metrics metrics;
  Router router({}, executors, clock, metrics, null_log());
  router.set_readiness(Router::Readiness::kReady);
  test::FakeStore store({model::Labels{{"job", "a"}}});
  auto run = [](const query::QueryRequest&, StopToken) -> Result<query::QueryResult> {
    return query::QueryResult{
        .value = query::ScalarValue{}, .warnings = {}, .infos = {}, .statistics = {}};
  };
  QueryApi query(run, {}, clock);
  const SeriesApi series(store);
  const TargetsApi targets(one_target(), {});
  const RulesApi rules([] { return std::vector<alerting::GroupSnapshot>(); });
  const StatusApi status({});
  add_api_routes(
      router,
      {.query = query, .series = series, .targets = targets, .status = status, .rules = &rules},
      {executors, executors, executors, executors});
  const auto ask = [&](std::string method, std::string_view target) {
    auto handler = [&router](const net::http::Request& r) { return router.handle(r); };
    return test::await_response(executors, handler, make_request(std::move(method), target));
  };

  EXPECT_EQ(ask("GET", "/api/v1/query?query=1").status, 200);
  EXPECT_EQ(ask("POST", "/api/v1/query_range").status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/label/job/values").body, data(R"(["a"])"));
  EXPECT_EQ(ask("GET", "/api/v1/rules").body, data(R"({"groups":[]})"));
  EXPECT_EQ(ask("GET", "/api/v1/alerts").body, data(R"({"alerts":[]})"));
  EXPECT_EQ(ask("OPTIONS", "/api/v1/anything").status, 204);
  EXPECT_EQ(ask("OPTIONS", "/api/v1/query").status, 204);
  EXPECT_EQ(ask("GET", "/api/v1/anything").status, 404);
  EXPECT_EQ(ask("POST", "/api/v1/targets").status, 405);
  EXPECT_NE(ask("GET", "/api/v1/features").body.find("not implemented yet: features"),
            std::string::npos);
  EXPECT_NE(ask("POST", "/api/v1/admin/tsdb/snapshot").body.find("admin APIs disabled"),
            std::string::npos);
  EXPECT_EQ(ask("POST", "/api/v1/write").status, 404);
  EXPECT_EQ(ask("GET", "/version").headers.get("Content-Type"), "text/plain; charset=utf-8");
  // As upstream, which compresses less than it opens to other origins.
  const net::http::Response alerts = ask("GET", "/api/v1/alerts");
  EXPECT_EQ(alerts.headers.get_all("Vary"),
            (std::vector<std::string_view>{"Accept-Encoding", "Origin"}));
  EXPECT_EQ(ask("GET", "/api/v1/search/label_names").headers.get("Vary"), "Origin");
  EXPECT_EQ(ask("GET", "/api/v1/nothing").headers.get("Vary"), "");
  EXPECT_EQ(ask("PUT", "/api/v1/query").headers.get("Vary"), "");
  executors.stop();
}

}  // namespace
}  // namespace narthex::web
