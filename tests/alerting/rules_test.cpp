// Rules and groups: the state machine of alerts, what is written, what is sent, and what survives a
// reload.
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alerting/rules/group.h"
#include "alerting/rules/manager.h"
#include "base/str.h"
#include "tests/alerting/rule_store.h"
#include "tests/support/fake_clock.h"

namespace narthex::alerting {
namespace {

constexpr model::TimeMs kMinute = 60'000;

// A group over canned query results.
class RuleGroupTest : public ::testing::Test {
 protected:
  RuleConfig alert(model::DurationMs hold, model::DurationMs keep = 0) {
    RuleConfig rule;
    rule.alert = "Down";
    rule.expr = "up == 0";
    rule.hold = hold;
    rule.keep_firing_for = keep;
    rule.labels = {{"severity", "page"}};
    rule.annotations = {{"summary", "{{ $labels.job }} is {{ $value }}"}};
    return rule;
  }
  static RuleConfig recording(std::string name, std::string expr) {
    RuleConfig rule;
    rule.record = std::move(name);
    rule.expr = std::move(expr);
    return rule;
  }
  std::unique_ptr<RuleGroup> make(std::vector<RuleConfig> rules, bool restores = false) {
    GroupSettings settings;
    settings.config.file = "r.yml";
    settings.config.name = "g";
    settings.config.limit = limit_;
    settings.config.labels = group_labels_;
    settings.config.rules = std::move(rules);
    settings.query_offset = offset_;
    return std::make_unique<RuleGroup>(std::move(settings), context_, restores);
  }
  // One instance of job `job` for each name given.
  void set(const std::string& expression, std::vector<std::string> jobs, double value = 0) {
    query::VectorValue vector;
    for (const std::string& job : jobs) {
      vector.labels.push_back(model::Labels{{"__name__", "up"}, {"job", job}});
      vector.values.push_back(value);
    }
    results_[expression] = std::move(vector);
  }
  std::string state(const RuleGroup& group) {
    std::string out;
    for (const AlertSnapshot& a : group.snapshot().rules[0].alerts) {
      out += concat(out.empty() ? "" : " ", a.labels.get("job"), ":", alert_state_name(a.state));
    }
    return out;
  }
  void evaluate(RuleGroup& group, model::TimeMs time) { group.evaluate(time, {}); }

