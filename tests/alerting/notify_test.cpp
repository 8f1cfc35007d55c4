// The payload, the queue's bounds and batches, and which Alertmanagers a configuration finds.
#include <atomic>
#include <mutex>

#include <gtest/gtest.h>

#include "alerting/config.h"
#include "alerting/notify/notifier.h"
#include "alerting/notify/payload.h"
#include "base/str.h"
#include "tests/support/fake_clock.h"

namespace narthex::alerting {
namespace {

Alert alert(const std::string& name) {
  return Alert{.labels = {{"alertname", name}},
               .annotations = {},
               .starts_at = 1'700'000'000'123,
               .ends_at = 1'700'000'240'000};
}

TEST(AlertPayload, IsWhatUpstreamSends) {
  Alert full = alert("Down");
  full.labels = {{"severity", "page"}, {"alertname", "Down"}};
  full.annotations = {{"summary", "a < b"}};
  full.generator_url = "http://n:9090/graph?g0.expr=up&g0.tab=1";

  EXPECT_EQ(encode_alerts(std::vector<Alert>{full, alert("B")}),
            R"([{"annotations":{"summary":"a \u003c b"},"endsAt":"2023-11-14T22:17:20.000Z",)"
            R"("startsAt":"2023-11-14T22:13:20.123Z",)"
            R"("generatorURL":"http://n:9090/graph?g0.expr=up\u0026g0.tab=1",)"
            R"("labels":{"alertname":"Down","severity":"page"}},)"
            R"({"endsAt":"2023-11-14T22:17:20.000Z","startsAt":"2023-11-14T22:13:20.123Z",)"
            R"("labels":{"alertname":"B"}}])");
}

// Collects bodies; answers with `status`, or waits until the task is cancelled when it is 0.
struct Receiver {
  std::mutex mutex;
  std::vector<std::string> bodies;
  std::atomic<int> status{200};
  std::atomic<int> throws{0};  // so many times
};

asio::awaitable<Result<net::http::ClientResponse>> receive(Receiver* receiver, std::string body) {
  {
    const std::lock_guard lock(receiver->mutex);
    receiver->bodies.push_back(std::move(body));
  }
  if (receiver->throws > 0) {
    --receiver->throws;
    throw std::bad_alloc();
  }
  if (receiver->status == 0) {
    const bool waited = co_await net::sleep_for_ns(3'600'000'000'000);
    if (!waited) co_return Error(Code::kCancelled, "context canceled");
  }
  co_return net::http::ClientResponse{.status = receiver->status, .reason = "Some Reason"};
}

class AlertQueueTest : public testing::Test {
 protected:
  ~AlertQueueTest() override {
    tasks_.stop();
    EXPECT_TRUE(tasks_.wait(std::chrono::seconds(10)));
    executors_.stop();
  }
  std::shared_ptr<AlertQueue> queue(std::size_t capacity, std::size_t batch) {
    PostAlerts post = [this](std::string body) { return receive(&receiver_, std::move(body)); };
    return std::make_shared<AlertQueue>("http://am",
                                        QueueOptions{.capacity = capacity, .batch_size = batch},
                                        std::move(post), clock_, metrics_, null_log());
  }
  double counter(std::string_view name) {
    return metrics_.counter(name, "", {{"alertmanager", "http://am"}}).value();
  }
  static std::vector<Alert> alerts(int first, int count) {
    std::vector<Alert> out;
    for (int i = first; i < first + count; ++i) out.push_back(alert(concat("a", i)));
    return out;
  }
  void settle() {
    tasks_.close();
    ASSERT_TRUE(tasks_.wait(std::chrono::seconds(10)));
  }

