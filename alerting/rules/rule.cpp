// How alerts move from pending to firing to resolved. Facts: upstream rules/alerting.go and
// recording.go at v3.14.
//
// An alert is known by its labels: a result's without the name, the rule's expanded ones, and
// alertname. An evaluation makes alerts of all results, then settles every alert it knows of:
// - absent and pending: forgotten, nobody has heard of it;
// - absent and firing: goes on firing for keep_firing_for, then is resolved. A resolved one is kept
//   for 15 minutes, so that Alertmanagers hear of it even if some sends fail;
// - present and new, or present again after it was resolved: pending from now;
// - present: firing once it has been active for `for`. A firing one whose time is no longer enough,
//   because a reload made `for` longer or a restore moved its beginning, is pending again.
//
// Everything that can be refused, labels above all, is done before the lock is taken and the first
// alert touched: a failed evaluation changes no alert. Only more alerts than `limit` clear them
// all, as upstream.
//
// Sending is decided apart, in take_due(): pending alerts never, others when nobody has heard of
// them, when they were resolved since, or when the resend delay has passed. What fires is said to
// end four intervals from now. Every send moves that on; if this server dies, Alertmanagers resolve
// the alert by themselves.
//
// After a restart restore() reads when an alert began from ALERTS_FOR_STATE. The time that the
// server was down does not count towards `for`; and what is left of it is at least the grace
// period, if anything is left.
#include "alerting/rules/rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/str.h"

namespace narthex::alerting {
namespace {

Error execution(std::string message) {
  return Error(Code::kExecution, std::move(message));
}

constexpr std::int64_t kIntervalsValid =
    4;  // copied from upstream: an alert outlives three lost sends
constexpr std::size_t kLabelBytesMax = std::size_t{1} << 20;   // docs/compatibility.md
constexpr std::size_t kLabelsBytesMax = std::size_t{4} << 20;  // docs/compatibility.md

// Each label may be within its limit, and all together too large: a result's and a rule's add up.
Result<model::Labels> build_labels(const model::LabelsBuilder& builder) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : builder.pairs()) {
    bytes += name.size() + value.size();
    if (std::max(name.size(), value.size()) > kLabelBytesMax || bytes > kLabelsBytesMax) {
      return Error(Code::kLimit, "labels are larger than 1 MiB each or 4 MiB together");
    }
  }
  return builder.build();
}

}  // namespace

