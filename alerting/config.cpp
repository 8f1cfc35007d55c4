// Decoding and printing of the alerting block.
#include "alerting/config.h"

#include "base/str.h"
#include "model/relabel_config.h"

namespace narthex::alerting {
namespace {

using yaml::MapReader;
using yaml::Node;

Result<std::string> parse_api_version(std::string_view text) {
  if (text == "v2") return std::string(text);
  return Error(Code::kInvalid,
               concat("expected Alertmanager api version to be one of [v2] but got ", text));
}

Result<AlertmanagerConfig> decode_alertmanager(const Node& node, bool legacy_names) {
  AlertmanagerConfig out;
  std::string version;
  MapReader map(node, "config.AlertmanagerConfig");
  map.read("scheme", out.scheme).read("path_prefix", out.path_prefix);
  if (out.scheme == "https") map.fail(map.place("scheme"), "not implemented yet: scheme https");
  map.parse("timeout", out.timeout, model::parse_duration);
  map.parse("api_version", version, parse_api_version);
  map.not_implemented("sigv4");
  net::http::decode_client_config(map, out.client);
  model::decode_relabel_rules(map, "relabel_configs", "Alertmanager target relabeling rule",
                              legacy_names, out.relabel_rules);
  model::decode_relabel_rules(map, "alert_relabel_configs", "Alertmanager alert relabeling rule",
                              legacy_names, out.alert_relabel_rules);
  discovery::decode_discovery(map, {.plain_hosts = out.relabel_rules.empty()}, out.discovery);
  NX_TRY(map.finish());
  return out;
}

}  // namespace

Result<AlertingConfig> decode_alerting_config(const Node& node, bool legacy_names) {
  AlertingConfig out;
  MapReader map(node, "config.AlertingConfig");
  model::decode_relabel_rules(map, "alert_relabel_configs", "alert relabeling rule", legacy_names,
                              out.alert_relabel_rules);
  map.each("alertmanagers", [&](const Node& item) -> Result<void> {
    if (item.is_null()) return item.error("empty or null alertmanager config section");
    NX_TRY_ASSIGN(out.alertmanagers.emplace_back(), decode_alertmanager(item, legacy_names));
    return {};
  });
  NX_TRY(map.finish());
  return out;
}

void AlertingConfig::set_directory(std::string_view directory) {
  for (AlertmanagerConfig& config : alertmanagers) config.discovery.set_directory(directory);
}

void emit(yaml::Writer& out, const AlertingConfig& config) {
  model::emit_relabel_rules(out, "alert_relabel_configs", config.alert_relabel_rules);
  if (config.alertmanagers.empty()) return;
  out.open_list("alertmanagers");
  for (const AlertmanagerConfig& manager : config.alertmanagers) {
    out.open_item();
    net::http::emit(out, manager.client);
    if (!manager.scheme.empty()) out.field("scheme", manager.scheme);
    if (!manager.path_prefix.empty()) out.field("path_prefix", manager.path_prefix);
    out.field("timeout", model::format_duration(manager.timeout));
    out.field("api_version", "v2");
    model::emit_relabel_rules(out, "relabel_configs", manager.relabel_rules);
    model::emit_relabel_rules(out, "alert_relabel_configs", manager.alert_relabel_rules);
    discovery::emit(out, manager.discovery);
    out.close();
  }
  out.close();
}

}  // namespace narthex::alerting
