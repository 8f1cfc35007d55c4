// Decoding the configuration file, and printing it back for /api/v1/status/config.
#include "server/config.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "alerting/rules/config.h"
#include "base/glob.h"
#include "base/str.h"
#include "base/units.h"
#include "base/utf8.h"
#include "discovery/manager.h"
#include "scrape/target.h"

namespace narthex::server {
namespace {

using yaml::MapReader;
using yaml::Node;
using yaml::Shown;

bool is_variable_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// $VAR and ${VAR} from the environment, $$ for a dollar: only external labels are expanded, as
// upstream.
std::string expand_environment(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const bool braced = text[i + 1] == '{';
    std::size_t end = i + (braced ? 2 : 1);
    const std::size_t start = end;
    while (end < text.size() && (braced ? text[end] != '}' : is_variable_char(text[end]))) ++end;
    const std::string name(text.substr(start, end - start));
    if (const char* value = std::getenv(name.c_str()); value != nullptr) out += value;
    i = braced ? end : end - 1;
  }
  return out;
}

bool has_legacy_names(const GlobalConfig& global) {
  return global.scrape.name_validation == scrape::NameValidation::kLegacy;
}

Result<void> decode_external_labels(const Node& node, GlobalConfig& out) {
  NX_TRY_ASSIGN(const auto pairs, node.as_map());
  model::LabelsBuilder builder;
  const bool legacy = has_legacy_names(out);
  for (const auto& [name, value] : pairs) {
    if (legacy ? !model::is_legacy_label_name(name) : !model::is_valid_name(name)) {
      return value.error_at_key(concat(quote(name), " is not a valid label name"));
    }
    NX_TRY_ASSIGN(const std::string text, value.as_string());
    const std::string expanded = expand_environment(text);
    if (!is_valid_utf8(expanded))
      return value.error(concat(quote(expanded), " is not a valid label value"));
    builder.set(name, expanded);
    out.external_label_texts[name] = expanded;
  }
  auto built = builder.build_within();
  if (!built) return node.error(concat("external_labels: ", built.error().message()));
  out.external_labels = *std::move(built);
  return {};
}

void check_global(MapReader& map, GlobalConfig& out) {
  // Names are read after the labels that they are the rules of.
  map.with("external_labels", [&](const Node& n) { return decode_external_labels(n, out); });
  scrape::check_globals(map, out.scrape);
  if (out.evaluation_interval_ms == 0) {
    out.evaluation_interval_ms = GlobalConfig{}.evaluation_interval_ms;
  }
}

yaml::Fields<GlobalConfig> global_fields() {
  yaml::Fields<GlobalConfig> fields;
  fields.add_inlined(&GlobalConfig::scrape, scrape::global_fields_head());
  fields.add("evaluation_interval", &GlobalConfig::evaluation_interval_ms, model::parse_duration,
             model::format_duration);
  fields.add("rule_query_offset", &GlobalConfig::rule_query_offset_ms, model::parse_duration,
             model::format_duration, Shown::kUnlessZero);
  fields.add_absent("query_log_file");
  fields.add([](MapReader&, GlobalConfig&) {},
             [](yaml::Writer& out, const GlobalConfig& from) {
               out.field("external_labels", from.external_label_texts);
             });
  fields.add_inlined(&GlobalConfig::scrape, scrape::global_fields_tail());
  fields.add_check(check_global);
  return fields;
}

Result<void> decode_global(const Node& node, GlobalConfig& out) {
  if (node.is_null()) return {};  // the defaults, as if it were not there
  out.scrape = scrape::unset_globals();
  return global_fields().decode(node, "config.plain", out);
}

yaml::Fields<Config> runtime_fields() {
  yaml::Fields<Config> fields;
  fields.add("gogc", &Config::gc_percent);
  fields.add_check([](MapReader&, Config& out) {
    if (out.gc_percent == 0) out.gc_percent = kGcPercent;
  });
  return fields;
}

yaml::Fields<Config> retention_fields() {
  yaml::Fields<Config> fields;
  // A block without a time is one that keeps samples for ever, as upstream.
  fields.add_check([](MapReader&, Config& out) { out.retention_ms = 0; });
  fields.add("time", &Config::retention_ms, model::parse_duration, model::format_duration,
             Shown::kUnlessZero);
  fields.add_absent("size").add_absent("percentage");
  return fields;
}

yaml::Fields<Config> tsdb_fields() {
  yaml::Fields<Config> fields;
  fields.add(
      [](MapReader& map, Config& out) {
        map.parse("out_of_order_time_window", out.out_of_order_window_ms, model::parse_duration);
        if (out.out_of_order_window_ms != 0) map.not_implemented("out_of_order_time_window");
      },
      [](yaml::Writer& out, const Config&) {
        out.field("outofordertimewindow", std::int64_t{0});  // upstream's, without a proper name
      });
  fields.add_absent("stale_series_compaction_threshold").add_absent("chunk_encoding");
  fields.add_section("retention", "config.TSDBRetentionConfig", retention_fields());
  return fields;
}

// Takes effect upstream only with a feature flag that is refused here.
Result<void> decode_exemplars(const Node& node, Config& out) {
  MapReader map(node, "config.ExemplarsConfig");
  out.exemplars_max.emplace(0);
  map.read("max_exemplars", *out.exemplars_max);
  return map.finish();
}

yaml::Fields<Config> storage_fields() {
  yaml::Fields<Config> fields;
  fields.add_section("tsdb", "config.plain", tsdb_fields());
  fields.add(
      [](MapReader& map, Config& out) {
        map.with("exemplars", [&](const Node& n) { return decode_exemplars(n, out); });
      },
      [](yaml::Writer& out, const Config& from) {
        if (!from.exemplars_max) return;
        out.open_map("exemplars");
        if (*from.exemplars_max != 0) out.field("max_exemplars", *from.exemplars_max);
        out.close();
      });
  return fields;
}

// Upstream's rule: at most one star, in the last path element.
bool is_rule_pattern(std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  return star == std::string_view::npos || pattern.find('/', star) == std::string_view::npos;
}

Result<void> decode_scrape_jobs(const std::vector<Node>& nodes, Config& out) {
  std::set<std::string> names;
  for (const Node& node : nodes) {
    NX_TRY_ASSIGN(scrape::ScrapeConfig job, scrape::decode_scrape_config(node, out.global.scrape));
    if (!names.insert(job.job_name).second) {
      return node.error(
          concat("found multiple scrape configs with job name ", quote(job.job_name)));
    }
    job.discovery.set_directory(out.directory);
    out.scrape_configs.push_back(std::move(job));
  }
  return {};
}

void read_alerting(MapReader& map, Config& out) {
  map.with("alerting", [&](const Node& n) -> Result<void> {
    NX_TRY_ASSIGN(out.alerting, alerting::decode_alerting_config(n, has_legacy_names(out.global)));
    out.alerting.set_directory(out.directory);
    return {};
  });
}
void print_alerting(yaml::Writer& out, const Config& config) {
  if (config.alerting == alerting::AlertingConfig{}) return;
  out.open_map("alerting");
  alerting::emit(out, config.alerting);
  out.close();
}

void print_jobs(yaml::Writer& out, const Config& config) {
  if (config.scrape_configs.empty()) return;
  out.open_list("scrape_configs");
  for (const scrape::ScrapeConfig& job : config.scrape_configs) {
    out.open_item();
    scrape::emit(out, job);
    out.close();
  }
  out.close();
}

// What upstream shows of sections that are refused here: their defaults.
void print_otlp(yaml::Writer& out, const Config&) {
  out.open_map("otlp").field("translation_strategy", "UnderscoreEscapingWithSuffixes");
  out.field("label_name_underscore_sanitization", true);
  out.field("label_name_preserve_multiple_underscores", true).close();
}

// `jobs` takes the items of scrape_configs: they are decoded when everything else is.
yaml::Fields<Config> root_fields(std::vector<Node>* jobs) {
  yaml::Fields<Config> fields;
  fields.add(
      [](MapReader& map, Config& out) {
        map.with("global", [&](const Node& n) { return decode_global(n, out.global); });
      },
      [](yaml::Writer& out, const Config& from) {
        out.open_map("global");
        global_fields().print(out, from.global);
        out.close();
      });
  fields.add_section("runtime", "config.RuntimeConfig", runtime_fields());
  fields.add(read_alerting, print_alerting);
  fields.add("rule_files", &Config::rule_patterns);
  fields.add(
      [jobs](MapReader& map, Config&) {
        map.each("scrape_configs", [&](const Node& n) -> Result<void> {
          jobs->push_back(n);
          return {};
        });
      },
      print_jobs);
  fields.add_section("storage", "config.plain", storage_fields());
  for (const char* field : {"scrape_config_files", "remote_write", "remote_read", "tracing"}) {
    fields.add_absent(field);
  }
  fields.add([](MapReader& map, Config&) { map.not_implemented("otlp"); }, print_otlp);
  return fields;
}

Result<void> decode_root(const Node& root, const std::string& file, FileSystem& fs, Config& out) {
  std::vector<Node> jobs;
  NX_TRY(root_fields(&jobs).decode(root, "config.plain", out));
  for (std::string& pattern : out.rule_patterns) {
    if (!is_rule_pattern(pattern)) {
      return Error(Code::kInvalid, concat(file, ": invalid rule file path ", quote(pattern)));
    }
    pattern = discovery::join_directory(out.directory, pattern);
    auto found = glob(fs, pattern);
    if (!found) {
      return std::move(found).error().with(
          concat(file, ": error retrieving rule files for ", pattern));
    }
    out.rule_files.insert(out.rule_files.end(), found->begin(), found->end());
  }
  return decode_scrape_jobs(jobs, out);
}

std::string print(const Config& config) {
  yaml::Writer out;
  root_fields(nullptr).print(out, config);
  return out.text();
}

}  // namespace

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