  net::Executors executors_{net::ExecutorOptions{.restart_pause = std::chrono::milliseconds(1)}};
  net::TaskGroup tasks_{executors_};
  test::FakeClock clock_;
  Metrics metrics_;
  Receiver receiver_;
};

TEST_F(AlertQueueTest, SendsInBatchesInOrder) {
  const auto q = queue(100, 2);
  q->add(alerts(0, 5), tasks_);
  settle();

  ASSERT_EQ(receiver_.bodies.size(), 3u);
  EXPECT_EQ(receiver_.bodies[0], encode_alerts(alerts(0, 2)));
  EXPECT_EQ(receiver_.bodies[2], encode_alerts(alerts(4, 1)));
  EXPECT_EQ(counter("prometheus_notifications_sent_total"), 5);
}

TEST_F(AlertQueueTest, DropsTheOldestWhenFull) {
  const auto q = queue(3, 100);
  q->add(alerts(0, 5), tasks_);
  settle();

  ASSERT_EQ(receiver_.bodies.size(), 1u);
  EXPECT_EQ(receiver_.bodies[0], encode_alerts(alerts(2, 3)));
  EXPECT_EQ(counter("prometheus_notifications_dropped_total"), 2);
}

TEST_F(AlertQueueTest, AFailedBatchIsDroppedAndCounted) {
  receiver_.status = 503;
  const auto q = queue(10, 10);
  q->add(alerts(0, 4), tasks_);
  settle();

  EXPECT_EQ(counter("prometheus_notifications_errors_total"), 4);
  EXPECT_EQ(counter("prometheus_notifications_dropped_total"), 4);
  EXPECT_EQ(counter("prometheus_notifications_sent_total"), 0);
  EXPECT_EQ(q->size(), 0u);
}

TEST_F(AlertQueueTest, AnExceptionCostsABatchOnly) {
  receiver_.throws = 1;
  const auto q = queue(10, 2);
  q->add(alerts(0, 4), tasks_);
  settle();

  EXPECT_EQ(counter("prometheus_notifications_dropped_total"), 2);
  EXPECT_EQ(counter("prometheus_notifications_sent_total"), 2);
}

TEST_F(AlertQueueTest, KeepsABoundWhileTheReceiverHangs) {
  receiver_.status = 0;
  const auto q = queue(4, 1);
  for (int i = 0; i < 20; ++i) q->add(alerts(i, 1), tasks_);

  EXPECT_LE(q->size(), 4u);
  q->drop_all();
  EXPECT_EQ(q->size(), 0u);
}

Result<AlertingConfig> decode(std::string_view text) {
  NX_TRY_ASSIGN(const yaml::Node node, yaml::parse(text, "p.yml"));
  return decode_alerting_config(node);
}

TEST(AlertingConfig, DecodesAndPrints) {
  const auto config = decode(
      "alertmanagers:\n- path_prefix: /am/\n  static_configs: [{targets: ['a:9093']}]\n"
      "  basic_auth: {username: u, password: p}\n");
  ASSERT_TRUE(config) << config.error().message();
  yaml::Writer out;
  emit(out, *config);

  EXPECT_EQ(out.text(),
            "alertmanagers:\n- basic_auth:\n    username: u\n    password: <secret>\n"
            "  follow_redirects: true\n  enable_http2: true\n  scheme: http\n  path_prefix: /am/\n"
            "  timeout: 10s\n  api_version: v2\n  static_configs:\n  - targets:\n    - a:9093\n");
}

TEST(AlertingConfig, RefusesWithPlaceAndReason) {
  const struct {
    const char* text;
    const char* message;
  } kRows[] = {
      {"alertmanager: []\n", "p.yml:1: field alertmanager not found in type config.AlertingConfig"},
      {"alertmanagers:\n- api_version: v1\n",
       "p.yml:2: expected Alertmanager api version to be one of [v2] but got v1"},
      {"alertmanagers:\n- sigv4: {}\n", "p.yml:2: not implemented yet: sigv4"},
      {"alertmanagers:\n- scheme: https\n", "p.yml:2: not implemented yet: scheme https"},
      {"alertmanagers:\n- null\n", "p.yml:2: empty or null alertmanager config section"},
      {"alertmanagers:\n- static_configs: [{targets: ['http://a']}]\n",
       "p.yml:2: \"http://a\" is not a valid hostname"},
      {"alert_relabel_configs:\n- null\n", "p.yml:2: empty or null alert relabeling rule"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.text);
    const auto config = decode(row.text);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().message(), row.message);
  }
}

TEST(Notifier, FindsAlertmanagersOnceAndShowsDroppedOnes) {
  net::Executors executors(1, 1);
  test::FakeClock clock;
  Metrics metrics;
  Notifier notifier({executors, real_file_system(), clock, metrics, null_log()}, {});
  const auto config = decode(
      "alertmanagers:\n"
      "- path_prefix: am\n  static_configs: [{targets: ['a:1', 'a:1', 'b:2']}]\n"
      "  relabel_configs: [{source_labels: [__address__], regex: 'b.*', action: drop}]\n"
      "- static_configs: [{targets: ['c:3'], labels: {__scheme__: http}}]\n");
  ASSERT_TRUE(config) << config.error().message();

  notifier.commit(*notifier.prepare(*config, {}));

  EXPECT_EQ(notifier.active_alertmanagers(),
            (std::vector<std::string>{"http://a:1/am/api/v2/alerts", "http://c:3/api/v2/alerts"}));
  EXPECT_EQ(notifier.dropped_alertmanagers(),
            std::vector<std::string>{"http://b:2/am/api/v2/alerts"});
  notifier.commit(*notifier.prepare({}, {}));
  EXPECT_TRUE(notifier.active_alertmanagers().empty());
  notifier.send({alert("nobody")});
  notifier.stop();
}

TEST(Notifier, JoinsPathsClean) {
  EXPECT_EQ(alerts_path(""), "/api/v2/alerts");
  EXPECT_EQ(alerts_path("/am/"), "/am/api/v2/alerts");
  EXPECT_EQ(alerts_path("a//b/../c/."), "/a/c/api/v2/alerts");
}

}  // namespace
}  // namespace narthex::alerting
