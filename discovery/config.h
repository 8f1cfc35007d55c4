// Where targets come from: `static_configs` and `*_sd_configs` as structs. Kinds that are not there
// yet are recognised and refused by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/yaml.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::discovery {

/// Targets that share labels. Sources are unique within one provider; a group replaces the one
/// before it.
struct TargetGroup {
  std::vector<model::Labels> targets;  // each with at least __address__
  model::Labels labels;
  std::string source;
  friend bool operator==(const TargetGroup&, const TargetGroup&) = default;
};

struct FileConfig {
  std::vector<std::string> files;  // paths with at most one *, in the last element
  model::DurationMs refresh_interval = 5 * 60 * 1000;  // upstream's default
  friend bool operator==(const FileConfig&, const FileConfig&) = default;
};

struct DiscoveryConfig {
  std::vector<TargetGroup> static_groups;
  std::vector<FileConfig> files;
  friend bool operator==(const DiscoveryConfig&, const DiscoveryConfig&) = default;

  /// Relative file patterns become relative to `directory`.
  void set_directory(std::string_view directory);
};

/// Reads the inline discovery fields of `map`. With `plain_hosts` (no relabelling follows) a static
/// target holding '/' is an error.
void decode_discovery(yaml::MapReader& map, bool plain_hosts, DiscoveryConfig& out);
/// Prints them in upstream's order.
void emit(yaml::Writer& out, const DiscoveryConfig& config);

/// A group of these addresses. kInvalid for a bad label name, kLimit for labels that are too large.
Result<TargetGroup> make_group(const std::vector<std::string>& addresses,
                               const std::vector<std::pair<std::string, std::string>>& labels);

/// One `{targets: [...], labels: {...}}`.
Result<TargetGroup> decode_group(const yaml::Node& node);

/// `path`, or `directory`/`path` when it is relative, without "." and ".." as far as that goes; an
/// empty path stays empty.
std::string join_directory(std::string_view directory, std::string_view path);

}  // namespace narthex::discovery
