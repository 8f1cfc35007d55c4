// One evaluation of a group: query, state, alerts, samples and staleness markers, rule by rule.
//
// For a rule at time t, with the group's query offset o:
// 1. The query is evaluated at t - o.
// 2. A recording rule names and labels the result. An alerting rule takes its alerts' state on
//    (rule.h), gives samples of ALERTS and ALERTS_FOR_STATE, and its due alerts are sent.
// 3. The samples are appended at t - o, with a staleness marker for each series that the last
//    evaluation wrote and this one did not.
//
// A rule that fails is counted and shown, and the next one runs: its series stay as they are,
// because nothing is known of them. The handles of the last evaluation's series are kept, so the
// head is asked only for what is new.
//
// Staleness across reloads. Every series that the group wrote and nobody continues must end with a
// marker. Series of rules that a reload removed become orphans of the successor, which marks them
// after its next evaluation, at the time of that evaluation: a series that another rule has just
// continued refuses the marker as a second sample of its time.
//
// Hand-over. State goes from a group to the next by moving, under both groups' work_, once the
// older one's last evaluation has ended. A reload does not wait for that: it says who follows whom,
// the new group's coroutine takes over when it can, and until then a snapshot borrows the older
// group's alerts. Rejected: waiting in the reload, which a slow query would hold up, and copying
// state in it, which loses what the evaluation under way is about to decide.
#include "alerting/rules/group.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "alerting/rules/metrics.h"
#include "alerting/template/template.h"
#include "base/exceptions.h"
#include "base/str.h"
#include "base/units.h"
#include "model/append_again.h"
#include "model/labels.h"
#include "net/http/url.h"
#include "query/promql/parser.h"

namespace narthex::alerting {
namespace {

std::string group_key(const GroupSettings& settings) {
  return concat(settings.config.file, ";", settings.config.name);
}

// A group's labels below the rule's own.
TextMap merge_labels(const RuleGroupConfig& group, const RuleConfig& rule) {
  TextMap labels = rule.labels;
  labels.insert(group.labels.begin(), group.labels.end());
  return labels;
}

tmpl::StringMap to_map(const model::Labels& labels) {
  tmpl::StringMap out;
  for (const model::LabelView label : labels) out.emplace(label.name, label.value);
  return out;
}

// The expression as the parser prints it; it was checked when the file was read.
std::string canonical(const std::string& expression) {
  const auto parsed = query::parse_expression(expression);
  return parsed ? query::to_string(**parsed) : expression;
}

std::string_view verdict_text(model::RowVerdict verdict) {
  switch (verdict) {
    case model::RowVerdict::kAppended:
    case model::RowVerdict::kSameAgain:
      return {};
    case model::RowVerdict::kDuplicate:
      return "duplicate sample for timestamp";
    case model::RowVerdict::kOutOfOrder:
      return "out of order sample";
    case model::RowVerdict::kOutOfBounds:
      return "out of bounds";
    case model::RowVerdict::kGone:
      break;
  }
  return "series is gone";
}

// Rows for one append.
struct Rows {
  std::vector<model::SeriesHandle> series;
  std::vector<double> values;
  void push(model::SeriesHandle handle, double value) {
    series.push_back(handle);
    values.push_back(value);
  }
};

Result<model::AppendReport> append(model::Appender& appender, const Rows& rows,
                                   model::TimeMs time) {
  if (rows.series.empty()) return model::AppendReport{};
  return appender.append({.series = rows.series, .values = rows.values, .time = time});
}

// The samples whose series the head dropped meanwhile, once more by the labels of `written`; stale
// markers, which follow them, are of no use then. What cannot be written stays gone.
void append_returned(model::Appender& appender, const std::vector<const model::Labels*>& written,
                     Rows& rows, model::TimeMs time, model::AppendReport& report) {
  const auto resolve = [&](std::size_t row) -> Result<std::optional<model::SeriesHandle>> {
    if (row >= written.size()) return std::nullopt;
    const auto handle = appender.resolve(*written[row], model::kNoOwner);
    if (!handle) return std::nullopt;
    return rows.series[row] = *handle;
  };
  std::ignore = model::append_again({.series = rows.series, .values = rows.values, .time = time},
                                    resolve, appender, report);
}

// What a group shows as long as the state of the one before it is still to come, so that alerts do
// not vanish from a reload to the end of an evaluation.
void lend_state(GroupSnapshot from, GroupSnapshot& to) {
  to.evaluation_seconds = from.evaluation_seconds;
  to.last_evaluation = from.last_evaluation;
  for (RuleSnapshot& rule : to.rules) {
    const auto same = std::ranges::find_if(from.rules, [&](const RuleSnapshot& old) {
      return old.name == rule.name && old.labels == rule.labels;
    });
    if (same == from.rules.end()) continue;
    if (rule.is_alert) rule.alerts = std::move(same->alerts);
    from.rules.erase(same);
  }
}

}  // namespace

std::int64_t evaluation_slot_ns(const std::string& name, const std::string& file,
                                model::DurationMs interval, std::int64_t now_ns) {
  const model::Labels key{{"name", name}, {"file", file}};
  const std::int64_t interval_ns = interval * kNsPerMs;
  const auto offset =
      static_cast<std::int64_t>(key.hash() % static_cast<std::uint64_t>(interval_ns));
  const std::int64_t shifted = now_ns - offset;
  return shifted - shifted % interval_ns + offset;
}

struct RuleGroup::Rule {
  RuleConfig config;
  TextMap labels;
  std::string query;
  std::unique_ptr<AlertingRule> alerting;  // null for recording rules
  SeriesMap series;  // written at the last evaluation; guarded by the group's work_

