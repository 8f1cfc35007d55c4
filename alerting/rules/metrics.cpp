// Names and help texts are upstream's. What belongs to one group has the label rule_group, by which
// it is retired; the counters of evaluations and templates outlive every group.
#include "alerting/rules/metrics.h"

namespace narthex::alerting {

GroupMetrics::GroupMetrics(Metrics& metrics, const std::string& key)
    : evaluations(metrics.counter("prometheus_rule_evaluations_total",
                                  "The total number of rule evaluations.", {{"rule_group", key}})),
      failures(metrics.counter("prometheus_rule_evaluation_failures_total",
                               "The total number of rule evaluation failures.",
                               {{"rule_group", key}})),
      iterations(metrics.counter("prometheus_rule_group_iterations_total",
                                 "The total number of scheduled rule group evaluations, whether "
                                 "executed or missed.",
                                 {{"rule_group", key}})),
      missed(metrics.counter("prometheus_rule_group_iterations_missed_total",
                             "The total number of rule group evaluations missed due to slow rule "
                             "group evaluation.",
                             {{"rule_group", key}})),
      rules(metrics.gauge("prometheus_rule_group_rules", "The number of rules.",
                          {{"rule_group", key}})),
      interval(metrics.gauge("prometheus_rule_group_interval_seconds",
                             "The interval of a rule group.", {{"rule_group", key}})),
      last_duration(metrics.gauge("prometheus_rule_group_last_duration_seconds",
                                  "The duration of the last rule group evaluation.",
                                  {{"rule_group", key}})),
      last_rule_sum(metrics.gauge("prometheus_rule_group_last_rule_duration_sum_seconds",
                                  "The sum of time in seconds it took to evaluate each rule in the "
                                  "group regardless of concurrency.",
                                  {{"rule_group", key}})),
      last_time(metrics.gauge("prometheus_rule_group_last_evaluation_timestamp_seconds",
                              "The timestamp of the last rule group evaluation in seconds.",
                              {{"rule_group", key}})),
      last_samples(metrics.gauge("prometheus_rule_group_last_evaluation_samples",
                                 "The number of samples returned during the last rule group "
                                 "evaluation.",
                                 {{"rule_group", key}})),
      last_restore(
          metrics.gauge("prometheus_rule_group_last_restore_duration_seconds",
                        "The duration of the last alert rules alerts restoration using the "
                        "`ALERTS_FOR_STATE` series.",
                        {{"rule_group", key}})),
      rule_duration(metrics.summary("prometheus_rule_evaluation_duration_seconds",
                                    "The duration for a rule to execute.")),
      group_duration(metrics.summary("prometheus_rule_group_duration_seconds",
                                     "The duration of rule group evaluations.", {}, Spread::kBoth)),
      expansions(metrics.counter("prometheus_template_text_expansions_total",
                                 "The total number of template text expansions.")),
      expansion_failures(metrics.counter("prometheus_template_text_expansion_failures_total",
                                         "The total number of template text expansion failures.")) {
}

void retire_group_metrics(Metrics& metrics, const std::string& key) {
  metrics.retire("rule_group", key);
}

}  // namespace narthex::alerting