Result<Config> parse_config(std::string_view text, const std::string& file, FileSystem& fs,
                            model::DurationMs retention_ms) {
  NX_TRY_ASSIGN(const Node root, yaml::parse(text, file));
  Config config;
  config.directory = directory_of(file);
  config.retention_ms = retention_ms;
  NX_TRY(decode_root(root, file, fs, config));
  config.yaml = print(config);
  return config;
}

Result<std::size_t> check_rule_file(const std::string& file, const query::ParserOptions& options,
                                    FileSystem& fs) {
  NX_TRY_ASSIGN(const std::string text, fs.read_file(file));
  NX_TRY_ASSIGN(const auto groups, alerting::parse_rule_file(text, file, options));
  std::size_t rules = 0;
  for (const alerting::RuleGroupConfig& group : groups) rules += group.rules.size();
  return rules;
}

Result<void> check_targets(const Config& config, FileSystem& fs) {
  for (const scrape::ScrapeConfig& job : config.scrape_configs) {
    NX_TRY_ASSIGN(const auto relabeler, model::Relabeler::create(job.relabel_rules));
    std::vector<discovery::TargetGroup> groups;
    for (const auto& provider : job.discovery.providers) {
      NX_TRY_ASSIGN(const auto found, provider->look(fs));
      groups.insert(groups.end(), found.begin(), found.end());
    }
    for (const discovery::TargetGroup& group : groups) {
      for (std::size_t i = 0; i < group.targets.size(); ++i) {
        model::Labels discovered;
        auto target =
            scrape::make_target(group.targets[i], group.labels, job, relabeler, discovered);
        if (target) continue;
        return std::move(target).error().with(concat("instance ", i, " in group ", group.source));
      }
    }
  }
  return {};
}

Result<Config> load_config(const std::string& file, FileSystem& fs,
                           model::DurationMs retention_ms) {
  NX_TRY_ASSIGN(const std::string text, fs.read_file(file));
  return parse_config(text, file, fs, retention_ms);
}

}  // namespace narthex::server
