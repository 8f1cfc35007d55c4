// The `alerting` block: relabelling of outgoing alerts, and the Alertmanagers they go to.
// Upstream's fields, defaults and checks; what does not exist yet is refused by name with its line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "discovery/config.h"
#include "model/relabel.h"
#include "model/time.h"
#include "net/http/client_config.h"

namespace narthex::alerting {

/// One item of `alertmanagers`.
struct AlertmanagerConfig {
  net::http::ClientConfig client;
  std::string scheme = "http";
  std::string path_prefix;
  model::DurationMs timeout = 10'000;                   // upstream's default
  std::vector<model::RelabelRule> relabel_rules;        // of discovered Alertmanagers
  std::vector<model::RelabelRule> alert_relabel_rules;  // of alerts on their way to these
  discovery::DiscoveryConfig discovery;

  friend bool operator==(const AlertmanagerConfig&, const AlertmanagerConfig&) = default;
};

struct AlertingConfig {
  std::vector<model::RelabelRule> alert_relabel_rules;
  std::vector<AlertmanagerConfig> alertmanagers;

  friend bool operator==(const AlertingConfig&, const AlertingConfig&) = default;

  /// Relative paths become relative to `directory`.
  void set_directory(std::string_view directory);
};

/// The value of `alerting`; null is an empty one. `legacy_names`: relabelling may write legacy
/// label names only. kInvalid with file and line.
Result<AlertingConfig> decode_alerting_config(const yaml::Node& node, bool legacy_names = false);

/// Prints its fields in upstream's order: to be called inside open_map("alerting").
void emit(yaml::Writer& out, const AlertingConfig& config);

}  // namespace narthex::alerting
