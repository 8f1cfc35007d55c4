// What the API shows of rules: copies, taken under the rules' locks, so that writing an answer
// holds no evaluation up. Times are in milliseconds since 1970, spans in milliseconds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/alert.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::alerting {

/// In ascending weight: a rule's state is the largest of its alerts'.
enum class AlertState : unsigned char { kUnknown, kInactive, kPending, kFiring };
/// "unknown", "inactive", "pending", "firing".
std::string_view alert_state_name(AlertState state);

/// How the last evaluation ended; kUnknown before the first.
enum class RuleHealth : unsigned char { kUnknown, kGood, kBad };
/// "unknown", "ok", "err".
std::string_view rule_health_name(RuleHealth health);

/// A pending or firing alert, with its texts expanded.
struct AlertSnapshot {
  model::Labels labels;
  TextMap annotations;
  AlertState state = AlertState::kInactive;
  model::TimeMs active_at = 0;
  std::optional<model::TimeMs> keep_firing_since;
  double value = 0;
};

/// A rule as its file has it, and how it went. `state` and `alerts` are an alerting rule's; `state`
/// is kUnknown until the first evaluation.
struct RuleSnapshot {
  bool is_alert = false;
  std::string name;
  std::string query;
  TextMap labels;       // the group's too; templates unexpanded
  TextMap annotations;  // templates unexpanded
  model::DurationMs hold = 0;
  model::DurationMs keep_firing_for = 0;
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;
  double evaluation_seconds = 0;
  model::TimeMs last_evaluation = 0;  // 0: never
  AlertState state = AlertState::kUnknown;
  std::vector<AlertSnapshot> alerts;  // active ones, by labels
};

/// A group, and its rules in the order of the file. `interval` is the one in force; `limit` 0 means
/// none.
struct GroupSnapshot {
  std::string name;
  std::string file;
  model::DurationMs interval = 0;
  std::int64_t limit = 0;
  double evaluation_seconds = 0;
  model::TimeMs last_evaluation = 0;  // 0: never
  std::vector<RuleSnapshot> rules;
};

}  // namespace narthex::alerting
