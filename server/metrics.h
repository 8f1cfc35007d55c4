// Metrics of the server as a whole: what it is, how its process does, its configuration.
#pragma once

#include "base/metrics.h"
#include "model/time.h"
#include "server/process.h"

namespace narthex::server {

/// Once, at the start.
void publish_build(Metrics& metrics);

/// For a MetricsRefresh: the process_* metrics of upstream's client library.
void publish_process(Metrics& metrics, const ProcessState& process);
/// For a MetricsRefresh: whether the server answers.
void publish_readiness(Metrics& metrics, bool ready);

/// After each attempt to load the configuration.
void publish_reload_outcome(Metrics& metrics, bool ok);
/// After each that was taken.
void publish_reload_time(Metrics& metrics, model::TimeMs time);

}  // namespace narthex::server
