// The configuration file: what is accepted, what is refused and where the error points.
#include "server/config.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/support/temp_dir.h"

namespace narthex::server {
namespace {

Result<Config> parse(std::string_view text) {
  return parse_config(text, "dir/prometheus.yml", real_file_system());
}

TEST(Config, FillsInUpstreamsDefaults) {
  const auto config =
      parse("scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['x:1']\n");

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.evaluation_interval_ms, 60'000);
  ASSERT_EQ(config->scrape_configs.size(), 1U);
  EXPECT_EQ(config->scrape_configs[0].scrape_interval, 60'000);
  EXPECT_EQ(config->scrape_configs[0].scrape_timeout, 10'000);
  EXPECT_NE(config->yaml.find("evaluation_interval: 1m"), std::string::npos);
}

TEST(Config, NamesFileLineAndFieldOfAMistake) {
  const auto config = parse("global:\n  scrape_interval: 5s\n  scrape_intervall: 5s\n");

  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), Code::kInvalid);
  EXPECT_NE(config.error().message().find("dir/prometheus.yml:3:"), std::string::npos)
      << config.error().message();
  EXPECT_NE(config.error().message().find("scrape_intervall"), std::string::npos);
}

TEST(Config, RefusesWhatIsNotThereYetByName) {
  const auto config = parse("remote_write:\n- url: http://x/\n");

  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message().find("not implemented yet: remote_write"), std::string::npos)
      << config.error().message();
}

TEST(Config, RefusesRepeatedJobs) {
  EXPECT_FALSE(parse("scrape_configs:\n- job_name: a\n- job_name: a\n"));
}

TEST(Config, ExpandsTheEnvironmentInExternalLabelsOnly) {
  ::setenv("NX_TEST_ZONE", "eu", 1);
  const auto config = parse(
      "global:\n  external_labels: {zone: '${NX_TEST_ZONE}-$NX_TEST_ZONE', cash: '$$5', no: "
      "$NOPE}\n");

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.external_labels, (model::Labels{{"zone", "eu-eu"}, {"cash", "$5"}}));
}

TEST(Config, TakesTheNameAsAnExternalLabelAsUpstream) {
  const auto config = parse("global:\n  external_labels: {__name__: x}\n");

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->global.external_labels, (model::Labels{{"__name__", "x"}}));
}

// What legacy validation refuses to let be written; verdicts and texts are upstream 3.14.0's.
TEST(Config, HoldsRelabellingToTheNameValidation) {
  const auto job = [](std::string_view global, std::string_view own, std::string_view rule) {
    return concat("global: {", global, "}\nscrape_configs:\n- job_name: j\n", own,
                  "  relabel_configs: [{source_labels: [job], ", rule, "}]\n");
  };
  constexpr std::string_view kLegacy = "metric_name_validation_scheme: legacy";
  const std::pair<std::string_view, std::string_view> refused[] = {
      {"target_label: a.b", R"("a.b" is invalid 'target_label' for replace action)"},
      {"target_label: a-$1", R"("a-$1" is invalid 'target_label' for replace action)"},
      {"target_label: a.b, action: hashmod, modulus: 2",
       R"("a.b" is invalid 'target_label' for hashmod action)"},
      {"target_label: a.b, action: lowercase",
       R"("a.b" is invalid 'target_label' for lowercase action)"},
      {"target_label: a.b, action: dropequal",
       R"("a.b" is invalid 'target_label' for dropequal action)"},
      {"action: labelmap, replacement: a.$1",
       R"("a.$1" is invalid 'replacement' for labelmap action)"}};
  for (const auto& [rule, text] : refused) {
    SCOPED_TRACE(rule);
    const auto config = parse(job(kLegacy, "", rule));
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().message().find(text), std::string::npos) << config.error().message();
    EXPECT_TRUE(parse(job("", "", rule)));
  }
  EXPECT_TRUE(parse(job(kLegacy, "", "target_label: 'a_${1}'")));
  EXPECT_TRUE(parse(job(kLegacy, "", "regex: a.b, action: drop")));
  const std::string own = concat("  ", kLegacy, "\n");
  EXPECT_FALSE(parse(job("", own, "target_label: a.b")));
  EXPECT_TRUE(parse(job(kLegacy, "  metric_name_validation_scheme: utf8\n", "target_label: a.b")));
  EXPECT_FALSE(parse(concat("alerting: {alert_relabel_configs: [{target_label: a.b}]}\nglobal: {",
                            kLegacy, "}\n")));
  EXPECT_FALSE(parse(concat("global: {", kLegacy, ", external_labels: {a.b: c}}\n")));
}