  mutable Mutex mutex;  // leaf
  RuleHealth health NX_GUARDED_BY(mutex) = RuleHealth::kUnknown;
  std::string last_error NX_GUARDED_BY(mutex);
  double evaluation_seconds NX_GUARDED_BY(mutex) = 0;
  model::TimeMs last_evaluation NX_GUARDED_BY(mutex) = 0;

  void set_health(const Result<void>& outcome) {
    const MutexLock lock(mutex);
    health = outcome ? RuleHealth::kGood : RuleHealth::kBad;
    last_error = outcome ? std::string() : outcome.error().message();
  }
};

struct RuleGroup::Measures : GroupMetrics {
  using GroupMetrics::GroupMetrics;
  double samples = 0;  // of the evaluation under way
  double seconds = 0;  // of its rules
};

RuleGroup::RuleGroup(GroupSettings settings, const RuleContext& context, bool restores)
    : settings_(std::move(settings)),
      context_(context),
      restores_(restores),
      measures_(std::make_unique<Measures>(context.metrics, group_key(settings_))) {
  for (const RuleConfig& config : settings_.config.rules) {
    auto rule = std::make_unique<Rule>();
    rule->config = config;
    rule->labels = merge_labels(settings_.config, config);
    rule->query = canonical(config.expr);
    if (config.is_alert()) {
      rule->alerting = std::make_unique<AlertingRule>(config, rule->labels, !restores);
    }
    rules_.push_back(std::move(rule));
  }
  measures_->rules.set(static_cast<double>(rules_.size()));
  measures_->interval.set(static_cast<double>(settings_.interval) / 1000);
}

RuleGroup::~RuleGroup() = default;

void RuleGroup::evaluate(model::TimeMs time, const StopToken& stop) {
  const MutexLock work(work_);
  if (replaced_.load(std::memory_order_relaxed)) return;
  const std::int64_t start_ns = context_.clock.monotonic_ns();
  const model::TimeMs started = context_.clock.now_ms();
  measures_->iterations.add();
  measures_->samples = 0;
  measures_->seconds = 0;
  for (const auto& rule : rules_) {
    if (!stop.check()) return;
    evaluate_rule(*rule, time, stop);
  }
  write_stale(std::exchange(orphans_, {}), model::subtract_time(time, settings_.query_offset));
  const double seconds = to_seconds(context_.clock.monotonic_ns() - start_ns);
  measures_->last_duration.set(seconds);
  measures_->group_duration.observe(seconds);
  measures_->last_rule_sum.set(measures_->seconds);
  measures_->last_samples.set(measures_->samples);
  measures_->last_time.set(static_cast<double>(started) / 1000);
  const MutexLock lock(mutex_);
  evaluation_seconds_ = seconds;
  last_evaluation_ = started;
}

void RuleGroup::evaluate_rule(Rule& rule, model::TimeMs time, const StopToken& stop) {
  const std::int64_t start_ns = context_.clock.monotonic_ns();
  const model::TimeMs started = context_.clock.now_ms();
  measures_->evaluations.add();
  const Doing doing{"rules", rule.config.name()};
  // The analysis does not see that guarded() calls it here, with work_ held.
  const Result<void> outcome =
      guarded(context_.log, context_.metrics, doing,
              [&]() NX_NO_THREAD_SAFETY_ANALYSIS { return run_and_write(rule, time, stop); });
  rule.set_health(outcome);
  if (!outcome) {
    measures_->failures.add();
    if (outcome.error().code() != Code::kCancelled) {
      context_.log.warn("evaluating rule failed", {{"group", settings_.config.name},
                                                   {"file", settings_.config.file},
                                                   {"rule", rule.config.name()},
                                                   {"err", outcome.error()}});
    }
  }
  const double seconds = to_seconds(context_.clock.monotonic_ns() - start_ns);
  measures_->rule_duration.observe(seconds);
  measures_->seconds += seconds;
  const MutexLock lock(rule.mutex);
  rule.evaluation_seconds = seconds;
  rule.last_evaluation = started;
}

Result<void> RuleGroup::run_and_write(Rule& rule, model::TimeMs time, const StopToken& stop) {
  NX_TRY_ASSIGN(const std::vector<RuleSample> samples, run_rule(rule, time, stop));
  measures_->samples += static_cast<double>(samples.size());
  if (rule.alerting) {
    const std::string url =
        concat(context_.options.external_url,
               "/graph?g0.expr=", net::http::query_escape(rule.query), "&g0.tab=1");
    auto due =
        rule.alerting->take_due(time, settings_.interval, context_.options.resend_delay, url);
    if (!due.empty()) context_.send(std::move(due));
  }
  return write(rule, samples, model::subtract_time(time, settings_.query_offset));
}

Result<std::vector<RuleSample>> RuleGroup::query(const std::string& expression, model::TimeMs time,
                                                 const StopToken& stop) const {
  query::QueryRequest request;
  request.expression = expression;
  request.start = time;
  request.end = time;
  NX_TRY_ASSIGN(query::QueryResult result, context_.run_query(request, stop));
  return samples_of(std::move(result.value));
}

Result<std::vector<RuleSample>> RuleGroup::run_rule(Rule& rule, model::TimeMs time,
                                                    const StopToken& stop) {
  NX_TRY_ASSIGN(std::vector<RuleSample> results,
                query(rule.query, model::subtract_time(time, settings_.query_offset), stop));
  if (!rule.alerting) {
    return record(rule.config, rule.labels, std::move(results), settings_.config.limit);
  }
  return rule.alerting->update(time, results, expander(rule, time, stop), settings_.config.limit);
}

ExpandTemplate RuleGroup::expander(const Rule& rule, model::TimeMs time,
                                   const StopToken& stop) const {
  tmpl::Environment environment;
  environment.external_url = context_.options.external_url;
  environment.path_prefix = context_.options.path_prefix;
  environment.now = time;
  environment.clock = &context_.clock;
  environment.query = [this, time,
                       stop](const std::string& expression) -> Result<std::vector<tmpl::Sample>> {
    NX_TRY_ASSIGN(const std::vector<RuleSample> samples, query(expression, time, stop));
    std::vector<tmpl::Sample> out;
    for (const RuleSample& sample : samples) out.push_back({to_map(sample.labels), sample.value});
    return out;
  };
  return [this, &rule, stop, environment = std::move(environment)](
             const std::string& text, const model::Labels& labels, double value) {
    measures_->expansions.add();
    if (text.find("{{") == std::string::npos) return text;
    tmpl::AlertData data{.labels = to_map(labels),
                         .external_labels = to_map(settings_.external_labels),
                         .external_url = context_.options.external_url,
                         .value = value};
    const auto expanded = expand_template(
        concat("__alert_", rule.config.alert), concat(alert_template_preamble(), text),
        tmpl::Value(std::make_shared<const tmpl::AlertData>(std::move(data))), environment, stop);
    if (expanded) return *expanded;
    measures_->expansion_failures.add();
    context_.log.warn("expanding alert template failed",
                      {{"alert", rule.config.alert}, {"err", expanded.error()}});
    return concat("<error expanding template: ", expanded.error().message(), ">");
  };
}

// Writes the samples, and a stale marker for every series of the last evaluation that is not among
// them.
Result<void> RuleGroup::write(Rule& rule, const std::vector<RuleSample>& samples,
                              model::TimeMs time) {
  Rows rows;
  std::vector<const model::Labels*> written;
  Result<void> outcome;
  // With an offset beyond the head's window every sample is refused; no series is made for that.
  const bool too_old = time < context_.appender.oldest_time();
  for (const RuleSample& sample : samples) {
    const auto known = rule.series.find(sample.labels);
    if (known == rule.series.end() && too_old) {
      outcome = Error(Code::kExecution, std::string(verdict_text(model::RowVerdict::kOutOfBounds)));
      continue;
    }
    Result<model::SeriesHandle> handle =
        known != rule.series.end() ? known->second
                                   : context_.appender.resolve(sample.labels, model::kNoOwner);
    if (!handle) {
      outcome = std::unexpected(std::move(handle).error());
      continue;
    }
    rows.push(*handle, sample.value);
    written.push_back(&sample.labels);
  }
  SeriesMap vanished = rule.series;
  for (const RuleSample& sample : samples) vanished.erase(sample.labels);
  for (const auto& [labels, handle] : vanished) rows.push(handle, model::stale_nan());

  NX_TRY_ASSIGN(model::AppendReport report, append(context_.appender, rows, time));
  if (report.gone != 0) append_returned(context_.appender, written, rows, time, report);
  SeriesMap returned;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const std::string_view fault = verdict_text(report.verdicts[i]);
    if (fault.empty()) {
      returned.emplace(*written[i], rows.series[i]);
    } else {
      outcome = Error(Code::kExecution, std::string(fault));
    }
  }
  rule.series = std::move(returned);
  return outcome;
}

