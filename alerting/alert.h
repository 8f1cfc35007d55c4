// One alert as it leaves the rules for an Alertmanager. Rules fill it, notify relabels and sends
// it.
#pragma once

#include <string>

#include "model/labels.h"
#include "model/time.h"

namespace narthex::alerting {

/// A firing or resolved alert. `ends_at` lies in the future while it fires (the time until which
/// the receiver may believe it without hearing again) and in the past or at the present once it is
/// resolved.
struct Alert {
  model::Labels labels;  // with alertname
  model::Labels annotations;
  model::TimeMs starts_at = 0;
  model::TimeMs ends_at = 0;
  std::string generator_url;
};

}  // namespace narthex::alerting
