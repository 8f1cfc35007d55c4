// Relabelling rules as YAML.
#include "model/relabel_config.h"

#include "base/str.h"

namespace narthex::model {
namespace {

Result<RelabelRule> decode_rule(const yaml::Node& node, bool legacy_names) {
  RelabelRule rule{.legacy_names = legacy_names};
  yaml::MapReader map(node, "relabel.Config");
  map.read("source_labels", rule.source_labels).read("separator", rule.separator);
  map.read("regex", rule.regex_text).read("modulus", rule.modulus);
  map.read("target_label", rule.target_label).read("replacement", rule.replacement);
  map.parse("action", rule.action, parse_relabel_action);
  if (map.has("action") && map.place("action").is_null()) {
    map.fail(map.place("action"), "relabel action cannot be empty");
  }
  const bool names_sources = map.has("source_labels") && !map.place("source_labels").is_null();
  const bool by_name =
      rule.action == RelabelAction::kLabelDrop || rule.action == RelabelAction::kLabelKeep;
  if (by_name && names_sources) {  // even an empty list
    map.fail(map.place("source_labels"),
             concat(relabel_action_name(rule.action),
                    " action requires only 'regex', and no other fields"));
  }
  for (const std::string& name : rule.source_labels) {
    if (!is_valid_name(name)) {
      map.fail(map.place("source_labels"), concat(quote(name), " is not a valid label name"));
    }
  }
  NX_TRY(map.finish());
  if (auto checked = Relabeler::create({rule}); !checked)
    return node.error(checked.error().message());
  return rule;
}

}  // namespace

void decode_relabel_rules(yaml::MapReader& map, std::string_view key, std::string_view what,
                          bool legacy_names, std::vector<RelabelRule>& out) {
  map.each(key, [&](const yaml::Node& node) -> Result<void> {
    if (node.is_null()) return node.error(concat("empty or null ", what));
    NX_TRY_ASSIGN(out.emplace_back(), decode_rule(node, legacy_names));
    return {};
  });
}

void emit_relabel_rules(yaml::Writer& out, std::string_view key,
                        const std::vector<RelabelRule>& rules) {
  if (rules.empty()) return;
  const RelabelRule defaults;
  out.open_list(key);
  for (const RelabelRule& rule : rules) {
    out.open_item();
    if (!rule.source_labels.empty()) out.flow_list("source_labels", rule.source_labels);
    out.field("separator", rule.separator);
    if (rule.regex_text != defaults.regex_text) out.field("regex", rule.regex_text);
    if (rule.modulus != 0) out.field("modulus", rule.modulus);
    if (!rule.target_label.empty()) out.field("target_label", rule.target_label);
    out.field("replacement", rule.replacement);
    out.field("action", relabel_action_name(rule.action)).close();
  }
  out.close();
}

}  // namespace narthex::model