void RuleGroup::write_stale(SeriesMap series, model::TimeMs time) {
  Rows rows;
  for (const auto& [labels, handle] : series) rows.push(handle, model::stale_nan());
  const auto report = append(context_.appender, rows, time);
  if (!report) context_.log.warn("adding stale samples failed", {{"err", report.error()}});
}

void RuleGroup::restore(model::TimeMs now) {
  const MutexLock work(work_);
  const std::int64_t start_ns = context_.clock.monotonic_ns();
  const model::TimeRange range{.min = model::subtract_time(now, context_.options.outage_tolerance),
                               .max = now};
  auto querier = context_.store.querier(range);
  if (!querier) context_.log.error("restoring 'for' state failed", {{"err", querier.error()}});
  for (const auto& rule : rules_) {
    if (!rule->alerting) continue;
    // A shorter `for` is waited out anew before restoring it would change anything.
    if (querier && rule->config.hold >= context_.options.grace_period) {
      rule->alerting->restore(now, context_.options.grace_period,
                              read_alert_states(**querier, *rule, range));
    }
    rule->alerting->set_restored();
  }
  measures_->last_restore.set(to_seconds(context_.clock.monotonic_ns() - start_ns));
}

std::map<model::Labels, model::Sample> RuleGroup::read_alert_states(model::Querier& querier,
                                                                    const Rule& rule,
                                                                    model::TimeRange range) {
  model::Matchers matchers = {
      model::Matcher::equal(std::string(model::kMetricName), "ALERTS_FOR_STATE"),
      model::Matcher::equal("alertname", rule.config.alert)};
  // What a template will make of a label is not known here; restore() compares whole label sets.
  for (const auto& [name, value] : rule.labels) {
    const bool is_template = value.find("{{") != std::string::npos;
    if (!is_template && !value.empty() && name != "alertname") {
      matchers.push_back(model::Matcher::equal(name, value));
    }
  }
  std::map<model::Labels, model::Sample> out;
  const auto set =
      querier.select(matchers, {.range = range, .purpose = model::SelectPurpose::kNewest});
  if (!set) {
    context_.log.error("restoring 'for' state failed",
                       {{"alert", rule.config.alert}, {"err", set.error()}});
    return out;
  }
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    const auto sample = (*set)->read_newest(i, range);
    if (!sample || !sample->has_value() || (*sample)->histogram) continue;
    model::LabelsBuilder labels((*set)->labels(i));
    out.emplace(labels.remove(model::kMetricName).build(), **sample);
  }
  return out;
}