std::string_view alert_state_name(AlertState state) {
  constexpr std::array<std::string_view, 4> kNames = {"unknown", "inactive", "pending", "firing"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view rule_health_name(RuleHealth health) {
  constexpr std::array<std::string_view, 3> kNames = {"unknown", "ok", "err"};
  return kNames[static_cast<std::size_t>(health)];
}

Result<std::vector<RuleSample>> samples_of(query::Value value) {
  std::vector<RuleSample> out;
  if (const auto* scalar = std::get_if<query::ScalarValue>(&value)) {
    out.push_back({.labels = {}, .value = scalar->value});
    return out;
  }
  auto* vector = std::get_if<query::VectorValue>(&value);
  if (vector == nullptr) return execution("rule result is not a vector or scalar");
  if (!vector->histograms.empty()) {
    return execution("not implemented yet: native histograms (as results of rules)");
  }
  out.reserve(vector->labels.size());
  for (std::size_t i = 0; i < vector->labels.size(); ++i) {
    out.push_back({.labels = std::move(vector->labels[i]), .value = vector->values[i]});
  }
  return out;
}

Result<std::vector<RuleSample>> record(const RuleConfig& rule, const TextMap& rule_labels,
                                       std::vector<RuleSample> results, std::int64_t limit) {
  std::set<model::Labels> seen;
  model::LabelsBuilder builder;
  for (RuleSample& sample : results) {
    builder.reset(sample.labels);
    builder.set(model::kMetricName, rule.record);
    for (const auto& [name, value] : rule_labels) builder.set(name, value);
    NX_TRY_ASSIGN(sample.labels, build_labels(builder));
    if (!seen.insert(sample.labels).second) {
      return execution("vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (limit > 0 && std::ssize(results) > limit) {
    return execution(concat("exceeded limit of ", limit, " with ", results.size(), " series"));
  }
  return results;
}

AlertingRule::AlertingRule(RuleConfig config, TextMap labels, bool restored)
    : config_(std::move(config)), labels_(std::move(labels)), restored_(restored) {}

Result<AlertingRule::ActiveMap> AlertingRule::expand_results(model::TimeMs time,
                                                             std::span<const RuleSample> results,
                                                             const ExpandTemplate& expand) const {
  ActiveMap alerts;
  model::LabelsBuilder builder;
  for (const RuleSample& sample : results) {
    builder.reset(sample.labels);
    builder.remove(model::kMetricName);
    for (const auto& [name, text] : labels_) {
      builder.set(name, expand(text, sample.labels, sample.value));
    }
    builder.set("alertname", config_.alert);
    Active alert;
    for (const auto& [name, text] : config_.annotations) {
      alert.annotations.emplace(name, expand(text, sample.labels, sample.value));
    }
    alert.value = sample.value;
    alert.active_at = time;
    NX_TRY_ASSIGN(model::Labels labels, build_labels(builder));
    if (!alerts.emplace(std::move(labels), std::move(alert)).second) {
      return execution(
          "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  return alerts;
}

// An alert whose series is gone; true while it is kept firing. The caller erases what resolved long
// ago.
bool AlertingRule::settle_absent(model::TimeMs time, Active& alert) const {
  if (alert.state == AlertState::kFiring && config_.keep_firing_for > 0) {
    if (!alert.keep_firing_since) alert.keep_firing_since = time;
    if (time - *alert.keep_firing_since < config_.keep_firing_for) return true;
  }
  if (alert.state != AlertState::kInactive) {
    alert.state = AlertState::kInactive;
    alert.resolved_at = time;
  }
  return false;
}

void AlertingRule::settle_present(model::TimeMs time, Active& alert) const {
  const bool held = model::time_between(alert.active_at, time) >= config_.hold;
  if (alert.state == AlertState::kPending && held) {
    alert.state = AlertState::kFiring;
    alert.fired_at = time;
  }
  if (alert.state == AlertState::kFiring && !held) {  // `for` grew, or the state was restored
    alert.state = AlertState::kPending;
    alert.fired_at.reset();
    alert.last_sent_at.reset();
    alert.keep_firing_since.reset();
  }
}

// As upstream starts from the rule's labels as they are written: one whose template came out empty
// is missing from the alert, but its template's text is in the alert's series.
void AlertingRule::append_series(const model::Labels& labels, const Active& alert,
                                 std::vector<RuleSample>& out) const {
  model::LabelsBuilder builder;
  for (const auto& [name, text] : labels_) builder.set(name, text);
  for (const model::LabelView label : labels) builder.set(label.name, label.value);
  builder.set(model::kMetricName, "ALERTS_FOR_STATE").set("alertname", config_.alert);
  const auto since = static_cast<double>(alert.active_at / 1000);
  out.push_back({.labels = builder.build(), .value = since});
  builder.set(model::kMetricName, "ALERTS").set("alertstate", alert_state_name(alert.state));
  out.push_back({.labels = builder.build(), .value = 1});
}

Result<std::vector<RuleSample>> AlertingRule::update(model::TimeMs time,
                                                     std::span<const RuleSample> results,
                                                     const ExpandTemplate& expand,
                                                     std::int64_t limit) {
  if (results.size() > kAlertsPerRuleMax) {
    return execution(concat("more than ", kAlertsPerRuleMax, " alerts"));
  }
  NX_TRY_ASSIGN(ActiveMap present, expand_results(time, results, expand));
  const MutexLock lock(mutex_);
  for (auto& [labels, alert] : present) {
    Active& known = active_[labels];
    // 0: active_[] has just made it.
    const bool is_new = known.active_at == 0 || known.state == AlertState::kInactive;
    if (is_new) {
      known = alert;
    } else {
      known.value = alert.value;
      known.annotations = alert.annotations;
    }
  }
  std::vector<RuleSample> out;
  std::int64_t active = 0;
  for (auto it = active_.begin(); it != active_.end();) {
    auto& [labels, alert] = *it;
    const bool is_present = present.contains(labels);
    const bool forgotten =
        !is_present && (alert.state == AlertState::kPending ||
                        (alert.resolved_at && time - *alert.resolved_at > kResolvedRetention));
    if (forgotten) {
      it = active_.erase(it);
      continue;
    }
    if (is_present) alert.keep_firing_since.reset();
    if (is_present || settle_absent(time, alert)) {
      ++active;
      settle_present(time, alert);
      if (restored_) append_series(labels, alert, out);
    }
    ++it;
  }
  if (limit > 0 && active > limit) {
    active_.clear();
    return execution(concat("exceeded limit of ", limit, " with ", active, " alerts"));
  }
  return out;
}

std::vector<Alert> AlertingRule::take_due(model::TimeMs time, model::DurationMs interval,
                                          model::DurationMs resend_delay,
                                          const std::string& generator_url) {
  std::vector<Alert> out;
  const model::TimeMs valid_until = time + kIntervalsValid * std::max(interval, resend_delay);
  const MutexLock lock(mutex_);
  for (auto& [labels, alert] : active_) {
    if (alert.state == AlertState::kPending) continue;
    const bool news =
        alert.resolved_at && (!alert.last_sent_at || *alert.resolved_at > *alert.last_sent_at);
    const bool due =
        !alert.last_sent_at || model::add_time(*alert.last_sent_at, resend_delay) < time;
    if (!news && !due) continue;
    alert.last_sent_at = time;
    out.push_back({.labels = labels,
                   .annotations = alert.annotations,
                   .starts_at = alert.fired_at.value_or(alert.active_at),
                   .ends_at = alert.resolved_at.value_or(valid_until),
                   .generator_url = generator_url});
  }
  return out;
}

void AlertingRule::restore(model::TimeMs now, model::DurationMs grace,
                           const std::map<model::Labels, model::Sample>& found) {
  const MutexLock lock(mutex_);
  for (auto& [labels, alert] : active_) {
    const auto sample = found.find(labels);
    if (sample == found.end() || model::is_stale(sample->second.value)) continue;
    // The newest sample is about when the server went down; ALERTS_FOR_STATE is in whole seconds.
    const model::TimeMs down_at = sample->second.time / 1000 * 1000;
    const model::TimeMs since = model::to_time(std::trunc(sample->second.value) * 1000);
    const model::DurationMs remaining =
        model::subtract_time(config_.hold, model::time_between(since, down_at));
    if (remaining <= 0) {
      alert.active_at = since;  // it was firing: it fires again at the next evaluation
    } else if (remaining < grace) {
      alert.active_at = model::subtract_time(now + grace, config_.hold);
    } else {
      alert.active_at =
          model::add_time(since, now - down_at);  // the outage does not count as waiting
    }
  }
  restored_ = true;
}

void AlertingRule::set_restored() {
  const MutexLock lock(mutex_);
  restored_ = true;
}

void AlertingRule::take_alerts(AlertingRule& from) {
  ActiveMap alerts;
  {
    const MutexLock lock(from.mutex_);
    alerts = std::move(from.active_);
    from.active_.clear();
  }
  const MutexLock lock(mutex_);
  active_ = std::move(alerts);
}

AlertState AlertingRule::state() const {
  const MutexLock lock(mutex_);
  AlertState largest = AlertState::kInactive;
  for (const auto& [labels, alert] : active_) largest = std::max(largest, alert.state);
  return largest;
}

std::vector<AlertSnapshot> AlertingRule::active_alerts() const {
  std::vector<AlertSnapshot> out;
  const MutexLock lock(mutex_);
  for (const auto& [labels, alert] : active_) {
    if (alert.resolved_at) continue;
    out.push_back({.labels = labels,
                   .annotations = alert.annotations,
                   .state = alert.state,
                   .active_at = alert.active_at,
                   .keep_firing_since = alert.keep_firing_since,
                   .value = alert.value});
  }
  return out;
}

}  // namespace narthex::alerting
