// static_configs: one provider for all groups of a list, which publishes them when it starts and
// then has nothing to do. Targets are checked here only where no relabelling follows that could
// still mend them.
#include "discovery/static.h"

#include "base/str.h"

namespace narthex::discovery {
namespace {

class StaticProvider final : public Provider {
 public:
  explicit StaticProvider(std::vector<TargetGroup> groups) : groups_(std::move(groups)) {}
  void start(Publish publish) override { publish(std::move(groups_)); }
  void stop() override {}

 private:
  std::vector<TargetGroup> groups_;
};

Result<void> check_hosts(const yaml::Node& node, const TargetGroup& group) {
  for (const model::Labels& target : group.targets) {
    const std::string_view address = target.get("__address__");
    if (address.find('/') == std::string_view::npos) continue;
    return node.error(concat(quote(address), " is not a valid hostname"));
  }
  return {};
}

}  // namespace

bool StaticConfig::equals(const ProviderConfig& other) const {
  return groups_ == static_cast<const StaticConfig&>(other).groups_;
}

void StaticConfig::emit_items(yaml::Writer& out) const {
  for (const TargetGroup& group : groups_) {
    out.open_item().open_list("targets");
    for (const model::Labels& target : group.targets) out.item(target.get("__address__"));
    out.close();
    if (!group.labels.empty()) {
      out.open_map("labels");
      for (const auto& [name, value] : group.labels) out.field(name, value);
      out.close();
    }
    out.close();
  }
}

std::shared_ptr<const ProviderConfig> StaticConfig::in_directory(std::string_view) const {
  return std::make_shared<StaticConfig>(*this);
}

Result<std::vector<TargetGroup>> StaticConfig::look(FileSystem&) const {
  return groups_;
}

std::unique_ptr<Provider> StaticConfig::make(const ProviderContext&) const {
  return std::make_unique<StaticProvider>(groups_);
}

void decode_static_configs(yaml::MapReader& map, DecodeOptions options, ProviderConfigs& out) {
  std::vector<TargetGroup> groups;
  map.each(StaticConfig::kKey, [&](const yaml::Node& node) -> Result<void> {
    if (node.is_null()) return node.error("empty or null section in static_configs");
    NX_TRY_ASSIGN(TargetGroup group, decode_group(node));
    if (options.plain_hosts) NX_TRY(check_hosts(node, group));
    group.source = std::to_string(groups.size());
    groups.push_back(std::move(group));
    return {};
  });
  if (!groups.empty()) out.push_back(std::make_shared<StaticConfig>(std::move(groups)));
}

}  // namespace narthex::discovery
