// One alert as it leaves the rules for an Alertmanager. Rules fill it, notify relabels and sends
// it.
#pragma once

#include <map>
#include <string>

#include "model/labels.h"
#include "model/time.h"

namespace narthex::alerting {

/// Texts by name. Unlike in a model::Labels a value may be empty: an annotation that is "" is
/// there, and a rule's label that is "" takes the label away.
using TextMap = std::map<std::string, std::string>;

/// A firing or resolved alert, at one moment. `ends_at` lies in the future while it fires (the time
/// until which the receiver may believe it without hearing again) and in the past or at the present
/// once it is resolved.
struct Alert {
  model::Labels labels;  // with alertname
  TextMap annotations;
  model::TimeMs starts_at = 0;
  model::TimeMs ends_at = 0;
  std::string generator_url;
};

}  // namespace narthex::alerting
