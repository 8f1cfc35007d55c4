// Relabelling: rules that rewrite a label set or drop it. Used for targets, scraped metrics, alerts
// and remote write. Semantics: upstream model/relabel at v3.14. Immutable after creation;
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/regex.h"
#include "base/result.h"
#include "model/labels.h"

namespace narthex::model {

/// What a rule does with the values of its source labels, joined by its separator.
enum class RelabelAction : unsigned char {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

/// One rule as the configuration gives it, defaults filled in.
struct RelabelRule {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex_text = "(.*)";
  std::uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  RelabelAction action = RelabelAction::kReplace;
  bool legacy_names = false;  // metric_name_validation_scheme: legacy; of names that are written

  friend bool operator==(const RelabelRule&, const RelabelRule&) = default;
};

/// "replace", "keep", ... ; kInvalid for an unknown action (any case is accepted, as upstream).
Result<RelabelAction> parse_relabel_action(std::string_view text);
/// The name that parse_relabel_action() takes.
std::string_view relabel_action_name(RelabelAction action);

/// A checked and compiled rule list.
class Relabeler {
 public:
  Relabeler() = default;
  /// kInvalid with upstream's text when a rule contradicts itself (missing target_label, modulus 0,
  /// bad regex, ...).
  static Result<Relabeler> create(std::vector<RelabelRule> rules);

  /// Applies the rules in order. False: the set is dropped. kLimit when a rule that writes labels
  /// leaves a text or the set larger than `limits`; rules that only remove some are not held to it.
  Result<bool> apply(LabelsBuilder& labels, const LabelLimits& limits = {}) const;

  bool empty() const { return rules_.empty(); }
  const std::vector<RelabelRule>& rules() const { return rules_; }

 private:
  std::vector<RelabelRule> rules_;
  std::vector<Regex> regexes_;
};

}  // namespace narthex::model