TEST(Config, RefusesExternalLabelsThatAreTooLarge) {
  ::setenv("NX_TEST_LONG", std::string(100'000, 'x').c_str(), 1);
  std::string value;
  for (int i = 0; i < 200; ++i) value += "$NX_TEST_LONG";

  const auto config = parse(concat("global:\n  external_labels: {zone: '", value, "'}\n"));

  ASSERT_FALSE(config);
  EXPECT_NE(
      config.error().message().find("external_labels: label \"zone\" has a value of 20000000"),
      std::string::npos);
}

// As /api/v1/status/config shows it: every section that upstream prints, and labels that are "".
TEST(Config, PrintsAllSections) {
  const auto tail = [](const Config& config) {
    return config.yaml.substr(config.yaml.find("runtime:"));
  };
  constexpr std::string_view kOtlp =
      "otlp:\n  translation_strategy: UnderscoreEscapingWithSuffixes\n"
      "  label_name_underscore_sanitization: true\n"
      "  label_name_preserve_multiple_underscores: true\n";

  const auto plain = parse("global:\n  external_labels: {b: '', a: x}\n");
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_NE(plain->yaml.find("  external_labels:\n    a: x\n    b: \"\"\n"), std::string::npos)
      << plain->yaml;
  EXPECT_EQ(plain->global.external_labels, (model::Labels{{"a", "x"}}));
  EXPECT_EQ(tail(*plain), concat("runtime:\n  gogc: 75\nstorage:\n  tsdb:\n"
                                 "    outofordertimewindow: 0\n    retention:\n      time: 15d\n",
                                 kOtlp));

  const auto full = parse(
      "runtime: {gogc: 50}\nstorage:\n  tsdb: {retention: {time: 30d}}\n"
      "  exemplars: {max_exemplars: 7}\n");
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->retention_ms, 30LL * 24 * 3'600'000);
  EXPECT_EQ(tail(*full), concat("runtime:\n  gogc: 50\nstorage:\n  tsdb:\n"
                                "    outofordertimewindow: 0\n    retention:\n      time: 30d\n"
                                "  exemplars:\n    max_exemplars: 7\n",
                                kOtlp));
}

TEST(Config, TheFilesRetentionWinsOverTheFlags) {
  const auto with = [](std::string_view text) {
    return parse_config(text, "p.yml", real_file_system(), 7)->retention_ms;
  };

  EXPECT_EQ(with(""), 7);
  EXPECT_EQ(with("storage: {tsdb: {}}"), 7);
  EXPECT_EQ(with("storage: {tsdb: {retention: {time: 1s}}}"), 1'000);
  EXPECT_EQ(with("storage: {tsdb: {retention: {}}}"), 0);
}

TEST(Config, FindsRuleFilesBesideItself) {
  const test::TempDir dir;
  for (const char* name : {"a.yml", "b.yml", "c.txt"}) {
    ASSERT_TRUE(real_file_system().create(dir.path() + "/" + name));
  }

  const auto config =
      parse_config("rule_files: ['*.yml', 'gone.yml']", dir.path() + "/p.yml", real_file_system());

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->rule_files,
            (std::vector<std::string>{dir.path() + "/a.yml", dir.path() + "/b.yml"}));
  EXPECT_EQ(config->rule_patterns.back(), dir.path() + "/gone.yml");
  EXPECT_FALSE(parse("rule_files: ['*/x.yml']"));
}

TEST(Config, RefusesMalformedRulePatterns) {
  for (const char* pattern : {"[", "a[", "[]a]", "[a-]", "x/[-]/y.yml"}) {
    const auto config = parse(concat("rule_files: ['", pattern, "']"));
    ASSERT_FALSE(config) << pattern;
    EXPECT_NE(config.error().message().find("syntax error in pattern"), std::string::npos);
  }
  EXPECT_TRUE(parse("rule_files: ['[a]x?.yml', ~]"));
}

TEST(Config, ChecksTargets) {
  const auto check = [](std::string_view targets) {
    const auto config = parse(
        concat("scrape_configs: [{job_name: a, static_configs: [{targets: ", targets, "}]}]"));
    return config ? check_targets(*config, real_file_system()) : std::unexpected(config.error());
  };

  EXPECT_TRUE(check("['h:1', 'h:99999']"));
  EXPECT_EQ(check("['h:1', '']").error().message(), "instance 1 in group 0: no address");
  EXPECT_FALSE(check("[~]"));
  EXPECT_FALSE(check("['h/x']"));
}

// Helm writes large numbers as floats.
TEST(Config, TakesFloatsForIntegers) {
  const auto config = parse(
      "global: {sample_limit: 5e+06, label_limit: 0x10, target_limit: 1_000}\n"
      "scrape_configs:\n- {job_name: a, sample_limit: 1.5e3, keep_dropped_targets: 010}\n");

  ASSERT_TRUE(config) << config.error().message();
  const scrape::ScrapeLimits& limits = config->scrape_configs[0].limits;
  EXPECT_EQ(config->global.scrape.limits.samples, 5'000'000U);
  EXPECT_EQ(limits.samples, 1500U);
  EXPECT_EQ(limits.labels, 16U);
  EXPECT_EQ(limits.targets, 1000U);
  EXPECT_EQ(limits.keep_dropped_targets, 8U);
  EXPECT_FALSE(parse("global: {sample_limit: '5'}"));
  EXPECT_FALSE(parse("global: {sample_limit: -1}"));
}

// Null is a type's zero, which for what upstream holds by pointer is: not there.
TEST(Config, TakesNullsAsUpstream) {
  const auto config = parse(
      "global: ~\nrule_files: ~\nalerting: ~\nstorage: ~\nremote_write: ~\n"
      "scrape_configs:\n- job_name: a\n  basic_auth: ~\n  authorization: ~\n  tls_config: ~\n"
      "  extra_scrape_metrics: ~\n  scrape_interval: ~\n  static_configs: ~\n  params: ~\n"
      "  file_sd_configs: [{files: [a.yml], refresh_interval: 0s}]\n");

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(config->scrape_configs[0].client.basic_auth);
  EXPECT_FALSE(config->scrape_configs[0].client.authorization);
  EXPECT_EQ(config->scrape_configs[0].scrape_interval, 60'000);
  const auto with_rule = [](std::string_view rule) {
    return parse(concat("scrape_configs:\n- {job_name: a, relabel_configs: [", rule, "]}\n"));
  };
  EXPECT_TRUE(with_rule("{target_label: x, regex: ~, replacement: ~}"));
  EXPECT_NE(with_rule("{target_label: x, action: ~}")
                .error()
                .message()
                .find("relabel action cannot be empty"),
            std::string::npos);
  EXPECT_FALSE(with_rule("~"));
  EXPECT_FALSE(with_rule("{action: labelmap, replacement: ''}"));
  EXPECT_FALSE(with_rule("{action: labeldrop, source_labels: []}"));
}

TEST(Config, SaysWhyAFileCannotBeRead) {
  const auto config = load_config("/nonexistent/p.yml", real_file_system());

  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), Code::kNotFound);
  EXPECT_EQ(config.error().message(), "open /nonexistent/p.yml: no such file or directory");
}

