// Relabelling, rule by rule over one builder, as upstream's relabel.Process does it: a rule sees
// what the rules before it left.
//
// What grows is bounded where it grows: a rule can name a label a thousand times over, and a
// replacement may double a value in every rule of a list. So joined values, expansions and, after
// every rule that writes, the whole set are held to the limits; the error is the scrape's, not the
// process's.
#include "model/relabel.h"

#include <array>

#include <openssl/evp.h>

#include "base/str.h"

namespace narthex::model {
namespace {

struct ActionName {
  std::string_view name;
  RelabelAction action;
};

constexpr std::array<ActionName, 11> kActionNames = {{{"replace", RelabelAction::kReplace},
                                                      {"keep", RelabelAction::kKeep},
                                                      {"drop", RelabelAction::kDrop},
                                                      {"keepequal", RelabelAction::kKeepEqual},
                                                      {"dropequal", RelabelAction::kDropEqual},
                                                      {"hashmod", RelabelAction::kHashMod},
                                                      {"labelmap", RelabelAction::kLabelMap},
                                                      {"labeldrop", RelabelAction::kLabelDrop},
                                                      {"labelkeep", RelabelAction::kLabelKeep},
                                                      {"lowercase", RelabelAction::kLowercase},
                                                      {"uppercase", RelabelAction::kUppercase}}};

// The last eight bytes of MD5, big-endian, as upstream's hashmod takes them.
std::uint64_t md5_tail(std::string_view text) {
  std::array<unsigned char, 16> digest{};
  unsigned int length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_md5(), nullptr);
  std::uint64_t value = 0;
  for (std::size_t i = 8; i < digest.size(); ++i) value = value << 8 | digest[i];
  return value;
}

// Whether the rule may write a label of this name.
bool is_name(const RelabelRule& rule, std::string_view name) {
  return rule.legacy_names ? is_legacy_label_name(name) : is_valid_name(name);
}

// The same before references to groups are expanded.
bool is_name_template(const RelabelRule& rule, std::string_view text) {
  if (!rule.legacy_names) return is_valid_name(text);
  static const Result<Regex> pattern =
      Regex::anchored(R"((?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+)");
  return pattern->matches(text);
}

// The values of the source labels; naming one of them a thousand times is how this grows.
Result<std::string> joined_sources(const RelabelRule& rule, const LabelsBuilder& labels,
                                   const LabelLimits& limits) {
  std::string value;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) value += rule.separator;
    value += labels.get(rule.source_labels[i]);
    if (i > 0 && value.size() > limits.set_bytes) {
      return Error(Code::kLimit,
                   concat("source_labels are longer than ", limits.set_bytes, " bytes together"));
    }
  }
  return value;
}

Result<void> apply_replace(const RelabelRule& rule, const Regex& regex, const std::string& value,
                           const LabelLimits& limits, LabelsBuilder& labels) {
  std::string target;
  std::string replacement;
  // The target first: when it is no label name, upstream leaves everything as it is.
  NX_TRY_ASSIGN(const bool matched,
                regex.expand(value, rule.target_label, limits.text_bytes, target));
  if (!matched || !is_name(rule, target)) return {};
  NX_TRY(regex.expand(value, rule.replacement, limits.text_bytes, replacement));
  labels.set(target, replacement);
  return {};
}

Result<void> apply_labelmap(const RelabelRule& rule, const Regex& regex, const LabelLimits& limits,
                            LabelsBuilder& labels) {
  // A copy: the builder changes while its pairs are walked, and a label written by this rule is not
  // mapped again by it.
  const auto before = labels.pairs();
  for (const auto& [name, value] : before) {
    if (!regex.matches(name)) continue;
    NX_TRY_ASSIGN(const std::string target,
                  regex.replace_all(name, rule.replacement, limits.text_bytes));
    labels.set(target, value);
  }
  return {};
}

void apply_name_filter(const Regex& regex, bool drop_matching, LabelsBuilder& labels) {
  const auto before = labels.pairs();
  for (const auto& pair : before) {
    if (regex.matches(pair.first) == drop_matching) labels.remove(pair.first);
  }
}

bool has_default_fields(const RelabelRule& rule) {
  const RelabelRule plain;
  return rule.target_label.empty() && rule.modulus == 0 && rule.separator == plain.separator &&
         rule.replacement == plain.replacement;
}

bool needs_target(RelabelAction action) {
  return action == RelabelAction::kReplace || action == RelabelAction::kHashMod ||
         action == RelabelAction::kLowercase || action == RelabelAction::kUppercase ||
         action == RelabelAction::kKeepEqual || action == RelabelAction::kDropEqual;
}

