// An exemplar: one observation that stands for many, with the labels that lead to it (a trace id).
#pragma once

#include "model/labels.h"
#include "model/time.h"

namespace narthex::model {

/// Characters, not bytes, of all names and values together.
inline constexpr std::size_t kExemplarLabelRunesMax = 128;  // fixed by OpenMetrics 1.0

/// Without a time of its own (`has_time` false) it is of the time of its sample; `time` is 0 then.
struct Exemplar {
  Labels labels;
  double value = 0;
  TimeMs time = 0;
  bool has_time = false;
};

}  // namespace narthex::model
