// Flags and configuration, translated into the options of each part, so that parts know neither.
// Whatever is computed from several flags, or from the machine, is computed here, once.
#include "server/wiring.h"

#include <algorithm>

#include "net/http/framing.h"
#include "server/memory_limits.h"
#include "server/process.h"

namespace narthex::server {
namespace {

query::ParserOptions parser_options(const Flags& flags) {
  query::ParserOptions options;
  options.experimental_functions = flags.has_feature("promql-experimental-functions");
  options.extended_range_selectors = flags.has_feature("promql-extended-range-selectors");
  options.fill_modifiers = flags.has_feature("promql-binop-fill-modifiers");
  return options;
}

std::string route_prefix(const Flags& flags) {
  std::string prefix = flags.route_prefix.empty() ? external_url(flags).path : flags.route_prefix;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty() && !prefix.starts_with('/')) prefix.insert(0, "/");
  return prefix;
}

}  // namespace

query::EngineOptions engine_options(const Flags& flags, const Config& config) {
  query::EngineOptions options;
  options.lookback_ms = flags.lookback_ms;
  options.timeout_ms = flags.query_timeout_ms;
  options.samples_max = flags.query_samples_max;
  options.concurrency_max = flags.query_concurrency;
  const MemoryLimits memory = memory_limits(flags, machine_memory(real_file_system()));
  options.query_memory_max = memory.query;
  options.memory_max = memory.queries;
  options.rule_memory_max = memory.rules;
  options.subquery_step_ms = config.global.evaluation_interval_ms;
  options.parser = parser_options(flags);
  options.delayed_name_removal = flags.has_feature("promql-delayed-name-removal");
  return options;
}

scrape::ScrapeOptions scrape_options(const Flags& flags) {
  scrape::ScrapeOptions options;
  options.host_name = host_name();
  const std::size_t memory = machine_memory(real_file_system());
  if (memory != 0) options.bodies_bytes_max = options.parsed_bytes_max = memory / 8;
  options.discovery_reload_interval = flags.discovery_reload_ms;
  options.align_timestamps = flags.adjust_timestamps;
  options.timestamp_tolerance = flags.timestamp_tolerance_ms;
  return options;
}

net::http::HttpServerOptions http_options(const Flags& flags) {
  net::http::HttpServerOptions options;
  options.listen_addresses = flags.listen_addresses;
  options.connections_max = flags.connections_max;
  options.body_timeout = std::chrono::milliseconds(flags.read_timeout_ms);
  return options;
}

tsdb::Options store_options(const Flags& flags, const Config& config) {
  tsdb::Options options;
  options.path = flags.storage_path;
  while (options.path.size() > 1 && options.path.ends_with('/')) options.path.pop_back();
  options.no_lockfile = flags.no_lockfile;
  options.head.wal_compression = flags.wal_compression;
  if (flags.wal_segment_bytes != 0) options.wal_segment_bytes = flags.wal_segment_bytes;
  options.retention_ms = config.retention_ms;
  return options;
}

web::TsdbStatus tsdb_status(const tsdb::DbStatistics& s) {
  const auto counts = [](const std::vector<tsdb::NameCount>& in) {
    std::vector<web::NamedCount> out;
    for (const tsdb::NameCount& c : in) out.push_back({c.name, c.count});
    return out;
  };
  web::TsdbStatus status;
  status.series = s.registry.series;
  status.label_pairs = s.registry.label_pairs;
  status.chunks = static_cast<std::int64_t>(s.chunks);
  status.min_time = s.min_time;
  status.max_time = s.max_time;
  status.series_by_metric = counts(s.registry.series_by_metric_name);
  status.values_by_label = counts(s.registry.values_by_label_name);
  status.bytes_by_label = counts(s.registry.bytes_by_label_name);
  status.series_by_pair = counts(s.registry.series_by_label_pair);
  return status;
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

// As Go's url.Parse takes it apart. Without a scheme the whole is a path, with one but no slashes
// it is opaque and has neither host nor path.
ExternalUrl external_url(const Flags& flags) {
  ExternalUrl url;
  std::string_view rest = flags.external_url;
  if (rest.empty()) {
    url.scheme = "http";
    url.host = concat(host_name(), ":", port_of(flags.listen_addresses.front()));
    url.text = concat("http://", url.host);
    return url;
  }
  const std::size_t colon = rest.find_first_of(":/?#");
  if (colon != std::string_view::npos && rest[colon] == ':') {
    url.scheme = to_lower_ascii(rest.substr(0, colon));
    rest.remove_prefix(colon + 1);
  }
  url.text = flags.external_url;
  if (!url.scheme.empty() && !rest.starts_with('/')) return url;  // opaque: no host, no path
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    url.host = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(url.host.size());
  }
  std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  const std::string_view behind = rest.substr(path.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view slash = path.empty() || path.starts_with('/') ? "" : "/";
  url.path = concat(slash, net::http::percent_decode(path, false).value_or(std::string(path)));
  const std::string origin =
      concat(url.scheme, url.scheme.empty() ? "" : ":", url.host.empty() ? "" : "//", url.host);
  url.text = concat(origin, slash, path, behind);
  return url;
}

alerting::NotifierOptions notifier_options(const Flags& flags) {
  alerting::NotifierOptions options;
  options.queue.capacity = flags.notification_queue;
  options.queue.batch_size = flags.notification_batch;
  options.drain_on_shutdown = flags.drain_notifications;
  options.discovery_reload_interval = flags.discovery_reload_ms;
  return options;
}

alerting::RuleOptions rule_options(const Flags& flags) {
  const ExternalUrl url = external_url(flags);
  alerting::RuleOptions options;
  options.external_url = url.text;
  options.path_prefix = url.path;
  options.resend_delay = flags.resend_delay_ms;
  options.outage_tolerance = flags.outage_tolerance_ms;
  options.grace_period = flags.grace_period_ms;
  options.parser = parser_options(flags);
  return options;
}

alerting::RulesConfig rules_config(const Config& config) {
  alerting::RulesConfig rules;
  rules.files = config.rule_files;
  rules.evaluation_interval = config.global.evaluation_interval_ms;
  rules.query_offset = config.global.rule_query_offset_ms;
  rules.external_labels = config.global.external_labels;
  return rules;
}

// Upstream writes into its flags what it finds out while it starts, and shows that.
std::map<std::string, std::string> effective_flags(const Flags& flags, const Config& config) {
  constexpr model::DurationMs kBlockMsMax = 31LL * 24 * 60 * 60 * 1000;  // copied from upstream
  std::map<std::string, std::string> all = flags.all;
  all["web.route-prefix"] = route_prefix(flags).empty() ? "/" : route_prefix(flags);
  all["storage.tsdb.retention.time"] = model::format_duration(config.retention_ms);
  const model::DurationMs tenth = config.retention_ms / 10;
  all["storage.tsdb.max-block-duration"] =
      model::format_duration(tenth == 0 ? kBlockMsMax : std::min(tenth, kBlockMsMax));
  return all;
}

web::RouterOptions router_options(const Flags& flags) {
  web::RouterOptions options;
  options.prefix = route_prefix(flags);
  // What matches everything need not be asked.
  if (flags.cors_origin != ".*") {
    if (auto regex = Regex::anchored(flags.cors_origin)) options.cors_origin = *std::move(regex);
  }
  return options;
}

}  // namespace narthex::server