void RuleGroup::follow(std::shared_ptr<RuleGroup> before) {
  const MutexLock lock(mutex_);
  before_ = std::move(before);
}

std::shared_ptr<RuleGroup> RuleGroup::replace() {
  replaced_.store(true, std::memory_order_relaxed);
  const MutexLock lock(mutex_);
  return std::exchange(before_, nullptr);
}

void RuleGroup::take_over() {
  const MutexLock ours(work_);
  std::shared_ptr<RuleGroup> before;
  {
    const MutexLock lock(mutex_);
    before = before_;
  }
  if (!before) return;
  const MutexLock theirs(before->work_);
  const MutexLock lock(mutex_);
  // Theirs is locked before mutex_, so it had to be looked up before: meanwhile a reload may have
  // taken it away.
  if (before_ != before) return;  // a still newer group takes it from there
  before_ = nullptr;
  take_rules(*before);
  const MutexLock shown(before->mutex_);
  evaluation_seconds_ = before->evaluation_seconds_;
  last_evaluation_ = before->last_evaluation_;
}

// Moves only: nothing here can fail half-way.
void RuleGroup::take_rules(RuleGroup& from) {
  orphans_ = std::move(from.orphans_);
  std::vector<bool> used(from.rules_.size(), false);
  for (const auto& rule : rules_) {
    for (std::size_t i = 0; i < from.rules_.size(); ++i) {
      Rule& old = *from.rules_[i];
      const bool same =
          !used[i] && old.config.name() == rule->config.name() && old.labels == rule->labels;
      if (!same) continue;
      used[i] = true;
      rule->series = std::move(old.series);
      if (rule->alerting && old.alerting) rule->alerting->take_alerts(*old.alerting);
      break;
    }
  }
  for (std::size_t i = 0; i < from.rules_.size(); ++i) {
    if (!used[i]) orphans_.merge(from.rules_[i]->series);
  }
}

