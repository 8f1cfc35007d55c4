// A rule group: rules evaluated in order at one time, each one's result written before the next is
// evaluated. Groups know neither timers nor files: the manager says when, and which group comes in
// the place of which.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "alerting/rules/rule.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/parallel.h"
#include "model/storage.h"
#include "query/engine.h"

namespace narthex::alerting {

/// Evaluates one query: Engine::run over the store that rules read. Blocks; called from many CPU
/// threads at once.
using RunRuleQuery =
    std::function<Result<query::QueryResult>(const query::QueryRequest&, StopToken)>;
/// Takes alerts that are due. Called from CPU threads with the group's lock held, so it neither
/// waits nor calls the group.
using SendAlerts = std::function<void(std::vector<Alert>)>;

/// Flags, for as long as the manager lives.
struct RuleOptions {
  std::string external_url;                        // without a slash at its end
  std::string path_prefix;                         // its path
  model::DurationMs resend_delay = 60'000;         // --rules.alert.resend-delay
  model::DurationMs outage_tolerance = 3'600'000;  // --rules.alert.for-outage-tolerance
  model::DurationMs grace_period = 600'000;        // --rules.alert.for-grace-period
  query::ParserOptions parser;                     // of the engine behind run_query
};

/// What groups work with. Everything must outlive them.
struct RuleContext {
  RunRuleQuery run_query;
  SendAlerts send;
  model::Appender& appender;
  model::Queryable& store;  // local: where ALERTS_FOR_STATE is read back
  const Clock& clock;
  Metrics& metrics;
  Log& log;
  RuleOptions options;
};

/// A group's settings with the global ones filled in. Equal settings mean that a reload changes
/// nothing.
struct GroupSettings {
  RuleGroupConfig config;
  model::DurationMs interval = 60'000;
  model::DurationMs query_offset = 0;
  model::Labels external_labels;
  friend bool operator==(const GroupSettings&, const GroupSettings&) = default;
};

/// Nanoseconds since 1970 of the group's newest slot at or before `now_ns`: slots are spread over
/// the interval by a hash of name and file, as upstream's are. `interval` is at least 1 ms. Pure.
std::int64_t evaluation_slot_ns(const std::string& name, const std::string& file,
                                model::DurationMs interval, std::int64_t now_ns);

/// evaluate(), restore(), take_over() and mark_stale() exclude each other and block: for the CPU
/// pool. Everything else never waits for them.
class RuleGroup {
 public:
  /// `restores` says that restore() will be called; alert series are held back until then.
  /// `context` must outlive the group.
  RuleGroup(GroupSettings settings, const RuleContext& context, bool restores);
  ~RuleGroup();

  /// Evaluates every rule at `time`. After replace() it does nothing.
  void evaluate(model::TimeMs time, const StopToken& stop);

  /// Restores the `for` state of alerts; call once, after the second evaluation.
  void restore(model::TimeMs now);

  /// This group comes in the place of `before`, of which take_over() will have the state.
  void follow(std::shared_ptr<RuleGroup> before);

  /// No evaluation starts any more. Returns the group whose state this one should have taken over
  /// and has not yet, null if there is none: its successor takes it from there.
  std::shared_ptr<RuleGroup> replace();

  /// Takes over the state of the group it follows, if it has not yet. That group's last evaluation
  /// must have ended.
  void take_over();

  /// Ends every series of this group that no later append has continued. After replace().
  void mark_stale(model::TimeMs time);

  /// Counts slots that went by while an evaluation ran over them: as missed, and as iterations.
  void count_missed(std::int64_t iterations);

  /// What the API shows: a copy. While the state of a group before is still to come, that group's
  /// alerts and times.
  GroupSnapshot snapshot() const;
  const GroupSettings& settings() const { return settings_; }
  bool restores() const { return restores_; }

 private:
  struct Rule;
  struct Measures;
  using SeriesMap = std::map<model::Labels, model::SeriesHandle>;

  void evaluate_rule(Rule& rule, model::TimeMs time, const StopToken& stop) NX_REQUIRES(work_);
  Result<void> run_and_write(Rule& rule, model::TimeMs time, const StopToken& stop)
      NX_REQUIRES(work_);
  Result<std::vector<RuleSample>> run_rule(Rule& rule, model::TimeMs time, const StopToken& stop);
  Result<std::vector<RuleSample>> query(const std::string& expression, model::TimeMs time,
                                        const StopToken& stop) const;
  ExpandTemplate expander(const Rule& rule, model::TimeMs time, const StopToken& stop) const;
  Result<void> write(Rule& rule, const std::vector<RuleSample>& samples, model::TimeMs time)
      NX_REQUIRES(work_);
  void take_rules(RuleGroup& from) NX_REQUIRES(work_, from.work_);
  void write_stale(SeriesMap series, model::TimeMs time);
  std::map<model::Labels, model::Sample> read_alert_states(model::Querier& querier,
                                                           const Rule& rule,
                                                           model::TimeRange range);

  const GroupSettings settings_;
  const RuleContext& context_;
  const bool restores_;
  std::unique_ptr<Measures> measures_;

  Mutex work_;                         // rank 10: held through an evaluation; a newer group's first
  std::atomic<bool> replaced_{false};  // relaxed: a lone value
  SeriesMap orphans_ NX_GUARDED_BY(work_);  // of rules that a reload removed

  std::vector<std::unique_ptr<Rule>> rules_;
  mutable Mutex mutex_;  // rank 11: what snapshots show, and who came before
  std::shared_ptr<RuleGroup> before_ NX_GUARDED_BY(mutex_);
  double evaluation_seconds_ NX_GUARDED_BY(mutex_) = 0;
  model::TimeMs last_evaluation_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::alerting
