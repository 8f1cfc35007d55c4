// Decoding and printing of discovery configuration.
#include "discovery/config.h"

#include <filesystem>

#include "base/regex.h"
#include "base/str.h"

namespace narthex::discovery {
namespace {

using yaml::MapReader;
using yaml::Node;

constexpr std::string_view kOtherKinds[] = {
    "aws",      "azure",      "consul",      "digitalocean", "dns",      "docker",   "dockerswarm",
    "ec2",      "ecs",        "elasticache", "eureka",       "gce",      "hetzner",  "http",
    "ionos",    "kubernetes", "kuma",        "lightsail",    "linode",   "marathon", "msk",
    "nerve",    "nomad",      "oci",         "openstack",    "outscale", "ovhcloud", "puppetdb",
    "scaleway", "serverset",  "stackit",     "triton",       "uyuni",    "vultr"};

constexpr std::string_view kFilePattern = R"([^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML))";

Result<FileConfig> decode_file(const Node& node, const Regex& pattern) {
  FileConfig config;
  MapReader map(node, "file.SDConfig");
  map.read("files", config.files);
  map.parse("refresh_interval", config.refresh_interval, model::parse_duration);
  NX_TRY(map.finish());
  if (config.files.empty()) {
    return node.error("file service discovery config must contain at least one path name");
  }
  for (const std::string& path : config.files) {
    if (pattern.matches(path)) continue;
    return node.error(concat("path name ", quote(path), " is not valid for file discovery"));
  }
  return config;
}

void decode_static(MapReader& map, bool plain_hosts, DiscoveryConfig& out) {
  map.each("static_configs", [&](const Node& node) -> Result<void> {
    if (node.is_null()) return node.error("empty or null section in static_configs");
    NX_TRY_ASSIGN(TargetGroup group, decode_group(node));
    for (const model::Labels& target : group.targets) {
      const std::string_view address = target.get("__address__");
      if (plain_hosts && address.find('/') != std::string_view::npos) {
        return node.error(concat(quote(address), " is not a valid hostname"));
      }
    }
    group.source = std::to_string(out.static_groups.size());
    out.static_groups.push_back(std::move(group));
    return {};
  });
}

}  // namespace

Result<TargetGroup> make_group(const std::vector<std::string>& addresses,
                               const std::vector<std::pair<std::string, std::string>>& labels) {
  TargetGroup group;
  model::LabelsBuilder builder;
  for (const std::string& address : addresses) {
    builder.reset(model::Labels());
    builder.set("__address__", address);
    NX_TRY_ASSIGN(group.targets.emplace_back(), builder.build_within());
  }
  builder.reset(model::Labels());
  for (const auto& [name, value] : labels) {
    if (!model::is_valid_name(name)) {
      return Error(Code::kInvalid, concat(quote(name), " is not a valid label name"));
    }
    builder.set(name, value);
  }
  NX_TRY_ASSIGN(group.labels, builder.build_within());
  return group;
}

Result<TargetGroup> decode_group(const Node& node) {
  std::vector<std::string> targets;
  std::map<std::string, std::string> labels;
  MapReader map(node,
                "struct { Targets []string \"yaml:\\\"targets\\\"\"; "
                "Labels model.LabelSet \"yaml:\\\"labels\\\"\" }");
  map.read("targets", targets).read("labels", labels);
  NX_TRY(map.finish());
  auto group = make_group(targets, {labels.begin(), labels.end()});
  if (!group) return map.place("labels").error(group.error().message());
  return group;
}

void decode_discovery(MapReader& map, bool plain_hosts, DiscoveryConfig& out) {
  decode_static(map, plain_hosts, out);
  static const Result<Regex> pattern = Regex::anchored(kFilePattern);
  map.each("file_sd_configs", [&](const Node& node) -> Result<void> {
    if (node.is_null()) return node.error("empty or null section in file_sd_configs");
    NX_TRY_ASSIGN(out.files.emplace_back(), decode_file(node, *pattern));
    return {};
  });
  for (const std::string_view kind : kOtherKinds) map.not_implemented(concat(kind, "_sd_configs"));
}

void emit(yaml::Writer& out, const DiscoveryConfig& config) {
  if (!config.files.empty()) {
    out.open_list("file_sd_configs");
    for (const FileConfig& file : config.files) {
      out.open_item().field("files", file.files);
      out.field("refresh_interval", model::format_duration(file.refresh_interval)).close();
    }
    out.close();
  }
  if (config.static_groups.empty()) return;
  out.open_list("static_configs");
  for (const TargetGroup& group : config.static_groups) {
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
  out.close();
}

std::string join_directory(std::string_view directory, std::string_view path) {
  if (path.empty() || path.starts_with('/') || directory.empty()) return std::string(path);
  const std::filesystem::path joined(concat(directory, "/", path));
  return joined.lexically_normal().string();
}

void DiscoveryConfig::set_directory(std::string_view directory) {
  for (FileConfig& file : files) {
    for (std::string& path : file.files) path = join_directory(directory, path);
  }
}

}  // namespace narthex::discovery
