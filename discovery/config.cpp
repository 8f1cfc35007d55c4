// The kinds of discovery there are, in one table.
#include "discovery/config.h"

#include <algorithm>
#include <filesystem>

#include "base/str.h"
#include "discovery/file.h"
#include "discovery/static.h"

namespace narthex::discovery {
namespace {

/// A kind that is there, in upstream's order of printing.
struct Kind {
  std::string_view key;
  void (*decode)(yaml::MapReader& map, DecodeOptions options, ProviderConfigs& out);
  void (*register_metrics)(Metrics& metrics) = [](Metrics&) {};
};

constexpr Kind kKinds[] = {
    {FileConfig::kKey, decode_file_configs, register_file_metrics},
    {StaticConfig::kKey, decode_static_configs},
};

constexpr std::string_view kOtherKinds[] = {
    "aws",      "azure",      "consul",      "digitalocean", "dns",      "docker",   "dockerswarm",
    "ec2",      "ecs",        "elasticache", "eureka",       "gce",      "hetzner",  "http",
    "ionos",    "kubernetes", "kuma",        "lightsail",    "linode",   "marathon", "msk",
    "nerve",    "nomad",      "oci",         "openstack",    "outscale", "ovhcloud", "puppetdb",
    "scaleway", "serverset",  "stackit",     "triton",       "uyuni",    "vultr"};

}  // namespace

bool operator==(const ProviderConfig& a, const ProviderConfig& b) {
  return a.key() == b.key() && a.equals(b);
}

bool operator==(const DiscoveryConfig& a, const DiscoveryConfig& b) {
  return std::ranges::equal(a.providers, b.providers,
                            [](const auto& x, const auto& y) { return *x == *y; });
}

void register_metrics(Metrics& metrics) {
  for (const Kind& kind : kKinds) kind.register_metrics(metrics);
}

void decode_discovery(yaml::MapReader& map, DecodeOptions options, DiscoveryConfig& out) {
  for (const Kind& kind : kKinds) kind.decode(map, options, out.providers);
  for (const std::string_view kind : kOtherKinds) map.not_implemented(concat(kind, "_sd_configs"));
}

void emit(yaml::Writer& out, const DiscoveryConfig& config) {
  for (const Kind& kind : kKinds) {
    bool open = false;
    for (const auto& provider : config.providers) {
      if (provider->key() != kind.key) continue;
      if (!std::exchange(open, true)) out.open_list(kind.key);
      provider->emit_items(out);
    }
    if (open) out.close();
  }
}

std::string join_directory(std::string_view directory, std::string_view path) {
  if (path.empty() || path.starts_with('/') || directory.empty()) return std::string(path);
  const std::filesystem::path joined(concat(directory, "/", path));
  return joined.lexically_normal().string();
}

void DiscoveryConfig::set_directory(std::string_view directory) {
  for (auto& provider : providers) provider = provider->in_directory(directory);
}

}  // namespace narthex::discovery