  std::map<std::string, query::Value> results_;
  std::map<std::string, model::TimeMs> asked_at_;
  std::string throws_at_;
  std::vector<Alert> sent_;
  std::int64_t limit_ = 0;
  TextMap group_labels_;
  model::DurationMs offset_ = 0;
  test::RuleStore store_;
  test::FakeClock clock_;
  Metrics metrics_;
  RuleContext context_{.run_query = [this](const query::QueryRequest& request,
                                           StopToken) -> Result<query::QueryResult> {
                         asked_at_[request.expression] = request.start;
                         if (request.expression == throws_at_) throw std::bad_alloc();
                         const auto found = results_.find(request.expression);
                         if (found == results_.end()) return Error(Code::kExecution, "no result");
                         return query::QueryResult{
                             .value = found->second, .warnings = {}, .infos = {}, .statistics = {}};
                       },
                       .send =
                           [this](std::vector<Alert> alerts) {
                             sent_.insert(sent_.end(), alerts.begin(), alerts.end());
                           },
                       .appender = store_,
                       .store = store_,
                       .clock = clock_,
                       .metrics = metrics_,
                       .log = null_log(),
                       .options = {.external_url = "http://p", .path_prefix = {}}};
};

TEST_F(RuleGroupTest, RecordsUnderTheRulesName) {
  RuleConfig rule = recording("job:up", "up");
  rule.labels = {{"team", "a"}, {"drop", ""}};
  auto group = make({rule});
  set("up", {"x"}, 3);

  evaluate(*group, kMinute);

  EXPECT_EQ(store_.text_of(R"(job:up{job="x", team="a"})"), "3@60");
  const RuleSnapshot shown = group->snapshot().rules[0];
  EXPECT_EQ(shown.health, RuleHealth::kGood);
  EXPECT_EQ(shown.last_evaluation, clock_.now_ms());
}

TEST_F(RuleGroupTest, RecordsScalars) {
  auto group = make({recording("two", "1 + 1")});
  results_["1 + 1"] = query::ScalarValue{.time = 0, .value = 2};

  evaluate(*group, kMinute);

  EXPECT_EQ(store_.text_of("two"), "2@60");
}

// The head may drop a series between two evaluations; the rule's handle is gone then.
TEST_F(RuleGroupTest, WritesOnceMoreWhereTheSeriesIsGone) {
  auto group = make({recording("r", "up")});
  set("up", {"x", "y"}, 1);
  evaluate(*group, kMinute);
  store_.forget();

  set("up", {"y"}, 2);
  evaluate(*group, 2 * kMinute);
  evaluate(*group, 3 * kMinute);

  EXPECT_EQ(store_.text_of(R"(r{job="x"})"), "");
  EXPECT_EQ(store_.text_of(R"(r{job="y"})"), "2@120 2@180");
}

TEST_F(RuleGroupTest, EndsVanishedSeries) {
  auto group = make({recording("r", "up")});
  set("up", {"x", "y"}, 1);
  evaluate(*group, kMinute);
  set("up", {"y"}, 2);
  evaluate(*group, 2 * kMinute);
  evaluate(*group, 3 * kMinute);

  EXPECT_EQ(store_.text_of(R"(r{job="x"})"), "1@60 stale@120");
  EXPECT_EQ(store_.text_of(R"(r{job="y"})"), "1@60 2@120 2@180");
}

TEST_F(RuleGroupTest, KeepsSeriesWhenAnEvaluationFails) {
  auto group = make({recording("r", "up")});
  set("up", {"x"}, 1);
  evaluate(*group, kMinute);
  results_.clear();
  evaluate(*group, 2 * kMinute);

  EXPECT_EQ(store_.text_of(R"(r{job="x"})"), "1@60");
  EXPECT_EQ(group->snapshot().rules[0].health, RuleHealth::kBad);
  EXPECT_EQ(group->snapshot().rules[0].last_error, "no result");
}

// Whatever a query throws fails that rule; the next ones of the group are evaluated.
TEST_F(RuleGroupTest, AnExceptionFailsOneRule) {
  auto group = make({recording("r", "boom"), recording("s", "up")});
  set("up", {"x"}, 1);
  results_["boom"] = query::ScalarValue{.time = 0, .value = 2};
  throws_at_ = "boom";

  evaluate(*group, kMinute);

  EXPECT_EQ(group->snapshot().rules[0].health, RuleHealth::kBad);
  EXPECT_EQ(group->snapshot().rules[0].last_error, "out of memory");
  EXPECT_EQ(store_.text_of(R"(s{job="x"})"), "1@60");
  EXPECT_EQ(metrics_.counter("narthex_exceptions_total", "", {{"part", "rules"}}).value(), 1);
  throws_at_.clear();
  evaluate(*group, 2 * kMinute);
  EXPECT_EQ(store_.text_of("r"), "2@120");
}

TEST_F(RuleGroupTest, RefusesDuplicatesAndOverruns) {
  RuleConfig rule = recording("r", "up");
  rule.labels = {{"job", "same"}};
  auto group = make({rule});
  set("up", {"x", "y"}, 1);
  evaluate(*group, kMinute);
  EXPECT_EQ(group->snapshot().rules[0].last_error,
            "vector contains metrics with the same labelset after applying rule labels");

  limit_ = 1;
  auto limited = make({recording("r", "up")});
  evaluate(*limited, kMinute);
  EXPECT_EQ(limited->snapshot().rules[0].last_error, "exceeded limit of 1 with 2 series");
  EXPECT_TRUE(store_.series().empty());
}

TEST_F(RuleGroupTest, ReportsSamplesThatComeTooLate) {
  auto group = make({recording("r", "up")});
  set("up", {"x"}, 1);
  evaluate(*group, 2 * kMinute);
  evaluate(*group, kMinute);

  EXPECT_EQ(group->snapshot().rules[0].last_error, "out of order sample");
}

TEST_F(RuleGroupTest, ShiftsQueryAndSamplesByTheOffset) {
  offset_ = 10'000;
  auto group = make({recording("r", "up")});
  set("up", {"x"}, 1);

  evaluate(*group, kMinute);

  EXPECT_EQ(asked_at_["up"], 50'000);
  EXPECT_EQ(store_.text_of(R"(r{job="x"})"), "1@50");
}

TEST_F(RuleGroupTest, AlertsGoThroughTheirStates) {
  auto group = make({alert(2 * kMinute)});
  EXPECT_EQ(group->snapshot().rules[0].state, AlertState::kUnknown);
  set("up == 0", {});
  evaluate(*group, kMinute);
  EXPECT_EQ(group->snapshot().rules[0].state, AlertState::kInactive);

  set("up == 0", {"x"});
  evaluate(*group, 2 * kMinute);
  EXPECT_EQ(state(*group), "x:pending");
  EXPECT_TRUE(sent_.empty());
  evaluate(*group, 4 * kMinute);
  EXPECT_EQ(state(*group), "x:firing");
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].labels,
            (model::Labels{{"alertname", "Down"}, {"job", "x"}, {"severity", "page"}}));
  EXPECT_EQ(sent_[0].annotations, (TextMap{{"summary", "x is 0"}}));
  EXPECT_EQ(sent_[0].starts_at, 4 * kMinute);
  EXPECT_EQ(sent_[0].ends_at, 8 * kMinute);
  EXPECT_EQ(sent_[0].generator_url, "http://p/graph?g0.expr=up+%3D%3D+0&g0.tab=1");

