// Target endpoints: copies from the scrape manager, written as upstream writes them.
//
// Metadata comes as one list of entries, target by target. targets/metadata passes it on and ends
// between two targets; metadata turns it round, by family, where the same text from many targets
// counts once. Addresses of this very machine are shown under the name by which others reach it.
#include "web/api/targets_api.h"

#include <map>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/str.h"
#include "query/promql/parser.h"
#include "web/api/errors.h"
#include "web/api/params.h"
#include "web/api/result_json.h"
#include "web/form.h"

namespace narthex::web {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

HostPort split_host(const std::string& authority) {
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  HostPort out{authority, {}};
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    out = {authority.substr(0, colon), authority.substr(colon + 1)};
  }
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  return out;
}

bool is_local(std::string_view host) {
  return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

std::string join_host(const std::string& host, const std::string& port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string shown = is_v6 ? concat("[", host, "]") : host;
  return port.empty() ? host : concat(shown, ":", port);
}

void labels_member(JsonWriter& json, std::string_view key, const model::Labels& labels) {
  std::string text;
  append_labels_json(text, labels);
  json.key(key).raw(text);
}

// `limit` and the like of the metadata endpoints: -1 when absent.
Result<std::int64_t> metadata_limit(const Form& form, std::string_view name) {
  const std::string_view text = form.get(name);
  if (text.empty()) return -1;
  auto value = parse_integer(text);
  if (!value) return Error(Code::kInvalid, concat(name, " must be a number"));
  return *value;
}

struct MetadataLess {
  bool operator()(const model::Metadata& a, const model::Metadata& b) const {
    return std::tie(a.type, a.unit, a.help) < std::tie(b.type, b.unit, b.help);
  }
};
using MetadataSets = std::map<std::string, std::set<model::Metadata, MetadataLess>>;

MetadataSets group_by_family(const std::vector<scrape::TargetMetadata>& entries,
                             std::int64_t limit_per_metric) {
  MetadataSets sets;
  for (const scrape::TargetMetadata& entry : entries) {
    auto& set = sets[entry.family];
    const bool full = limit_per_metric > 0 && std::ssize(set) >= limit_per_metric;
    if (!full) set.insert(entry.metadata);
  }
  return sets;
}

}  // namespace

std::string api_time_text(model::TimeMs time) {
  return time == 0 ? "0001-01-01T00:00:00Z" : model::format_rfc3339(time);
}

std::string global_url_of(const std::string& url, const GlobalUrl& global) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return url;
  const std::size_t start = scheme_end + 3;
  const std::size_t end = std::min(url.find_first_of("/?", start), url.size());
  const HostPort target = split_host(url.substr(start, end - start));
  if (!is_local(target.host)) return url;
  if (target.port == global.own_port) {
    return concat(global.scheme, "://", global.host, url.substr(end));
  }
  const std::string host = join_host(split_host(global.host).host, target.port);
  return concat(url.substr(0, start), host, url.substr(end));
}

net::http::Response TargetsApi::targets(const net::http::Request& request) const {
  const Form form(request);
  const std::string state = to_lower_ascii(form.get_query("state"));
  const std::string_view pool = form.get_query("scrapePool");
  const bool any = state.empty() || state == "any";
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("activeTargets").begin_array();
  std::vector<scrape::ActiveTarget> active;
  if (any || state == "active") active = source_.active();
  for (const scrape::ActiveTarget& target : active) {
    if (!pool.empty() && target.pool != pool) continue;
    json.begin_object();
    labels_member(json, "discoveredLabels", target.discovered_labels);
    labels_member(json, "labels", target.labels);
    json.member("scrapePool", target.pool).member("scrapeUrl", target.url);
    json.member("globalUrl", global_url_of(target.url, global_url_));
    json.member("lastError", target.last_error);
    json.member("lastScrape", api_time_text(target.last_scrape));
    json.key("lastScrapeDuration").number(target.last_duration_seconds);
    json.member("health", scrape::health_name(target.health));
    json.member("scrapeInterval", target.interval);
    json.member("scrapeTimeout", target.timeout).end_object();
  }
  json.end_array().key("droppedTargets").begin_array();
  const bool show_dropped = any || state == "dropped";
  std::vector<scrape::DroppedTarget> dropped;
  if (show_dropped) dropped = source_.dropped();
  for (const scrape::DroppedTarget& target : dropped) {
    if (!pool.empty() && target.pool != pool) continue;
    json.begin_object();
    labels_member(json, "discoveredLabels", target.discovered_labels);
    json.member("scrapePool", target.pool).end_object();
  }
  json.end_array().key("droppedTargetCounts");
  if (!show_dropped) {
    json.null().end_object();
    return std::move(envelope).close();
  }
  json.begin_object();
  for (const scrape::PoolCounts& counts : source_.counts()) {
    json.key(counts.pool).unsigned_integer(counts.dropped);
  }
  json.end_object().end_object();
  return std::move(envelope).close();
}

