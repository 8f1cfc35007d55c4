// Where the targets of one consumer (a scrape job, a block of Alertmanagers) come from: its
// `static_configs` and `*_sd_configs`. Kinds that are not there yet are recognised and refused by
// name.
#pragma once

#include <string>
#include <string_view>

#include "base/yaml.h"
#include "discovery/provider.h"

namespace narthex::discovery {

struct DiscoveryConfig {
  ProviderConfigs providers;
  friend bool operator==(const DiscoveryConfig& a, const DiscoveryConfig& b);

  /// Relative paths become relative to `directory`.
  void set_directory(std::string_view directory);
};

bool operator==(const ProviderConfig& a, const ProviderConfig& b);

/// The metrics of all kinds are there from the start, whichever are configured.
void register_metrics(Metrics& metrics);

/// They stand inline in the mapping of the consumer.
void decode_discovery(yaml::MapReader& map, DecodeOptions options, DiscoveryConfig& out);
/// Prints them in upstream's order.
void emit(yaml::Writer& out, const DiscoveryConfig& config);

/// `path`, or `directory`/`path` when it is relative, without "." and ".." as far as that goes; an
/// empty path stays empty.
std::string join_directory(std::string_view directory, std::string_view path);

}  // namespace narthex::discovery