// In upstream's order: of several faults the first is told.
Result<void> check_rule(const RelabelRule& rule) {
  const std::string name(relabel_action_name(rule.action));
  const auto invalid = [](std::string text) { return Error(Code::kInvalid, std::move(text)); };
  if (rule.modulus == 0 && rule.action == RelabelAction::kHashMod) {
    return invalid("relabel configuration for hashmod requires non-zero modulus");
  }
  if (needs_target(rule.action) && rule.target_label.empty()) {
    return invalid(
        concat("relabel configuration for ", name, " action requires 'target_label' value"));
  }
  const bool takes_template = rule.action == RelabelAction::kReplace;
  const bool fits =
      takes_template ? is_name_template(rule, rule.target_label) : is_name(rule, rule.target_label);
  if (needs_target(rule.action) && !fits) {
    return invalid(
        concat(quote(rule.target_label), " is invalid 'target_label' for ", name, " action"));
  }
  if ((rule.action == RelabelAction::kLowercase || rule.action == RelabelAction::kUppercase) &&
      rule.replacement != "$1") {
    return invalid(concat("'replacement' can not be set for ", name, " action"));
  }
  if (rule.action == RelabelAction::kLabelMap && !is_name_template(rule, rule.replacement)) {
    return invalid(
        concat(quote(rule.replacement), " is invalid 'replacement' for labelmap action"));
  }
  const bool equality =
      rule.action == RelabelAction::kKeepEqual || rule.action == RelabelAction::kDropEqual;
  if (equality && (rule.regex_text != "(.*)" || rule.modulus != 0 || rule.separator != ";" ||
                   rule.replacement != "$1")) {
    return invalid(concat(
        name, " action requires only 'source_labels' and `target_label`, and no other fields"));
  }
  const bool by_name =
      rule.action == RelabelAction::kLabelDrop || rule.action == RelabelAction::kLabelKeep;
  if (by_name && (!rule.source_labels.empty() || !has_default_fields(rule))) {
    return invalid(concat(name, " action requires only 'regex', and no other fields"));
  }
  return {};
}

bool writes(RelabelAction action) {
  return action == RelabelAction::kReplace || action == RelabelAction::kHashMod ||
         action == RelabelAction::kLowercase || action == RelabelAction::kUppercase ||
         action == RelabelAction::kLabelMap;
}

// False: dropped.
Result<bool> apply_rule(const RelabelRule& rule, const Regex& regex, const LabelLimits& limits,
                        LabelsBuilder& labels) {
  NX_TRY_ASSIGN(const std::string value, joined_sources(rule, labels, limits));
  switch (rule.action) {
    case RelabelAction::kKeep:
      return regex.matches(value);
    case RelabelAction::kDrop:
      return !regex.matches(value);
    case RelabelAction::kKeepEqual:
      return labels.get(rule.target_label) == value;
    case RelabelAction::kDropEqual:
      return labels.get(rule.target_label) != value;
    case RelabelAction::kReplace:
      NX_TRY(apply_replace(rule, regex, value, limits, labels));
      break;
    case RelabelAction::kLowercase:
      labels.set(rule.target_label, to_lower(value));
      break;
    case RelabelAction::kUppercase:
      labels.set(rule.target_label, to_upper(value));
      break;
    case RelabelAction::kHashMod:
      labels.set(rule.target_label, std::to_string(md5_tail(value) % rule.modulus));
      break;
    case RelabelAction::kLabelMap:
      NX_TRY(apply_labelmap(rule, regex, limits, labels));
      break;
    case RelabelAction::kLabelDrop:
      apply_name_filter(regex, true, labels);
      break;
    case RelabelAction::kLabelKeep:
      apply_name_filter(regex, false, labels);
      break;
  }
  if (writes(rule.action)) NX_TRY(labels.check(limits));
  return true;
}

}  // namespace

Result<RelabelAction> parse_relabel_action(std::string_view text) {
  for (const ActionName& entry : kActionNames) {
    if (equals_ignore_case(entry.name, text)) return entry.action;
  }
  return Error(Code::kInvalid, concat("unknown relabel action ", quote(text)));
}

std::string_view relabel_action_name(RelabelAction action) {
  for (const ActionName& entry : kActionNames) {
    if (entry.action == action) return entry.name;
  }
  return "unknown";
}

Result<Relabeler> Relabeler::create(std::vector<RelabelRule> rules) {
  Relabeler relabeler;
  for (const RelabelRule& rule : rules) {
    NX_TRY(check_rule(rule));
    NX_TRY_ASSIGN(Regex regex, Regex::anchored(rule.regex_text));
    relabeler.regexes_.push_back(std::move(regex));
  }
  relabeler.rules_ = std::move(rules);
  return relabeler;
}

Result<bool> Relabeler::apply(LabelsBuilder& labels, const LabelLimits& limits) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    NX_TRY_ASSIGN(const bool kept, apply_rule(rules_[i], regexes_[i], limits, labels));
    if (!kept) return false;
  }
  return true;
}

}  // namespace narthex::model
