// Rule endpoints: shapes, filters and pages are upstream's.
#include "web/api/rules_api.h"

#include <gtest/gtest.h>

#include "tests/web/await.h"

namespace narthex::web {
namespace {

using test::make_request;

std::vector<alerting::GroupSnapshot> two_groups() {
  alerting::RuleSnapshot alert;
  alert.is_alert = true;
  alert.name = "Down";
  alert.query = "up < 1";
  alert.labels = {{"severity", "page"}};
  alert.annotations = {{"summary", "{{ $value }}"}};
  alert.hold = 90'000;
  alert.health = alerting::RuleHealth::kGood;
  alert.evaluation_seconds = 0.25;
  alert.last_evaluation = 1'700'000'000'120;
  alert.state = alerting::AlertState::kFiring;
  alert.alerts = {{.labels = {{"alertname", "Down"}},
                   .annotations = {{"summary", "0"}},
                   .state = alerting::AlertState::kFiring,
                   .active_at = 1'700'000'000'000,
                   .keep_firing_since = std::nullopt,
                   .value = 0}};
  alerting::RuleSnapshot recording;
  recording.name = "r";
  recording.query = "up + 1";
  recording.health = alerting::RuleHealth::kBad;
  recording.last_error = "a<b";
  return {{.name = "g1",
           .file = "f.yml",
           .interval = 60'000,
           .limit = 0,
           .evaluation_seconds = 0.5,
           .last_evaluation = 1'700'000'000'000,
           .rules = {alert}},
          {.name = "g2",
           .file = "f.yml",
           .interval = 1'500,
           .limit = 3,
           .evaluation_seconds = 0,
           .last_evaluation = 0,
           .rules = {recording}}};
}

std::string success(std::string_view inner) {
  return R"({"status":"success","data":)" + std::string(inner) + "}";
}

constexpr const char* kAlert =
    R"({"labels":{"alertname":"Down"},"annotations":{"summary":"0"},"state":"firing",)"
    R"("activeAt":"2023-11-14T22:13:20Z","value":"0e+00"})";
constexpr const char* kSecond =
    R"({"name":"g2","file":"f.yml","rules":[{"name":"r","query":"up + 1","labels":{},"health":"err",)"
    R"("lastError":"a\u003cb","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],)"
    R"("interval":1.5,"limit":3,"evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"})";

std::string first(std::string_view alerts) {
  return R"({"name":"g1","file":"f.yml","rules":[{"state":"firing","name":"Down","query":"up \u003c 1",)"
         R"("duration":90,"keepFiringFor":0,"labels":{"severity":"page"},"annotations":{"summary":"{{ $value }}"},)"
         R"("alerts":)" +
         std::string(alerts) +
         R"(,"health":"ok","evaluationTime":0.25,"lastEvaluation":"2023-11-14T22:13:20.12Z","type":"alerting"}],)"
         R"("interval":60,"limit":0,"evaluationTime":0.5,"lastEvaluation":"2023-11-14T22:13:20Z"})";
}

class RulesApiTest : public ::testing::Test {
 protected:
  std::string rules(std::string_view parameters) const {
    return api_.rules(make_request("GET", "/rules?" + std::string(parameters))).body;
  }
  RulesApi api_{two_groups};
};

TEST_F(RulesApiTest, ShowsGroups) {
  const std::string alerts = "[" + std::string(kAlert) + "]";
  EXPECT_EQ(rules(""), success(R"({"groups":[)" + first(alerts) + "," + kSecond + "]}"));
  EXPECT_EQ(api_.alerts(make_request("GET", "/")).body, success(R"({"alerts":)" + alerts + "}"));
}

TEST_F(RulesApiTest, Filters) {
  const std::string only_second = success(R"({"groups":[)" + std::string(kSecond) + "]}");
  const std::string only_first = success(R"({"groups":[)" + first("null") + "]}");
  EXPECT_EQ(rules("type=record"), only_second);
  EXPECT_EQ(rules("rule_name[]=r"), only_second);
  EXPECT_EQ(rules("rule_group[]=g2"), only_second);
  EXPECT_EQ(rules("type=alert&exclude_alerts=true"), only_first);
  EXPECT_EQ(rules("match[]={severity=\"page\"}&exclude_alerts=1"), only_first);
  EXPECT_EQ(rules("file[]=other"), success(R"({"groups":[]})"));
}

TEST_F(RulesApiTest, Pages) {
  const std::string token = rule_group_token("f.yml", "g2");
  EXPECT_EQ(rules("group_limit=1&exclude_alerts=true"),
            success(R"({"groups":[)" + first("null") + R"(],"groupNextToken":")" + token + "\"}"));
  EXPECT_EQ(rules("group_limit=1&group_next_token=" + token),
            success(R"({"groups":[)" + std::string(kSecond) + "]}"));
}

TEST_F(RulesApiTest, RefusesBadParameters) {
  EXPECT_NE(rules("type=x").find(R"(invalid parameter \"type\": not supported value \"x\")"),
            std::string::npos);
  EXPECT_NE(rules("exclude_alerts=x").find("error converting exclude_alerts"), std::string::npos);
  EXPECT_NE(rules("group_limit=0").find("group_limit needs to be greater than 0"),
            std::string::npos);
  EXPECT_NE(rules("group_limit=x").find("group_limit needs to be a valid number"),
            std::string::npos);
  EXPECT_NE(rules("group_limit=99999999999").find("value out of range"), std::string::npos);
  EXPECT_NE(rules("group_limit=-99999999999").find("value out of range"), std::string::npos);
  EXPECT_NE(rules("group_next_token=x").find("group_limit needs to be present"), std::string::npos);
  EXPECT_NE(rules("group_limit=1&group_next_token=x").find("were rule groups changed?"),
            std::string::npos);
}

}  // namespace
}  // namespace narthex::web
