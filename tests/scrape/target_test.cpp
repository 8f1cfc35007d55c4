// Target construction: label order, defaults, refusals, URL and offset.
#include "scrape/target.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

ScrapeConfig job() {
  ScrapeConfig config;
  config.job_name = "node";
  config.scrape_interval = 15'000;
  config.scrape_timeout = 10'000;
  config.params["module"] = {"a b", "c"};
  return config;
}

Result<std::optional<Target>> make(const model::Labels& labels, const model::Labels& group = {},
                                   std::vector<model::RelabelRule> rules = {},
                                   model::Labels* discovered = nullptr) {
  model::Labels found;
  auto target =
      make_target(labels, group, job(), *model::Relabeler::create(std::move(rules)), found);
  if (discovered != nullptr) *discovered = found;
  return target;
}

TEST(Target, TakesDefaultsAfterItsOwnAndTheGroupsLabels) {
  model::Labels discovered;
  const auto target = make({{"__address__", "h:1"}, {"env", "own"}, {"__meta_x", "y"}},
                           {{"env", "group"}, {"dc", "d1"}}, {}, &discovered);

  ASSERT_TRUE(target && *target);
  EXPECT_EQ((*target)->labels.to_string(), R"({dc="d1", env="own", instance="h:1", job="node"})");
  EXPECT_EQ((*target)->url.to_string(), "http://h:1/metrics?module=a+b&module=c");
  EXPECT_EQ(discovered.get("__scrape_interval__"), "15s");
  EXPECT_EQ(discovered.get("__param_module"), "a b");
  EXPECT_FALSE((*target)->all_labels.has("__meta_x"));
}

TEST(Target, RelabellingRewritesUrlAndInterval) {
  std::vector<model::RelabelRule> rules(3);
  rules[0] = {.target_label = "__metrics_path__", .replacement = "/probe"};
  rules[1] = {.target_label = "__param_module", .replacement = "x"};
  rules[2] = {.target_label = "__scrape_interval__", .replacement = "1m"};
  const auto target = make({{"__address__", "[::1]:9100"}}, {}, rules);

  ASSERT_TRUE(target && *target);
  EXPECT_EQ((*target)->url.to_string(), "http://[::1]:9100/probe?module=x&module=c");
  EXPECT_EQ((*target)->url.host, "::1");
  EXPECT_EQ((*target)->interval, 60'000);
}

TEST(Target, DropsAndRefuses) {
  std::vector<model::RelabelRule> drop(1);
  drop[0] = {.source_labels = {"__address__"}, .action = model::RelabelAction::kDrop};
  EXPECT_FALSE(make({{"__address__", "h:1"}}, {}, drop)->has_value());
  std::vector<model::RelabelRule> zero(1);
  zero[0] = {.target_label = "__scrape_interval__", .replacement = "0"};
  EXPECT_EQ(make({{"__address__", "h:1"}}, {}, zero).error().message(),
            "scrape interval cannot be 0");
  std::vector<model::RelabelRule> late(1);
  late[0] = {.target_label = "__scrape_timeout__", .replacement = "20s"};
  EXPECT_EQ(make({{"__address__", "h:1"}}, {}, late).error().message(),
            "scrape timeout cannot be greater than scrape interval (\"20s\" > \"15s\")");
  EXPECT_EQ(make({{"job", "x"}}).error().message(), "no address");
  EXPECT_EQ(make({{"__address__", "h/x"}}).error().message(), "\"h/x\" is not a valid hostname");
}

TEST(Target, RefusesLabelsThatAreTooLarge) {
  const std::string mib(std::size_t{1} << 20, 'x');
  std::vector<model::RelabelRule> grow(1);
  grow[0] = {.source_labels = {"x"}, .target_label = "y", .replacement = "y$1"};
  const auto grown = make({{"__address__", "h:1"}, {"x", mib}}, {}, grow);
  EXPECT_EQ(grown.error().code(), Code::kLimit);
  const auto many =
      make({{"__address__", "h:1"}, {"a", mib}, {"b", mib}, {"c", mib}}, {{"d", mib}, {"e", "x"}});
  EXPECT_EQ(many.error().code(), Code::kLimit);
}

// Upstream shows what it was given, and says at every scrape what is wrong with it.
TEST(Target, KeepsAddressesThatMakeNoUrl) {
  struct Row {
    std::string address;
    std::string url;
    std::string fault;
  };
  const std::string tail = "/metrics?module=a+b&module=c";
  const auto parse_fault = [&](const std::string& url, const std::string& why) {
    return "parse \"" + url + tail + "\": " + why;
  };
  const Row rows[] = {
      {"h:09100", "http://h:09100", ""},
      {"h:86536", "http://h:86536", ""},  // refused when it is dialled
      {"h:abc", "http://h:abc", parse_fault("http://h:abc", "invalid port \":abc\" after host")},
      {"a b", "http://a%20b", parse_fault("http://a%20b", "invalid URL escape \"%20\"")},
      {"[::1", "http://[::1", parse_fault("http://[::1", "missing ']' in host")}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.address);
    const auto target = make({{"__address__", row.address}});
    ASSERT_TRUE(target && *target);
    EXPECT_EQ((*target)->url_text, row.url + tail);
    EXPECT_EQ((*target)->fault, row.fault);
  }
  std::vector<model::RelabelRule> rules(2);
  rules[0] = {.target_label = "__scheme__", .replacement = "ftp"};
  rules[1] = {.target_label = "__metrics_path__", .replacement = "a b"};
  const auto target = make({{"__address__", "h:1"}}, {}, rules);
  EXPECT_EQ((*target)->url_text, "ftp://h:1/a%20b?module=a+b&module=c");
  EXPECT_EQ((*target)->fault,
            "Get \"ftp://h:1/a%20b?module=a+b&module=c\": unsupported protocol scheme \"ftp\"");
  EXPECT_EQ(make({{"__address__", ""}}).error().message(), "no address");
}

// FNV-1a's published vectors: the offsets of upstream depend on it.
TEST(Target, HashesAsFnv1a) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cULL);
}

TEST(Target, OffsetLiesWithinTheIntervalAtTheSamePhaseAlways) {
  const auto target = make({{"__address__", "h:1"}});
  const std::int64_t interval = 15'000'000'000;
  const std::int64_t first = 1'700'000'000'123'456'789;
  const std::int64_t phase = (first + (*target)->offset_ns(first, 7)) % interval;
  for (const std::int64_t later : {1LL, 999LL, 14'999'999'999LL, 77'000'000'000LL}) {
    const std::int64_t now = first + later;
    const std::int64_t offset = (*target)->offset_ns(now, 7);
    EXPECT_GE(offset, 0);
    EXPECT_LE(offset, interval);
    EXPECT_EQ((now + offset) % interval, phase);
  }
}

}  // namespace
}  // namespace narthex::scrape
