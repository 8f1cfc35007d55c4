// Rule file decoding.
#include "alerting/rules/config.h"

#include <set>

#include "alerting/template/template.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/yaml.h"
#include "model/labels.h"

namespace narthex::alerting {
namespace {

using StringMap = std::map<std::string, std::string>;

// The first reason why these labels cannot be a rule's, or empty.
std::string label_fault(const StringMap& labels) {
  model::LabelsBuilder builder;
  for (const auto& [name, value] : labels) {
    const bool valid = model::is_valid_name(name) && name != model::kMetricName;
    if (!valid) return concat("invalid label name: ", name);
    if (!is_valid_utf8(value)) return concat("invalid label value: ", value);
    builder.set(name, value);
  }
  const Result<void> fits = builder.check();
  return fits ? "" : fits.error().message();
}

std::string template_fault(const RuleConfig& rule) {
  const auto fault = [&rule](std::string_view kind, const StringMap& texts) -> std::string {
    for (const auto& [name, text] : texts) {
      const Result<void> checked =
          check_template(concat("__alert_", rule.alert), concat(alert_template_preamble(), text));
      if (!checked) return concat(kind, " ", quote(name), ": ", checked.error().message());
    }
    return {};
  };
  if (!rule.is_alert()) return {};
  std::string out = fault("label", rule.labels);
  return out.empty() ? fault("annotation", rule.annotations) : out;
}

std::string recording_fault(const RuleConfig& rule) {
  if (rule.record.empty()) return {};
  if (!rule.annotations.empty()) return "invalid field 'annotations' in recording rule";
  if (rule.hold != 0) return "invalid field 'for' in recording rule";
  if (rule.keep_firing_for != 0) return "invalid field 'keep_firing_for' in recording rule";
  if (!model::is_valid_name(rule.record))
    return concat("invalid recording rule name: ", rule.record);
  if (rule.record.find_first_of("{}") != std::string::npos) {
    return concat("braces present in the recording rule name; should it be in expr?: ",
                  rule.record);
  }
  return {};
}

std::string rule_fault(const RuleConfig& rule, const query::ParserOptions& options) {
  if (!rule.record.empty() && !rule.alert.empty()) {
    return "only one of 'record' and 'alert' must be set";
  }
  if (rule.record.empty() && rule.alert.empty()) return "one of 'record' or 'alert' must be set";
  if (rule.expr.empty()) return "field 'expr' must be set in rule";
  if (const auto parsed = query::parse_expression(rule.expr, options); !parsed) {
    return concat("could not parse expression: ", parsed.error().message());
  }
  if (std::string fault = recording_fault(rule); !fault.empty()) return fault;
  if (std::string fault = label_fault(rule.labels); !fault.empty()) return fault;
  for (const auto& [name, text] : rule.annotations) {
    if (!model::is_valid_name(name)) return concat("invalid annotation name: ", name);
  }
  return template_fault(rule);
}

Result<void> decode_rule(const yaml::Node& node, const query::ParserOptions& options,
                         RuleGroupConfig& group) {
  RuleConfig rule;
  yaml::MapReader map(node, "rulefmt.Rule");
  map.read("record", rule.record).read("alert", rule.alert).read("expr", rule.expr);
  map.parse("for", rule.hold, model::parse_duration);
  map.parse("keep_firing_for", rule.keep_firing_for, model::parse_duration);
  map.read("labels", rule.labels).read("annotations", rule.annotations);
  NX_TRY(map.finish());
  if (const std::string fault = rule_fault(rule, options); !fault.empty()) {
    return node.error(concat("group ", quote(group.name), ", rule ", group.rules.size() + 1, ", ",
                             quote(rule.name()), ": ", fault));
  }
  group.rules.push_back(std::move(rule));
  return {};
}

Result<RuleGroupConfig> decode_group(const yaml::Node& node, const std::string& file,
                                     const query::ParserOptions& options) {
  RuleGroupConfig group;
  group.file = file;
  model::DurationMs offset = 0;
  yaml::MapReader map(node, "rulefmt.RuleGroup");
  map.read("name", group.name).read("limit", group.limit).read("labels", group.labels);
  map.parse("interval", group.interval, model::parse_duration);
  if (map.has("query_offset") && !map.place("query_offset").is_null()) {
    map.parse("query_offset", offset, model::parse_duration);
    group.query_offset = offset;
  }
  map.ignore("query_offset");
  map.each("rules", [&](const yaml::Node& rule) -> Result<void> {
    if (rule.is_null()) return {};  // upstream's decoder leaves null items out
    return decode_rule(rule, options, group);
  });
  NX_TRY(map.finish());
  if (group.name.empty()) return node.error("Groupname must not be empty");
  if (const std::string fault = label_fault(group.labels); !fault.empty()) return node.error(fault);
  return group;
}

}  // namespace

Result<std::vector<RuleGroupConfig>> parse_rule_file(std::string_view text, const std::string& file,
                                                     const query::ParserOptions& options) {
  NX_TRY_ASSIGN(const yaml::Node root, yaml::parse(text, file, yaml::Dialect::kV3));
  std::vector<RuleGroupConfig> groups;
  std::set<std::string> names;
  yaml::MapReader map(root, "rulefmt.RuleGroups");
  map.each("groups", [&](const yaml::Node& node) -> Result<void> {
    if (node.is_null()) return {};
    NX_TRY_ASSIGN(RuleGroupConfig group, decode_group(node, file, options));
    if (!names.insert(group.name).second) {
      return node.error(concat("groupname: \"", group.name, "\" is repeated in the same file"));
    }
    groups.push_back(std::move(group));
    return {};
  });
  NX_TRY(map.finish());
  return groups;
}

}  // namespace narthex::alerting
