// What each rule group tells of itself: evaluations, how long they took, what they missed. Names
// are upstream's.
#pragma once

#include <string>

#include "base/metrics.h"

namespace narthex::alerting {

/// One group's, which are shown from construction until retire_group_metrics(); the last four are
/// those of all groups. Thread-safe; the registry must outlive it.
struct GroupMetrics {
  /// `key` is file;name.
  GroupMetrics(Metrics& metrics, const std::string& key);

  Counter& evaluations;
  Counter& failures;
  Counter& iterations;
  Counter& missed;
  Gauge& rules;
  Gauge& interval;
  Gauge& last_duration;
  Gauge& last_rule_sum;
  Gauge& last_time;
  Gauge& last_samples;
  Gauge& last_restore;
  Observer& rule_duration;
  Observer& group_duration;
  Counter& expansions;
  Counter& expansion_failures;
};

/// No longer shows those of the group `key`, which is no more.
void retire_group_metrics(Metrics& metrics, const std::string& key);

}  // namespace narthex::alerting