void RuleGroup::mark_stale(model::TimeMs time) {
  take_over();
  const MutexLock work(work_);
  for (const auto& rule : rules_) orphans_.merge(rule->series);
  write_stale(std::exchange(orphans_, {}), model::subtract_time(time, settings_.query_offset));
}

void RuleGroup::count_missed(std::int64_t iterations) {
  measures_->missed.add(static_cast<double>(iterations));
  measures_->iterations.add(static_cast<double>(iterations));
}

GroupSnapshot RuleGroup::snapshot() const {
  const MutexLock state_stays(mutex_);
  GroupSnapshot out;
  out.name = settings_.config.name;
  out.file = settings_.config.file;
  out.interval = settings_.interval;
  out.limit = settings_.config.limit;
  for (const auto& rule : rules_) {
    RuleSnapshot shown;
    shown.is_alert = rule->config.is_alert();
    shown.name = rule->config.name();
    shown.query = rule->query;
    shown.labels = rule->labels;
    shown.annotations = rule->config.annotations;
    shown.hold = rule->config.hold;
    shown.keep_firing_for = rule->config.keep_firing_for;
    if (rule->alerting) {
      shown.state = rule->alerting->state();
      shown.alerts = rule->alerting->active_alerts();
    }
    const MutexLock lock(rule->mutex);
    shown.health = rule->health;
    shown.last_error = rule->last_error;
    shown.evaluation_seconds = rule->evaluation_seconds;
    shown.last_evaluation = rule->last_evaluation;
    if (shown.last_evaluation == 0) shown.state = AlertState::kUnknown;
    out.rules.push_back(std::move(shown));
  }
  out.evaluation_seconds = evaluation_seconds_;
  out.last_evaluation = last_evaluation_;
  if (before_) lend_state(before_->snapshot(), out);
  return out;
}

}  // namespace narthex::alerting
