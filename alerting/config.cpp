// Decoding and printing of the alerting block.
#include "alerting/config.h"

#include "base/str.h"
#include "base/yaml_fields.h"
#include "model/relabel_config.h"

namespace narthex::alerting {
namespace {

using yaml::MapReader;
using yaml::Node;
using yaml::Shown;

Result<std::string> parse_api_version(std::string_view text) {
  if (text == "v2") return std::string(text);
  return Error(Code::kInvalid,
               concat("expected Alertmanager api version to be one of [v2] but got ", text));
}

yaml::Fields<AlertmanagerConfig> alertmanager_fields(bool legacy_names) {
  using Config = AlertmanagerConfig;
  yaml::Fields<Config> fields;
  fields.add_inlined(&Config::client, net::http::client_fields());
  fields.add("scheme", &Config::scheme, Shown::kUnlessZero);
  fields.add_check([](MapReader& map, Config& config) {
    if (config.scheme == "https")
      map.fail(map.place("scheme"), "not implemented yet: scheme https");
  });
  fields.add("path_prefix", &Config::path_prefix, Shown::kUnlessZero);
  fields.add("timeout", &Config::timeout, model::parse_duration, model::format_duration);
  fields.add(
      [](MapReader& map, Config&) {
        std::string version;
        map.parse("api_version", version, parse_api_version);
      },
      [](yaml::Writer& out, const Config&) { out.field("api_version", "v2"); });
  fields.add_absent("sigv4");
  model::add_relabel_rules(fields, "relabel_configs", &Config::relabel_rules,
                           "Alertmanager target relabeling rule", legacy_names);
  model::add_relabel_rules(fields, "alert_relabel_configs", &Config::alert_relabel_rules,
                           "Alertmanager alert relabeling rule", legacy_names);
  fields.add(
      [](MapReader& map, Config& out) {
        discovery::decode_discovery(map, {.plain_hosts = out.relabel_rules.empty()}, out.discovery);
      },
      [](yaml::Writer& out, const Config& from) { discovery::emit(out, from.discovery); });
  return fields;
}

yaml::Fields<AlertingConfig> alerting_fields(bool legacy_names) {
  yaml::Fields<AlertingConfig> fields;
  model::add_relabel_rules(fields, "alert_relabel_configs", &AlertingConfig::alert_relabel_rules,
                           "alert relabeling rule", legacy_names);
  fields.add(
      [=](MapReader& map, AlertingConfig& out) {
        const auto managers = alertmanager_fields(legacy_names);
        yaml::read_list(map, "alertmanagers", out.alertmanagers,
                        [&](const Node& item, AlertmanagerConfig& manager) -> Result<void> {
                          if (item.is_null()) {
                            return item.error("empty or null alertmanager config section");
                          }
                          return managers.decode(item, "config.AlertmanagerConfig", manager);
                        });
      },
      [](yaml::Writer& out, const AlertingConfig& from) {
        yaml::print_list(out, "alertmanagers", from.alertmanagers, alertmanager_fields(false));
      });
  return fields;
}

}  // namespace

Result<AlertingConfig> decode_alerting_config(const Node& node, bool legacy_names) {
  AlertingConfig out;
  NX_TRY(alerting_fields(legacy_names).decode(node, "config.AlertingConfig", out));
  return out;
}

void AlertingConfig::set_directory(std::string_view directory) {
  for (AlertmanagerConfig& config : alertmanagers) config.discovery.set_directory(directory);
}

void emit(yaml::Writer& out, const AlertingConfig& config) {
  alerting_fields(false).print(out, config);
}

}  // namespace narthex::alerting