// "./r.yml" would be another rule_group label than upstream's.
TEST(Config, NamesRelativeFilesAsUpstream) {
  EXPECT_EQ(discovery::join_directory(".", "a.yml"), "a.yml");
  EXPECT_EQ(discovery::join_directory("d", "./e/../a.yml"), "d/a.yml");
  EXPECT_EQ(discovery::join_directory("/d/", "*.yml"), "/d/*.yml");
  EXPECT_EQ(discovery::join_directory("d", "/a/./b"), "/a/./b");
}

TEST(Config, ChecksRuleFiles) {
  const test::TempDir dir;
  const auto check = [&](std::string_view text, const query::ParserOptions& options = {}) {
    const std::string path = dir.path() + "/r.yml";
    EXPECT_TRUE((*real_file_system().create(path))->append(std::as_bytes(std::span(text))));
    return check_rule_file(path, options, real_file_system());
  };
  constexpr std::string_view kExperimental =
      "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'mad_over_time(b[5m])'}\n";

  EXPECT_EQ(*check("groups:\n- name: g\n  rules:\n  - {record: a, expr: b}\n"), 1U);
  EXPECT_NE(check("groups:\n- name: g\n  rules:\n  - {record: a, expr: 'b{'}\n")
                .error()
                .message()
                .find("r.yml:4: group \"g\", rule 1, \"a\": could not parse expression"),
            std::string::npos);
  EXPECT_FALSE(check(kExperimental));
  EXPECT_TRUE(check(kExperimental, {.experimental_functions = true}));
  EXPECT_FALSE(check_rule_file(dir.path() + "/none", {}, real_file_system()));
}

// Upstream's own bad files: each must be refused. (Good ones use features that are refused by
// name.)
TEST(Config, RefusesUpstreamsBadFiles) {
  const char* shared = std::getenv("NARTHEX_SHARED");
  const std::string dir =
      std::string(shared != nullptr ? shared : "../shared") + "/testdata/config";
  const auto entries = real_file_system().list(dir);
  if (!entries) GTEST_SKIP() << "no test data at " << dir;
  std::size_t checked = 0;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.find(".bad.") == std::string::npos) continue;
    SCOPED_TRACE(entry.name);
    const auto config = load_config(dir + "/" + entry.name, real_file_system());
    EXPECT_FALSE(config);
    ++checked;
  }
  EXPECT_GT(checked, 100U);
}

}  // namespace
}  // namespace narthex::server