  set("up == 0", {});
  evaluate(*group, 5 * kMinute);
  EXPECT_EQ(state(*group), "");
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[1].ends_at, 5 * kMinute);
  EXPECT_EQ(
      store_.text_of(R"(ALERTS{alertname="Down", alertstate="pending", job="x", severity="page"})"),
      "1@120 stale@240");
  EXPECT_EQ(
      store_.text_of(R"(ALERTS{alertname="Down", alertstate="firing", job="x", severity="page"})"),
      "1@240 stale@300");
  EXPECT_EQ(store_.text_of(R"(ALERTS_FOR_STATE{alertname="Down", job="x", severity="page"})"),
            "120@120 120@240 stale@300");
}

TEST_F(RuleGroupTest, FiresAtOnceWithoutFor) {
  auto group = make({alert(0)});
  set("up == 0", {"x"});

  evaluate(*group, kMinute);

  EXPECT_EQ(state(*group), "x:firing");
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(RuleGroupTest, ForgetsPendingAlertsAtOnce) {
  auto group = make({alert(5 * kMinute)});
  set("up == 0", {"x"});
  evaluate(*group, kMinute);
  set("up == 0", {});
  evaluate(*group, 2 * kMinute);
  set("up == 0", {"x"});
  evaluate(*group, 3 * kMinute);

  EXPECT_EQ(group->snapshot().rules[0].alerts[0].active_at, 3 * kMinute);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RuleGroupTest, KeepsFiring) {
  auto group = make({alert(0, 2 * kMinute)});
  set("up == 0", {"x"});
  evaluate(*group, kMinute);
  set("up == 0", {});

  evaluate(*group, 2 * kMinute);
  EXPECT_EQ(state(*group), "x:firing");
  EXPECT_EQ(group->snapshot().rules[0].alerts[0].keep_firing_since, 2 * kMinute);
  evaluate(*group, 3 * kMinute);
  EXPECT_EQ(state(*group), "x:firing");
  evaluate(*group, 4 * kMinute);
  EXPECT_EQ(state(*group), "");
}

TEST_F(RuleGroupTest, ResendsAfterTheDelayAndForgetsLater) {
  auto group = make({alert(0)});
  set("up == 0", {"x"});
  evaluate(*group, kMinute);
  evaluate(*group, 2 * kMinute);  // exactly the delay: not yet
  EXPECT_EQ(sent_.size(), 1U);
  evaluate(*group, 2 * kMinute + 1);
  EXPECT_EQ(sent_.size(), 2U);

  set("up == 0", {});
  for (int minute = 4; minute < 30; ++minute) evaluate(*group, minute * kMinute);
  // Resolved at minute 4, repeated after each delay, forgotten 15 minutes later.
  EXPECT_EQ(sent_.back().ends_at, 4 * kMinute);
  EXPECT_GT(sent_.size(), 8U);
  EXPECT_LT(sent_.size(), 19U);
}

TEST_F(RuleGroupTest, ClearsAlertsAboveTheLimit) {
  limit_ = 1;
  auto group = make({alert(0)});
  set("up == 0", {"x", "y"});

  evaluate(*group, kMinute);

  EXPECT_EQ(state(*group), "");
  EXPECT_EQ(group->snapshot().rules[0].last_error, "exceeded limit of 1 with 2 alerts");
}

TEST_F(RuleGroupTest, ShowsTemplateErrorsInTheText) {
  RuleConfig rule = alert(0);
  rule.annotations = {{"summary", "{{ gt $value 1 }}"}};
  auto group = make({rule});
  set("up == 0", {"x"});

  evaluate(*group, kMinute);

  const std::string text = group->snapshot().rules[0].alerts[0].annotations.at("summary");
  EXPECT_TRUE(
      text.starts_with("<error expanding template: error executing template __alert_Down: "))
      << text;
}

TEST_F(RuleGroupTest, RestoresTheForState) {
  auto before = make({alert(30 * kMinute)});
  set("up == 0", {"x"});
  evaluate(*before, kMinute);
  evaluate(*before, 11 * kMinute);

  auto after = make({alert(30 * kMinute)}, true);
  evaluate(*after, 20 * kMinute);
  evaluate(*after, 21 * kMinute);
  after->restore(21 * kMinute);
  evaluate(*after, 22 * kMinute);

  // Ten of thirty minutes were spent; ten minutes of outage do not count.
  EXPECT_EQ(after->snapshot().rules[0].alerts[0].active_at, 11 * kMinute);
  EXPECT_EQ(store_.text_of(R"(ALERTS_FOR_STATE{alertname="Down", job="x", severity="page"})"),
            "60@60 60@660 660@1320");
}

TEST_F(RuleGroupTest, RestoredAlertsThatFiredFireAgain) {
  auto before = make({alert(15 * kMinute)});
  set("up == 0", {"x"});
  evaluate(*before, kMinute);
  evaluate(*before, 20 * kMinute);

  auto after = make({alert(15 * kMinute)}, true);
  evaluate(*after, 21 * kMinute);
  after->restore(22 * kMinute);
  evaluate(*after, 22 * kMinute);

  EXPECT_EQ(state(*after), "x:firing");
}

TEST_F(RuleGroupTest, GivesRestoredAlertsTheGracePeriod) {
  auto before = make({alert(30 * kMinute)});
  set("up == 0", {"x"});
  evaluate(*before, kMinute);
  evaluate(*before, 25 * kMinute);

  auto after = make({alert(30 * kMinute)}, true);
  evaluate(*after, 30 * kMinute);
  after->restore(31 * kMinute);

  // Six minutes remained, less than the grace of ten: it fires at 41.
  EXPECT_EQ(after->snapshot().rules[0].alerts[0].active_at, 11 * kMinute);
}

TEST_F(RuleGroupTest, HandsStateToItsSuccessor) {
  std::shared_ptr<RuleGroup> old = make({alert(0), recording("gone", "up")});
  set("up == 0", {"x"});
  set("up", {"x"}, 1);
  evaluate(*old, kMinute);

  auto next = make({alert(0), recording("come", "up")});
  EXPECT_EQ(old->replace(), nullptr);
  next->follow(old);
  EXPECT_EQ(next->snapshot().rules[0].alerts.size(), 1U);  // the old one's, until they are here
  next->take_over();
  EXPECT_EQ(next->snapshot().rules[1].name, "come");
  evaluate(*old, 90'000);
  evaluate(*next, 2 * kMinute);

  EXPECT_EQ(next->snapshot().rules[0].alerts[0].active_at, kMinute);
  EXPECT_EQ(sent_.size(), 1U);
  EXPECT_EQ(store_.text_of(R"(gone{job="x"})"), "1@60 stale@120");
  EXPECT_EQ(store_.text_of(R"(come{job="x"})"), "1@120");
}

TEST_F(RuleGroupTest, EndsItsSeriesWhenRemoved) {
  auto group = make({recording("r", "up")});
  set("up", {"x"}, 1);
  evaluate(*group, kMinute);

  group->replace();
  group->mark_stale(90'000);

  EXPECT_EQ(store_.text_of(R"(r{job="x"})"), "1@60 stale@90");
}

// A label that is "" takes the label away, be it the rule's or the group's, of the result or of the
// group; a template that comes out empty does so, too.
TEST_F(RuleGroupTest, EmptyLabelsRemove) {
  RuleConfig down = alert(0);
  down.labels = {{"job", ""}, {"severity", "{{ if false }}x{{ end }}"}, {"team", ""}};
  RuleConfig sum = recording("r", "up");
  sum.labels = {{"team", ""}};
  group_labels_ = {{"job", ""}, {"severity", "page"}, {"team", "a"}, {"zone", ""}};
  auto group = make({down, sum});
  set("up == 0", {"x"});
  set("up", {"x"}, 1);

  evaluate(*group, kMinute);

  EXPECT_EQ(
      store_.series(),
      (std::vector<std::string>{
          // As upstream, which starts from the labels as they are written.
          R"(ALERTS_FOR_STATE{alertname="Down", severity="{{ if false }}x{{ end }}"})",
          R"(ALERTS{alertname="Down", alertstate="firing", severity="{{ if false }}x{{ end }}"})",
          R"(r{severity="page"})"}));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].labels, (model::Labels{{"alertname", "Down"}}));
  EXPECT_EQ(group->snapshot().rules[1].labels,
            (TextMap{{"job", ""}, {"severity", "page"}, {"team", ""}, {"zone", ""}}));
}

TEST_F(RuleGroupTest, TheRulesNameWinsOverALabel) {
  RuleConfig rule = alert(0);
  rule.labels = {{"alertname", ""}};
  auto group = make({rule});
  set("up == 0", {"x"});

  evaluate(*group, kMinute);

  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].labels, (model::Labels{{"alertname", "Down"}, {"job", "x"}}));
}

