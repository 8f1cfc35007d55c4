// static_configs: groups of targets that the configuration itself names, and that change only with
// it.
#pragma once

#include "discovery/provider.h"

namespace narthex::discovery {

/// All items of one list. Immutable.
class StaticConfig final : public ProviderConfig {
 public:
  /// Its name in a configuration file.
  static constexpr std::string_view kKey = "static_configs";

  /// Their sources must differ.
  explicit StaticConfig(std::vector<TargetGroup> groups) : groups_(std::move(groups)) {}

  std::string_view key() const override { return kKey; }
  bool equals(const ProviderConfig& other) const override;
  void emit_items(yaml::Writer& out) const override;
  std::shared_ptr<const ProviderConfig> in_directory(std::string_view directory) const override;
  Result<std::vector<TargetGroup>> look(FileSystem& fs) const override;
  std::unique_ptr<Provider> make(const ProviderContext& context) const override;

 private:
  std::vector<TargetGroup> groups_;
};

/// Reads the list, if there is one, into at most one configuration.
void decode_static_configs(yaml::MapReader& map, DecodeOptions options, ProviderConfigs& out);

}  // namespace narthex::discovery
