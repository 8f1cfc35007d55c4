// Rule files: what is accepted, and what each mistake is called.
#include <gtest/gtest.h>

#include "alerting/rules/config.h"

namespace narthex::alerting {
namespace {

std::string fault(const std::string& rule) {
  const auto groups = parse_rule_file("groups:\n- name: g\n  rules:\n" + rule, "r.yml");
  return groups ? "" : groups.error().message();
}

TEST(RuleFile, ReadsEveryField) {
  const auto groups = parse_rule_file(R"(
groups:
- name: one
  interval: 30s
  query_offset: 5s
  limit: 7
  labels: {team: a}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {x: y}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 10m
    labels: {severity: "{{ $labels.job }}"}
    annotations: {summary: "{{ $value }}"}
- name: two
)",
                                      "r.yml");

  ASSERT_TRUE(groups) << groups.error().message();
  ASSERT_EQ(groups->size(), 2U);
  const RuleGroupConfig& group = groups->front();
  EXPECT_EQ(group.interval, 30'000);
  EXPECT_EQ(group.query_offset, 5'000);
  EXPECT_EQ(group.limit, 7);
  EXPECT_EQ(group.labels.at("team"), "a");
  ASSERT_EQ(group.rules.size(), 2U);
  EXPECT_EQ(group.rules[0].record, "job:up:sum");
  EXPECT_EQ(group.rules[1].hold, 300'000);
  EXPECT_EQ(group.rules[1].keep_firing_for, 600'000);
  EXPECT_FALSE(groups->back().query_offset);
}

TEST(RuleFile, AcceptsNothing) {
  EXPECT_TRUE(parse_rule_file("", "r.yml")->empty());
  EXPECT_TRUE(parse_rule_file("groups:\n", "r.yml")->empty());
}

// yaml.v3 leaves null items out and null fields alone, and takes floats for integers.
TEST(RuleFile, TakesNullsAndNumbersAsUpstream) {
  const auto groups = parse_rule_file(
      "groups:\n- ~\n- name: g\n  interval: ~\n  query_offset: ~\n  limit: 1e3\n  labels: {a: ~}\n"
      "  rules:\n  - ~\n  - {record: r, expr: up, labels: ~, for: ~}\n- {name: h, rules: ~, limit: "
      "~}\n",
      "r.yml");

  ASSERT_TRUE(groups) << groups.error().message();
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_EQ(groups->front().rules.size(), 1U);
  EXPECT_EQ(groups->front().limit, 1000);
  EXPECT_EQ(groups->front().labels.at("a"), "");
  EXPECT_FALSE(groups->front().query_offset);
  EXPECT_TRUE(parse_rule_file("~", "r.yml")->empty());
  EXPECT_FALSE(parse_rule_file("groups: [{name: g, name: h}]", "r.yml"));
  EXPECT_FALSE(parse_rule_file("groups: [{name: g, limit: '1'}]", "r.yml"));
}

TEST(RuleFile, RefusesLabelsThatAreTooLarge) {
  std::string escapes;
  for (int i = 0; i < 6'000'000; ++i) escapes += "\\L";

  EXPECT_NE(fault("  - {record: a, expr: b, labels: {l: \"" + escapes + "\"}}\n")
                .find("label \"l\" has a value of 18000000 bytes"),
            std::string::npos);
}

TEST(RuleFile, NamesWhatIsWrong) {
  struct Row {
    const char* rule;
    const char* message;
  };
  const Row rows[] = {
      {"  - record: a\n    alert: b\n    expr: up\n",
       "r.yml:4: group \"g\", rule 1, \"b\": only one of 'record' and 'alert' must be set"},
      {"  - expr: up\n",
       "r.yml:4: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"},
      {"  - record: a\n", "r.yml:4: group \"g\", rule 1, \"a\": field 'expr' must be set in rule"},
      {"  - record: a\n    expr: up\n  - record: b\n    expr: sum(\n",
       "r.yml:6: group \"g\", rule 2, \"b\": could not parse expression: 1:5: parse error: "
       "unclosed "
       "left parenthesis"},
      {"  - record: a\n    expr: up\n    for: 1m\n",
       "r.yml:4: group \"g\", rule 1, \"a\": invalid field 'for' in recording rule"},
      {"  - record: a\n    expr: up\n    keep_firing_for: 1m\n",
       "r.yml:4: group \"g\", rule 1, \"a\": invalid field 'keep_firing_for' in recording rule"},
      {"  - record: a\n    expr: up\n    annotations: {a: b}\n",
       "r.yml:4: group \"g\", rule 1, \"a\": invalid field 'annotations' in recording rule"},
      {"  - record: a{b}\n    expr: up\n",
       "r.yml:4: group \"g\", rule 1, \"a{b}\": braces present in the recording rule name; should "
       "it be "
       "in expr?: a{b}"},
      {"  - alert: a\n    expr: up\n    labels: {__name__: b}\n",
       "r.yml:4: group \"g\", rule 1, \"a\": invalid label name: __name__"},
      {"  - alert: a\n    expr: up\n    annotations: {s: \"{{ $x }}\"}\n",
       "r.yml:4: group \"g\", rule 1, \"a\": annotation \"s\": template: __alert_a:1: undefined "
       "variable "
       "\"$x\""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.rule);
    EXPECT_EQ(fault(row.rule), row.message);
  }
  EXPECT_NE(fault("  - record: a\n    expr: up\n    nosuch: 1\n").find("field nosuch not found"),
            std::string::npos);
}

TEST(RuleFile, WantsGroupNamesThatDiffer) {
  EXPECT_NE(parse_rule_file("groups:\n- name: a\n- name: a\n", "r.yml")
                .error()
                .message()
                .find("groupname: \"a\" is repeated in the same file"),
            std::string::npos);
  EXPECT_NE(parse_rule_file("groups:\n- rules: []\n", "r.yml")
                .error()
                .message()
                .find("Groupname must not be empty"),
            std::string::npos);
}

}  // namespace
}  // namespace narthex::alerting
