// One rule: a recording rule turns a result into samples, an alerting rule also keeps the state of
// its alerts. Nothing here reads clocks, evaluates queries or appends: a group does, and hands
// results in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "alerting/alert.h"
#include "alerting/rules/config.h"
#include "alerting/rules/snapshot.h"
#include "base/mutex.h"
#include "base/result.h"
#include "query/value.h"

namespace narthex::alerting {

/// A sample to be written; the group knows its time.
struct RuleSample {
  model::Labels labels;
  double value = 0;
};

/// Expands a template text for one result sample; never fails: errors become `<error expanding
/// template: ...>`.
using ExpandTemplate =
    std::function<std::string(const std::string& text, const model::Labels& labels, double value)>;

inline constexpr std::size_t kAlertsPerRuleMax = 100'000;                // docs/limits.md
inline constexpr model::DurationMs kResolvedRetention = 15 * 60 * 1000;  // copied from upstream

/// Vector or scalar results as samples; kExecution `rule result is not a vector or scalar` for
/// others.
Result<std::vector<RuleSample>> samples_of(query::Value value);

/// A recording rule's samples: named, labelled (an empty value removes the label), checked for
/// duplicates and `limit` (0: none). `rule_labels` are the rule's and its group's. kExecution;
/// kLimit for labels that are too large.
Result<std::vector<RuleSample>> record(const RuleConfig& rule, const TextMap& rule_labels,
                                       std::vector<RuleSample> results, std::int64_t limit);

/// The alerts of one rule. Thread-safe: evaluations of one group come one after the other, the API
/// looks at any time.
class AlertingRule {
 public:
  /// `labels` are the rule's and its group's, `restored` is false when restore() will be called.
  AlertingRule(RuleConfig config, TextMap labels, bool restored);

  /// Takes one evaluation's result at `time` and returns the ALERTS and ALERTS_FOR_STATE samples
  /// (none until restored). `limit` 0: none. kExecution for duplicates, for more than
  /// kAlertsPerRuleMax results, and for more alerts than `limit`, which clears them all; kLimit for
  /// labels that are too large. After all other errors the alerts are as before.
  Result<std::vector<RuleSample>> update(model::TimeMs time, std::span<const RuleSample> results,
                                         const ExpandTemplate& expand, std::int64_t limit);

  /// The alerts due for sending at `time`, marked as sent, by labels. `interval` is the group's;
  /// both spans in milliseconds.
  std::vector<Alert> take_due(model::TimeMs time, model::DurationMs interval,
                              model::DurationMs resend_delay, const std::string& generator_url);

  /// Moves activity back to where ALERTS_FOR_STATE says it began: `found` maps alert labels to the
  /// newest sample. `grace` is --rules.alert.for-grace-period.
  void restore(model::TimeMs now, model::DurationMs grace,
               const std::map<model::Labels, model::Sample>& found);
  /// For a rule that has nothing to restore: from now on update() returns samples.
  void set_restored();

  /// Takes over the alerts of the rule that this one replaces.
  void take_alerts(AlertingRule& from);

  /// That of its weightiest alert.
  AlertState state() const;
  /// Pending and firing ones, by labels.
  std::vector<AlertSnapshot> active_alerts() const;
  const RuleConfig& config() const { return config_; }

 private:
  struct Active {
    TextMap annotations;
    AlertState state = AlertState::kPending;
    double value = 0;
    model::TimeMs active_at = 0;
    std::optional<model::TimeMs> fired_at;
    std::optional<model::TimeMs> resolved_at;
    std::optional<model::TimeMs> last_sent_at;
    std::optional<model::TimeMs> keep_firing_since;
  };
  using ActiveMap = std::map<model::Labels, Active>;

  Result<ActiveMap> expand_results(model::TimeMs time, std::span<const RuleSample> results,
                                   const ExpandTemplate& expand) const;
  bool settle_absent(model::TimeMs time, Active& alert) const;
  void settle_present(model::TimeMs time, Active& alert) const;
  void append_series(const model::Labels& labels, const Active& alert,
                     std::vector<RuleSample>& out) const;

  const RuleConfig config_;
  const TextMap labels_;
  mutable Mutex mutex_;  // leaf
  bool restored_ NX_GUARDED_BY(mutex_);
  ActiveMap active_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::alerting
