// The `anchored` and `smoothed` modifiers of selectors. Truth: upstream promql/functions.go and
// engine.go. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "model/sample.h"
#include "query/functions/window.h"

namespace narthex::query {

/// Samples around a range: from the lookback before it on and, when smoothed, to the lookback after
/// it.
struct ExtendedWindow {
  const TimeMs* times = nullptr;
  const double* values = nullptr;
  std::size_t count = 0;
  TimeMs start = 0;  // of the range
  TimeMs end = 0;
  bool smoothed = false;
};

/// The functions that may be called on such ranges; null for others.
const WindowFunction* find_anchored_function(std::string_view name);
const WindowFunction* find_smoothed_function(std::string_view name);

/// The samples of the range itself, with one at each of its ends. Empty when all are at or before
/// its start.
model::SampleColumns extend_samples(const ExtendedWindow& window);

/// The value at `time` on the line between its neighbours, or that of the sample before it. None
/// before the first.
std::optional<double> smooth_at(const ExtendedWindow& window, TimeMs time);

}  // namespace narthex::query