net::http::Response TargetsApi::target_metadata(const net::http::Request& request) const {
  const Form form(request);
  const Result<std::int64_t> limit = metadata_limit(form, "limit");
  if (!limit) return error_response(limit.error());
  model::Matchers matchers;
  if (const std::string_view selector = form.get("match_target"); !selector.empty()) {
    auto parsed = query::parse_selector(selector);
    if (!parsed) return error_response(invalid_parameter("match_target", parsed.error()));
    matchers = *std::move(parsed);
  }
  const std::string_view family = form.get("metric");
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_array();
  // As upstream: it ends the list before a target, never within one.
  std::int64_t count = 0;
  const model::Labels* shown = nullptr;
  const std::vector<scrape::TargetMetadata> entries = source_.metadata(family);
  for (const scrape::TargetMetadata& entry : entries) {
    if (!model::matches_all(matchers, entry.target)) continue;
    const bool another = shown == nullptr || *shown != entry.target;
    if (another && *limit >= 0 && count >= *limit) break;
    shown = &entry.target;
    ++count;
    json.begin_object();
    labels_member(json, "target", entry.target);
    if (family.empty()) json.member("metric", entry.family);
    json.member("type", model::metric_type_name(entry.metadata.type));
    json.member("help", entry.metadata.help).member("unit", entry.metadata.unit).end_object();
  }
  json.end_array();
  return std::move(envelope).close();
}

net::http::Response TargetsApi::metric_metadata(const net::http::Request& request) const {
  const Form form(request);
  const Result<std::int64_t> limit = metadata_limit(form, "limit");
  if (!limit) return error_response(limit.error());
  const Result<std::int64_t> limit_per_metric = metadata_limit(form, "limit_per_metric");
  if (!limit_per_metric) return error_response(limit_per_metric.error());
  const MetadataSets sets =
      group_by_family(source_.metadata(form.get("metric")), *limit_per_metric);
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object();
  std::int64_t count = 0;
  for (const auto& [family, set] : sets) {
    if (*limit >= 0 && count++ >= *limit) break;
    json.key(family).begin_array();
    for (const model::Metadata& metadata : set) {
      json.begin_object().member("type", model::metric_type_name(metadata.type));
      json.member("unit", metadata.unit).member("help", metadata.help).end_object();
    }
    json.end_array();
  }
  json.end_object();
  return std::move(envelope).close();
}

net::http::Response TargetsApi::scrape_pools(const net::http::Request&) const {
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("scrapePools").begin_array();
  for (const std::string& pool : source_.pools()) json.string(pool);
  json.end_array().end_object();
  return std::move(envelope).close();
}

net::http::Response TargetsApi::alertmanagers(const net::http::Request&) const {
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  const auto list = [&json](std::string_view key,
                            const std::function<std::vector<std::string>()>& urls) {
    json.key(key).begin_array();
    if (urls) {
      for (const std::string& url : urls()) json.begin_object().member("url", url).end_object();
    }
    json.end_array();
  };
  json.begin_object();
  list("activeAlertmanagers", source_.alertmanagers);
  list("droppedAlertmanagers", source_.dropped_alertmanagers);
  json.end_object();
  return std::move(envelope).close();
}

}  // namespace narthex::web