// What is too large costs the evaluation, of both kinds of rules.
TEST_F(RuleGroupTest, LimitsTheSizeOfLabels) {
  RuleConfig large = alert(0);
  large.labels["a"] = std::string((1U << 20) + 1, 'x');
  RuleConfig many = alert(0);
  RuleConfig sum = recording("r", "up");
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    many.labels[name] = "{{ printf `%1000000d` 1 }}";
    sum.labels[name] = std::string(1'000'000, 'x');
  }
  auto group = make({large, many, sum});
  set("up == 0", {"x"});
  set("up", {"x"}, 1);

  evaluate(*group, kMinute);

  for (const RuleSnapshot& rule : group->snapshot().rules) {
    EXPECT_EQ(rule.last_error, "labels are larger than 1 MiB each or 4 MiB together");
    EXPECT_EQ(rule.health, RuleHealth::kBad);
  }
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(store_.series().empty());
}

TEST_F(RuleGroupTest, EmptyAnnotationsStay) {
  RuleConfig rule = alert(0);
  rule.annotations = {{"a", ""}, {"b", "{{ $labels.none }}"}};
  auto group = make({rule});
  set("up == 0", {"x"});

  evaluate(*group, kMinute);

  const TextMap both = {{"a", ""}, {"b", ""}};
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].annotations, both);
  EXPECT_EQ(group->snapshot().rules[0].alerts[0].annotations, both);
  EXPECT_EQ(group->snapshot().rules[0].annotations.at("a"), "");
}

