// A selector with all its times settled, and the store's answer to it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/matcher.h"
#include "query/context.h"
#include "query/promql/token.h"
#include "query/tile.h"

namespace narthex::query {

/// Where a window or a look-up ends for every step of an axis.
struct TimeShift {
  DurationMs offset = 0;
  std::optional<TimeMs> at;  // fixes the time for all steps

  TimeMs reference(const StepAxis& axis, std::size_t k) const {
    return model::subtract_time(at ? *at : axis.at(k), offset);
  }
  DurationMs reference_step(const StepAxis& axis) const { return at ? 0 : axis.step; }
};

struct SelectorSpec {
  model::Matchers matchers;
  Position position;
  TimeShift shift;
  /// The range, or the lookback of an instant selector: times in (reference - window, reference].
  DurationMs window_ms = 0;
  DurationMs before_ms = 0;  // how much further back `anchored` and `smoothed` look
  DurationMs after_ms = 0;   // and `smoothed` ahead
  DurationMs step_ms = 0;
  std::string function;  // around the selector, a hint

  /// Whether all times that an operator computes from `axis`, up to a step after its last, lie
  /// within 64 bits, so that its loops may add and subtract freely.
  bool fits(const StepAxis& axis) const;

  /// Closed, as stores read.
  model::TimeRange needed(const StepAxis& axis) const {
    const std::size_t last = axis.count == 0 ? 0 : axis.count - 1;
    const DurationMs back = model::add_time(window_ms, before_ms) - 1;
    return {.min = model::subtract_time(shift.reference(axis, 0), back),
            .max = model::add_time(shift.reference(axis, last), after_ms)};
  }
};

/// The series of `spec`. Equal selections share one answer. Errors of the store become kInternal.
Result<std::shared_ptr<const model::SeriesSet>> open_selection(QueryContext& context,
                                                               const SelectorSpec& spec,
                                                               const StepAxis& axis);

/// An error that the store gave while it was read.
Error store_error(Error error);

/// For who does not calculate with histograms yet: the error "not implemented yet: native
/// histograms
/// (<where>)" if there are any.
Result<void> refuse_histograms(const model::SampleColumns& columns, std::string_view where);

/// Takes stale markers out of `columns`.
void drop_stale(model::SampleColumns& columns);

}  // namespace narthex::query
