// Rule files: from YAML to checked structs. Facts: upstream model/rulefmt at v3.14. A file is at
// most 16 MiB.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/time.h"
#include "query/promql/parser.h"

namespace narthex::alerting {

/// One rule: `record` or `alert` is set, never both.
struct RuleConfig {
  std::string record;
  std::string alert;
  std::string expr;            // as written
  model::DurationMs hold = 0;  // for
  model::DurationMs keep_firing_for = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  const std::string& name() const { return alert.empty() ? record : alert; }
  bool is_alert() const { return !alert.empty(); }
  friend bool operator==(const RuleConfig&, const RuleConfig&) = default;
};

struct RuleGroupConfig {
  std::string file;
  std::string name;
  model::DurationMs interval = 0;                 // 0: global.evaluation_interval
  std::optional<model::DurationMs> query_offset;  // unset: global.rule_query_offset
  std::int64_t limit = 0;                         // 0: none
  std::map<std::string, std::string> labels;
  std::vector<RuleConfig> rules;
  friend bool operator==(const RuleGroupConfig&, const RuleGroupConfig&) = default;
};

/// Decodes and checks one file. Errors: kInvalid `<file>:<line>: ...`, with `group "g", rule 1,
/// "name": ` where one rule is at fault; kLimit for a file that is too large. `options` are those
/// of the engine that will run the rules.
Result<std::vector<RuleGroupConfig>> parse_rule_file(std::string_view text, const std::string& file,
                                                     const query::ParserOptions& options = {});

}  // namespace narthex::alerting
