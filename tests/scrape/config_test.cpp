// scrape_configs: defaults, inheritance from global, refusals with their line, and printing back.
#include "scrape/config.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

Result<ScrapeConfig> decode(std::string_view text, const ScrapeGlobals& globals = {}) {
  NX_TRY_ASSIGN(const yaml::Node node, yaml::parse(text, "p.yml"));
  return decode_scrape_config(node, globals);
}

std::string error_of(std::string_view text) {
  const auto config = decode(text);
  return config ? "" : config.error().message();
}

TEST(ScrapeConfig, FillsInDefaults) {
  const auto config =
      decode("job_name: node\nstatic_configs: [{targets: ['a:1', 'b:2'], labels: {x: y}}]\n");

  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->scrape_interval, 60'000);
  EXPECT_EQ(config->scrape_timeout, 10'000);
  EXPECT_EQ(config->metrics_path, "/metrics");
  EXPECT_TRUE(config->honor_timestamps);
  EXPECT_EQ(config->scrape_protocols.size(), 4u);
  const auto groups = config->discovery.providers.at(0)->look(real_file_system());
  EXPECT_EQ(groups->at(0).targets[1].get("__address__"), "b:2");
  EXPECT_EQ(groups->at(0).labels.get("x"), "y");
}

TEST(ScrapeConfig, InheritsFromGlobals) {
  ScrapeGlobals globals = unset_globals();
  const auto node = yaml::parse(
      "scrape_interval: 5s\nsample_limit: 7\nbody_size_limit: 1MB\n"
      "scrape_protocols: [PrometheusText0.0.4]\n",
      "p.yml");
  yaml::MapReader map(*node, "config.GlobalConfig");
  global_fields_head().read(map, globals);
  global_fields_tail().read(map, globals);
  check_globals(map, globals);
  ASSERT_TRUE(map.finish());

  const auto config = decode("job_name: a\nlabel_limit: 3\n", globals);

  EXPECT_EQ(config->scrape_interval, 5'000);
  EXPECT_EQ(config->scrape_timeout, 5'000);
  EXPECT_EQ(config->limits.samples, 7u);
  EXPECT_EQ(config->limits.labels, 3u);
  EXPECT_EQ(config->limits.body_size_bytes, 1024 * 1024);
  EXPECT_EQ(config->scrape_protocols, std::vector<Protocol>{Protocol::kPrometheusText004});
}

TEST(ScrapeConfig, RefusesWithPlaceAndReason) {
  const struct {
    const char* text;
    const char* message;
  } kRows[] = {
      {"honor_labels: true\n", "p.yml:1: job_name is empty"},
      {"job_name: a\nscrape_interval: 5s\nscrape_timeout: 6s\n",
       "p.yml:3: scrape timeout greater than scrape interval for scrape config with job name "
       "\"a\""},
      {"job_name: a\nnonsense: 1\n",
       "p.yml:2: field nonsense not found in type config.ScrapeConfig"},
      {"job_name: a\ntls_config:\n  insecure_skip_verify: true\n",
       "p.yml:2: not implemented yet: tls_config"},
      {"job_name: a\nconsul_sd_configs: []\n", "p.yml:2: not implemented yet: consul_sd_configs"},
      {"job_name: a\nscheme: https\n", "p.yml:2: not implemented yet: scheme https"},
      {"job_name: a\nscrape_native_histograms: true\n",
       "p.yml:2: not implemented yet: scrape_native_histograms"},
      {"job_name: a\nscrape_protocols: []\n",
       "p.yml:2: scrape_protocols cannot be empty for scrape config with job name \"a\""},
      {"job_name: a\nscrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]\n",
       "p.yml:2: duplicated protocol in scrape_protocols, got [PrometheusText0.0.4 "
       "PrometheusText0.0.4]"
       " for scrape config with job name \"a\""},
      {"job_name: a\nstatic_configs:\n- targets: ['http://x']\n",
       "p.yml:3: \"http://x\" is not a valid hostname"},
      {"job_name: a\nstatic_configs:\n- null\n",
       "p.yml:3: empty or null section in static_configs"},
      {"job_name: a\nrelabel_configs:\n- action: hashmod\n  target_label: x\n",
       "p.yml:3: relabel configuration for hashmod requires non-zero modulus"},
      {"job_name: a\nrelabel_configs:\n- null\n",
       "p.yml:3: empty or null target relabeling rule in scrape config"},
      {"job_name: a\nfile_sd_configs:\n- files: ['a.txt']\n",
       "p.yml:3: path name \"a.txt\" is not valid for file discovery"},
      {"job_name: a\nbasic_auth: {username: u}\nauthorization: {credentials: x}\n",
       "p.yml:3: at most one of basic_auth, oauth2 & authorization must be configured"},
      {"job_name: a\nmetric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: "
       "allow-utf-8\n",
       "p.yml:3: utf8 metric names requested but validation scheme is not set to UTF8"},
      {"job_name: a\nbody_size_limit: 10\n", "p.yml:2: units: unknown unit  in 10"},
      {"job_name: a\nscrape_interval: 5\n", "p.yml:2: not a valid duration string: \"5\""},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(error_of(row.text), row.message);
  }
}

TEST(ScrapeConfig, PrintsInUpstreamOrderWithSecretsHidden) {
  const auto config = decode(
      "job_name: a\nbearer_token: hush\nparams: {m: [x]}\nsample_limit: 5\n"
      "relabel_configs: [{source_labels: [a, b], regex: 'x.*', target_label: c}]\n"
      "static_configs: [{targets: [h:1]}]\nfile_sd_configs: [{files: [t.json]}]\n");
  ASSERT_TRUE(config) << config.error().message();
  yaml::Writer out;
  out.open_list("scrape_configs").open_item();
  emit(out, *config);
  out.close().close();

  EXPECT_EQ(out.text(),
            "scrape_configs:\n"
            "- job_name: a\n"
            "  honor_timestamps: true\n"
            "  track_timestamps_staleness: false\n"
            "  params:\n"
            "    m:\n"
            "    - x\n"
            "  scrape_interval: 1m\n"
            "  scrape_timeout: 10s\n"
            "  scrape_protocols:\n"
            "  - OpenMetricsText1.0.0\n"
            "  - OpenMetricsText0.0.1\n"
            "  - PrometheusText1.0.0\n"
            "  - PrometheusText0.0.4\n"
            "  scrape_native_histograms: false\n"
            "  always_scrape_classic_histograms: false\n"
            "  convert_classic_histograms_to_nhcb: false\n"
            "  metrics_path: /metrics\n"
            "  scheme: http\n"
            "  enable_compression: true\n"
            "  sample_limit: 5\n"
            "  metric_name_validation_scheme: utf8\n"
            "  metric_name_escaping_scheme: allow-utf-8\n"
            "  extra_scrape_metrics: false\n"
            "  authorization:\n"
            "    type: Bearer\n"
            "    credentials: <secret>\n"
            "  follow_redirects: true\n"
            "  enable_http2: true\n"
            "  relabel_configs:\n"
            "  - source_labels: [a, b]\n"
            "    separator: ;\n"
            "    regex: x.*\n"
            "    target_label: c\n"
            "    replacement: $1\n"
            "    action: replace\n"
            "  file_sd_configs:\n"
            "  - files:\n"
            "    - t.json\n"
            "    refresh_interval: 5m\n"
            "  static_configs:\n"
            "  - targets:\n"
            "    - h:1\n");
}

// Reload keeps a pool running when its configuration is equal.
TEST(ScrapeConfig, ComparesByValue) {
  const char* text = "job_name: a\nstatic_configs: [{targets: [h:1]}]\n";
  EXPECT_EQ(*decode(text), *decode(text));
  EXPECT_NE(*decode(text), *decode("job_name: a\nstatic_configs: [{targets: [h:2]}]\n"));
}

TEST(ScrapeConfig, BuildsAuthorizationHeaders) {
  EXPECT_EQ(decode("job_name: a\nbasic_auth: {username: user, password: pass}\n")
                ->client.authorization_header()
                .reveal(),
            "Basic dXNlcjpwYXNz");
  EXPECT_EQ(decode("job_name: a\nauthorization: {type: Token, credentials: t}\n")
                ->client.authorization_header()
                .reveal(),
            "Token t");
}

}  // namespace
}  // namespace narthex::scrape
