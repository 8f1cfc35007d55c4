// Relabelling rules as YAML.
#include "model/relabel_config.h"

#include "base/str.h"

namespace narthex::model {
namespace {

// Even an empty list of sources is too much for actions on names.
void check_rule(yaml::MapReader& map, const RelabelRule& rule) {
  if (map.has("action") && map.place("action").is_null()) {
    map.fail(map.place("action"), "relabel action cannot be empty");
  }
  const bool names_sources = map.has("source_labels") && !map.place("source_labels").is_null();
  const bool by_name =
      rule.action == RelabelAction::kLabelDrop || rule.action == RelabelAction::kLabelKeep;
  if (by_name && names_sources) {
    map.fail(map.place("source_labels"),
             concat(relabel_action_name(rule.action),
                    " action requires only 'regex', and no other fields"));
  }
  for (const std::string& name : rule.source_labels) {
    if (!is_valid_name(name)) {
      map.fail(map.place("source_labels"), concat(quote(name), " is not a valid label name"));
    }
  }
}

yaml::Fields<RelabelRule> rule_fields() {
  using yaml::Shown;
  yaml::Fields<RelabelRule> fields;
  fields.add(
      [](yaml::MapReader& map, RelabelRule& out) { map.read("source_labels", out.source_labels); },
      [](yaml::Writer& out, const RelabelRule& rule) {
        if (!rule.source_labels.empty()) out.flow_list("source_labels", rule.source_labels);
      });
  fields.add("separator", &RelabelRule::separator);
  fields.add([](yaml::MapReader& map, RelabelRule& out) { map.read("regex", out.regex_text); },
             [](yaml::Writer& out, const RelabelRule& rule) {
               if (rule.regex_text != RelabelRule{}.regex_text) out.field("regex", rule.regex_text);
             });
  fields.add("modulus", &RelabelRule::modulus, Shown::kUnlessZero);
  fields.add("target_label", &RelabelRule::target_label, Shown::kUnlessZero);
  fields.add("replacement", &RelabelRule::replacement);
  fields.add("action", &RelabelRule::action, parse_relabel_action, relabel_action_name);
  fields.add_check(check_rule);
  return fields;
}

Result<void> decode_rule(const yaml::Node& node, bool legacy_names, RelabelRule& out) {
  out.legacy_names = legacy_names;
  NX_TRY(rule_fields().decode(node, "relabel.Config", out));
  if (auto checked = Relabeler::create({out}); !checked) {
    return node.error(checked.error().message());
  }
  return {};
}

}  // namespace

void decode_relabel_rules(yaml::MapReader& map, std::string_view key, std::string_view what,
                          bool legacy_names, std::vector<RelabelRule>& out) {
  yaml::read_list(map, key, out, [&](const yaml::Node& node, RelabelRule& rule) -> Result<void> {
    if (node.is_null()) return node.error(concat("empty or null ", what));
    return decode_rule(node, legacy_names, rule);
  });
}

void emit_relabel_rules(yaml::Writer& out, std::string_view key,
                        const std::vector<RelabelRule>& rules) {
  yaml::print_list(out, key, rules, rule_fields());
}

}  // namespace narthex::model