TEST_F(RuleGroupTest, IsInactiveAfterAFailedEvaluation) {
  auto group = make({alert(0)});
  EXPECT_EQ(group->snapshot().rules[0].state, AlertState::kUnknown);

  evaluate(*group, kMinute);

  EXPECT_EQ(group->snapshot().rules[0].health, RuleHealth::kBad);
  EXPECT_EQ(group->snapshot().rules[0].state, AlertState::kInactive);
}

// Reloads may come faster than evaluations end: the group in the middle never takes over.
TEST_F(RuleGroupTest, HandsStateOverAGroupThatNeverCameToIt) {
  std::shared_ptr<RuleGroup> first = make({alert(0)});
  set("up == 0", {"x"});
  evaluate(*first, kMinute);
  std::shared_ptr<RuleGroup> second = make({alert(0), recording("a", "up")});
  first->replace();
  second->follow(first);

  auto third = make({alert(0), recording("b", "up")});
  const std::shared_ptr<RuleGroup> source = second->replace();
  EXPECT_EQ(source, first);
  third->follow(source);
  second->take_over();
  third->take_over();
  evaluate(*third, 2 * kMinute);

  EXPECT_EQ(third->snapshot().rules[0].alerts[0].active_at, kMinute);
  EXPECT_EQ(sent_.size(), 1U);
}

