// One scrape behind the fetch: statuses, content types, compression, limits, report series and what
// the API shows.
#include "scrape/loop.h"

#include <gtest/gtest.h>

#include "base/compress.h"
#include "base/str.h"
#include "model/sample.h"
#include "tests/support/counting.h"
#include "tests/support/fake_appender.h"
#include "tests/support/fake_clock.h"

namespace narthex::scrape {
namespace {

class LoopTest : public testing::Test {
 protected:
  LoopTest() { use("job_name: j\nstatic_configs: [{targets: ['h:1']}]\n"); }
  ~LoopTest() override { executors_.stop(); }

  void use(std::string_view text) {
    const auto node = yaml::parse(text, "p.yml");
    auto config = decode_scrape_config(*node, {});
    ASSERT_TRUE(config) << config.error().message();
    const auto job = *Job::create(*config);
    const discovery::TargetGroup group =
        config->discovery.providers.at(0)->look(real_file_system())->at(0);
    model::Labels discovered;
    auto target =
        make_target(group.targets[0], group.labels, *config, *job->target_relabeler, discovered);
    loop_ = std::make_shared<TargetLoop>(
        LoopContext{executors_, store_, clock_, null_log(), scrape_metrics_, batches_, bodies_,
                    parsed_, options_},
        job, **std::move(target), 0);
  }

  // The error the API shows.
  std::string answer(net::http::ClientResponse response) {
    clock_.advance_ms(1000);
    loop_->process(std::move(response), clock_.now_ms(), clock_.monotonic_ns() - 5'000'000);
    return loop_->snapshot().last_error;
  }
  std::string answer_text(std::string body, std::string type = "text/plain; version=0.0.4") {
    net::http::ClientResponse response{.status = 200, .reason = "OK", .body = std::move(body)};
    response.headers.add("content-type", std::move(type));
    return answer(std::move(response));
  }
  double newest(std::string_view name) {
    return store_.newest(concat(name, "{instance=\"h:1\", job=\"j\"}"));
  }

