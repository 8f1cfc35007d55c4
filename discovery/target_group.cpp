// Makes groups of what files and configurations say: each address a target of its own, and the
// labels checked once for all that share them.
#include "discovery/target_group.h"

#include <map>

#include "base/str.h"

namespace narthex::discovery {

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

Result<TargetGroup> decode_group(const yaml::Node& node) {
  std::vector<std::string> targets;
  std::map<std::string, std::string> labels;
  yaml::MapReader map(node,
                      "struct { Targets []string \"yaml:\\\"targets\\\"\"; "
                      "Labels model.LabelSet \"yaml:\\\"labels\\\"\" }");
  map.read("targets", targets).read("labels", labels);
  NX_TRY(map.finish());
  auto group = make_group(targets, {labels.begin(), labels.end()});
  if (!group) return map.place("labels").error(group.error().message());
  return group;
}

}  // namespace narthex::discovery