TEST(EvaluationSlot, LiesInThePastAndRepeats) {
  const std::int64_t minute_ns = kMinute * 1'000'000;
  const std::int64_t now = 1'700'000'000'000'000'000;

  const std::int64_t slot = evaluation_slot_ns("g", "r.yml", kMinute, now);

  EXPECT_LE(slot, now);
  EXPECT_GT(slot, now - minute_ns);
  EXPECT_EQ(evaluation_slot_ns("g", "r.yml", kMinute, slot), slot);
  EXPECT_EQ(evaluation_slot_ns("g", "r.yml", kMinute, slot + minute_ns - 1), slot);
  EXPECT_NE(evaluation_slot_ns("h", "r.yml", kMinute, now), slot);
}

// Files by name.
class FakeFiles final : public FileSystem {
 public:
  std::map<std::string, std::string> files;
  Result<std::string> read_file(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return Error(Code::kNotFound, path + ": no such file or directory");
    return found->second;
  }
  Result<std::unique_ptr<WritableFile>> create(const std::string&) override { return no(); }
  Result<std::unique_ptr<WritableFile>> open_append(const std::string&) override { return no(); }
  Result<std::unique_ptr<MappedFile>> map(const std::string&) override { return no(); }
  Result<std::unique_ptr<ReadableFile>> open_read(const std::string&) override { return no(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override { return no(); }
  bool exists(const std::string&) override { return false; }
  Result<void> make_directories(const std::string&) override { return no(); }
  Result<void> rename(const std::string&, const std::string&) override { return no(); }
  Result<void> remove(const std::string&) override { return no(); }
  Result<void> remove_all(const std::string&) override { return no(); }
  Result<void> sync_directory(const std::string&) override { return no(); }
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string&) override { return no(); }

 private:
  static Error no() { return Error(Code::kIo, "not here"); }
};

class RuleManagerTest : public RuleGroupTest {
 protected:
  ~RuleManagerTest() override { executors_.stop(); }
  std::vector<std::string> names(const RuleManager& manager) {
    std::vector<std::string> out;
    for (const GroupSnapshot& group : manager.groups())
      out.push_back(group.file + ";" + group.name);
    return out;
  }
  net::Executors executors_{1, 1};
  FakeFiles fs_;
};

TEST_F(RuleManagerTest, MovesInTwoSteps) {
  fs_.files["b.yml"] = "groups:\n- name: z\n- name: a\n  interval: 5s\n";
  fs_.files["a.yml"] = "groups:\n- name: z\n";
  RuleManager manager(context_, executors_, fs_);

  auto prepared = manager.prepare({.files = {"b.yml", "a.yml"}, .evaluation_interval = 30'000});
  ASSERT_TRUE(prepared);
  EXPECT_TRUE(manager.groups().empty());
  manager.commit(*std::move(prepared));

  EXPECT_EQ(names(manager), (std::vector<std::string>{"a.yml;z", "b.yml;a", "b.yml;z"}));
  EXPECT_EQ(manager.groups()[0].interval, 30'000);
  EXPECT_EQ(manager.groups()[1].interval, 5'000);
  manager.stop();
}

TEST_F(RuleManagerTest, RefusesABadFileWhole) {
  fs_.files["good.yml"] = "groups:\n- name: a\n";
  fs_.files["bad.yml"] = "groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(\n";
  RuleManager manager(context_, executors_, fs_);

  EXPECT_NE(
      manager.prepare({.files = {"good.yml", "bad.yml"}}).error().message().find("bad.yml:4: "),
      std::string::npos);
  EXPECT_EQ(manager.prepare({.files = {"none.yml"}}).error().code(), Code::kNotFound);
  manager.stop();
}

// Two reloads while a group is being evaluated: the group they lead to has the first one's alerts.
TEST_F(RuleManagerTest, KeepsAlertsOverReloadsDuringAnEvaluation) {
  const auto file = [](std::string_view label) {
    return concat(
        "groups:\n- name: a\n  interval: 10ms\n  rules:\n  - alert: Down\n    expr: up\n"
        "  - record: r\n    expr: slow\n    labels: {l: ",
        label, "}\n");
  };
  set("up", {"x"});
  set("slow", {});
  std::promise<void> entered;
  std::promise<void> release;
  std::promise<void> again;
  int slow_runs = 0;
  const auto canned = context_.run_query;
  context_.run_query = [&](const query::QueryRequest& request, StopToken stop) {
    if (request.expression == "slow" && ++slow_runs == 1) {
      entered.set_value();
      release.get_future().wait();
      clock_.advance_ms(kMinute);
    } else if (request.expression == "slow" && slow_runs == 2) {
      again.set_value();
    }
    return canned(request, stop);
  };
  fs_.files["r.yml"] = file("one");
  RuleManager manager(context_, executors_, fs_);
  manager.commit(*manager.prepare({.files = {"r.yml"}}));
  manager.start();
  entered.get_future().wait();
  const model::TimeMs since = manager.groups()[0].rules[0].alerts[0].active_at;

  for (const char* label : {"two", "three"}) {
    fs_.files["r.yml"] = file(label);
    manager.commit(*manager.prepare({.files = {"r.yml"}}));
    ASSERT_EQ(manager.groups()[0].rules[0].alerts.size(), 1U);
  }
  release.set_value();
  again.get_future().wait();
  manager.stop();

  const RuleSnapshot shown = manager.groups()[0].rules[0];
  EXPECT_EQ(manager.groups()[0].rules[1].labels.at("l"), "three");
  ASSERT_EQ(shown.alerts.size(), 1U);
  EXPECT_EQ(shown.alerts[0].active_at, since);
}

TEST_F(RuleManagerTest, StartsReloadsAndStops) {
  fs_.files["r.yml"] = "groups:\n- name: a\n  rules:\n  - record: x\n    expr: up\n- name: b\n";
  RuleManager manager(context_, executors_, fs_);
  manager.commit(*manager.prepare({.files = {"r.yml"}}));
  manager.start();

  fs_.files["r.yml"] = "groups:\n- name: a\n  rules:\n  - record: y\n    expr: up\n";
  manager.commit(*manager.prepare({.files = {"r.yml"}}));

  EXPECT_EQ(names(manager), (std::vector<std::string>{"r.yml;a"}));
  EXPECT_EQ(manager.groups()[0].rules[0].name, "y");
  manager.stop();
  manager.stop();
}

}  // namespace
}  // namespace narthex::alerting