  net::Executors executors_{1, 1};
  test::FakeAppender store_;
  test::FakeClock clock_;
  Metrics metrics_;
  ScrapeMetrics scrape_metrics_{metrics_};
  BatchPool batches_;
  ByteBudget bodies_{std::size_t{1} << 30};
  MemoryBudget parsed_{"all scrapes", 2U << 20};
  ScrapeOptions options_;
  std::shared_ptr<TargetLoop> loop_;
};

TEST_F(LoopTest, GoodScrapeWritesSamplesAndReport) {
  EXPECT_EQ(answer_text("a 1\nb 2\n"), "");

  EXPECT_EQ(newest("a"), 1);
  EXPECT_EQ(newest("up"), 1);
  EXPECT_EQ(newest("scrape_samples_scraped"), 2);
  EXPECT_EQ(newest("scrape_series_added"), 2);
  EXPECT_EQ(newest("scrape_duration_seconds"), 0.005);
  EXPECT_EQ(store_.batches(), 1u);
  const ActiveTarget target = loop_->snapshot();
  EXPECT_EQ(target.interval, "1m");
  EXPECT_EQ(target.health, Health::kUp);
  EXPECT_EQ(target.last_scrape, clock_.now_ms());
  EXPECT_EQ(target.url, "http://h:1/metrics");
}

TEST_F(LoopTest, ShowsTimesAsTheLabelsWriteThem) {
  use("job_name: j\nstatic_configs: [{targets: ['h:1'], labels: {__scrape_interval__: 90s, "
      "__scrape_timeout__: 1500ms}}]\n");
  const ActiveTarget target = loop_->snapshot();
  EXPECT_EQ(target.interval, "90s");
  EXPECT_EQ(target.timeout, "1500ms");
}

TEST_F(LoopTest, FailuresSayWhyAndMarkStale) {
  answer_text("a 1\n");
  EXPECT_EQ(answer({.status = 500, .reason = "Internal Server Error"}),
            "server returned HTTP status 500 Internal Server Error");
  EXPECT_TRUE(model::is_stale(newest("a")));
  EXPECT_EQ(newest("up"), 0);
  EXPECT_EQ(loop_->snapshot().health, Health::kDown);
  EXPECT_EQ(
      answer_text("a 1\n", ""),
      "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
      "specified for target");
  EXPECT_EQ(answer_text("a 1\n", "text/html"),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol "
            "specified for target");
  EXPECT_EQ(answer_text("a 1\n", "application/vnd.google.protobuf"),
            "not implemented yet: protobuf exposition");
}

TEST_F(LoopTest, EmptyBodyIsUpWithoutAContentType) {
  EXPECT_EQ(answer_text("", ""), "");
  EXPECT_EQ(newest("up"), 1);
}

TEST_F(LoopTest, ReadsGzipAndOpenMetrics) {
  net::http::ClientResponse response{.status = 200};
  response.headers.add("Content-Encoding", "gzip");
  response.headers.add("Content-Type", "application/openmetrics-text; version=1.0.0");
  response.body = deflate("# TYPE a gauge\n# HELP a Helpful.\na 7\n# EOF\n", DeflateFormat::kGzip);

  EXPECT_EQ(answer(response), "");
  EXPECT_EQ(newest("a"), 7);
  std::vector<TargetMetadata> metadata;
  loop_->collect_metadata("", metadata);
  ASSERT_EQ(metadata.size(), 1u);
  EXPECT_EQ(metadata[0].family, "a");
  EXPECT_EQ(metadata[0].metadata.type, model::MetricType::kGauge);
  EXPECT_EQ(metadata[0].metadata.help, "Helpful.");
  response.body.resize(20);
  EXPECT_EQ(answer(response), "unexpected EOF");
}

TEST_F(LoopTest, LimitsShowInReportAndCounters) {
  use("job_name: j\nextra_scrape_metrics: true\nbody_size_limit: 20B\nsample_limit: 2\n"
      "static_configs: [{targets: ['h:1']}]\n");
  EXPECT_EQ(answer_text("a 1\nb 2\n"), "");
  EXPECT_EQ(newest("scrape_body_size_bytes"), 8);
  EXPECT_EQ(newest("scrape_sample_limit"), 2);
  EXPECT_EQ(newest("scrape_timeout_seconds"), 10);
  EXPECT_EQ(answer_text("a 1\nb 2\nc 3\n"), "sample limit exceeded");
  EXPECT_EQ(newest("scrape_samples_scraped"), 3);  // alerts compare these with the limit
  EXPECT_EQ(newest("scrape_samples_post_metric_relabeling"), 3);
  EXPECT_EQ(scrape_metrics_.exceeded_sample_limit.value(), 1);
  EXPECT_EQ(answer_text(std::string(20, '\n')), "body size limit exceeded");
  EXPECT_EQ(newest("scrape_body_size_bytes"), -1);
  EXPECT_EQ(newest("scrape_samples_scraped"), 0);
  EXPECT_EQ(scrape_metrics_.exceeded_body_size_limit.value(), 1);
}

TEST_F(LoopTest, ReportsHowFarABadBodyWasRead) {
  EXPECT_NE(answer_text("a 1\nb 2\nc {\n"), "");
  EXPECT_EQ(newest("scrape_samples_scraped"), 2);
  EXPECT_EQ(newest("scrape_samples_post_metric_relabeling"), 2);
  use("job_name: j\nlabel_limit: 3\nstatic_configs: [{targets: ['h:1']}]\n");
  EXPECT_NE(answer_text("a 1\nb{x=\"1\"} 2\nc 3\n"), "");
  EXPECT_EQ(newest("scrape_samples_scraped"), 2);
  EXPECT_EQ(newest("scrape_samples_post_metric_relabeling"), 1);
}

TEST_F(LoopTest, AsksAsUpstreamAsks) {
  const net::http::ClientRequest request = loop_->request();

  EXPECT_EQ(request.headers.get("Accept"),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "application/openmetrics-text;version=0.0.1;q=0.5,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
            "*/*;q=0.2");
  EXPECT_EQ(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"), "10");
  EXPECT_EQ(request.headers.get("Accept-Encoding"), "gzip");
}

TEST_F(LoopTest, ReportsAnAppendThatFails) {
  store_.fail_appends(true);
  EXPECT_EQ(answer_text("a 1\n"), "disk is gone");
  store_.fail_appends(false);
  EXPECT_EQ(answer_text("a 2\n"), "");
  EXPECT_EQ(newest("a"), 2);
}

// Many targets with bodies of legal size are too many together.
TEST_F(LoopTest, CountsInflatedBodiesTogether) {
  ByteBudget small(1U << 20);
  BudgetShare share(&small, 0);
  const std::string text = "a 1\n" + std::string(3U << 20, '#') + "\n";
  net::http::ClientResponse response{.status = 200, .body = deflate(text, DeflateFormat::kGzip)};
  response.headers.add("Content-Type", "text/plain");
  response.headers.add("Content-Encoding", "gzip");

  loop_->process(std::move(response), clock_.now_ms(), 0, &share);

  EXPECT_EQ(loop_->snapshot().last_error, "body size limit exceeded");
}

// What a body is parsed into may be far larger than the body, and many are parsed at once.
TEST_F(LoopTest, CountsWhatABodyBecomes) {
  SKIP_WITHOUT_COUNTING();
  answer_text("a 1\n");
  std::string body;
  for (int i = 0; i < 100'000; ++i) body += concat("x", i, " 1\n");

  const std::string error = answer_text(body);

  EXPECT_NE(error.find("all scrapes"), std::string::npos) << error;
  EXPECT_EQ(newest("up"), 0);
  EXPECT_TRUE(model::is_stale(newest("a")));
  EXPECT_EQ(parsed_.taken(), 0U) << "it was given back";
  EXPECT_EQ(answer_text("a 2\n"), "");
  EXPECT_EQ(newest("a"), 2);
}

// What a library or operator new throws costs that scrape and nothing else.
TEST_F(LoopTest, AnExceptionWhileReadingIsAFailedScrape) {
  answer_text("a 1\n");
  store_.lack_memory_for("b{instance=\"h:1\", job=\"j\"}");

  EXPECT_EQ(answer_text("a 2\nb 1\n"), "out of memory");
  EXPECT_EQ(newest("up"), 0);
  EXPECT_TRUE(model::is_stale(newest("a")));
  EXPECT_EQ(metrics_.counter("narthex_exceptions_total", "", {{"part", "scrape"}}).value(), 1);

  store_.lack_memory_for("");
  EXPECT_EQ(answer_text("a 3\nb 2\n"), "");
  EXPECT_EQ(newest("b"), 2);
}

TEST_F(LoopTest, AnExceptionWhileAppendingCostsTheScrape) {
  answer_text("a 1\n");
  store_.lack_memory_for_appends(true);

  EXPECT_EQ(answer_text("a 2\n"), "out of memory");
  EXPECT_EQ(loop_->snapshot().health, Health::kDown);

  store_.lack_memory_for_appends(false);
  EXPECT_EQ(answer_text("a 3\n"), "");
  EXPECT_EQ(newest("a"), 3);
}

// A reload that changes only the interval keeps what was learnt.
TEST_F(LoopTest, SuccessorTakesOverTheTemplate) {
  answer_text("a 1\nb 2\n");
  const auto before = loop_;
  use("job_name: j\nscrape_interval: 30s\nstatic_configs: [{targets: ['h:1']}]\n");
  before->retire_into(*loop_);

  answer_text("a 2\n");

  EXPECT_EQ(newest("scrape_series_added"), 0);
  EXPECT_TRUE(model::is_stale(newest("b")));
  const std::size_t batches = store_.batches();
  before->process(net::http::ClientResponse{.status = 200}, clock_.now_ms(), 0);
  EXPECT_EQ(store_.batches(), batches);
}

}  // namespace
}  // namespace narthex::scrape
