// Asks the store, once for equal selections.
#include "query/ops/selection.h"

#include <limits>

#include "base/str.h"

namespace narthex::query {
namespace {

std::string selection_key(const SelectorSpec& spec, const model::TimeRange& range) {
  std::string key = concat(range.min, ";", range.max);
  for (const model::Matcher& matcher : spec.matchers) key += concat(";", matcher.to_string());
  return key;
}

}  // namespace

bool SelectorSpec::fits(const StepAxis& axis) const {
  constexpr TimeMs kLast = std::numeric_limits<TimeMs>::max();
  const model::TimeRange range = needed(axis);
  const TimeMs beyond = model::add_time(range.max, shift.reference_step(axis));
  return range.min > -kLast && range.max < kLast && beyond < kLast;
}

Error store_error(Error error) {
  const bool stopped = error.code() == Code::kTimeout || error.code() == Code::kCancelled;
  const Code code = stopped ? error.code() : Code::kInternal;
  return Error(code, concat("expanding series: ", error.message()));
}

Result<std::shared_ptr<const model::SeriesSet>> open_selection(QueryContext& context,
                                                               const SelectorSpec& spec,
                                                               const StepAxis& axis) {
  NX_TRY(context.stop.check());
  const model::TimeRange range = spec.needed(axis);
  const std::string key = selection_key(spec, range);
  if (const auto known = context.selections.find(key); known != context.selections.end()) {
    return known->second;
  }
  const model::SelectHints hints{
      .range = range, .step = spec.step_ms, .function = spec.function, .stop = context.stop.token};
  Result<std::unique_ptr<model::SeriesSet>> set = context.querier->select(spec.matchers, hints);
  if (!set) return store_error(std::move(set).error());
  std::shared_ptr<const model::SeriesSet> shared = *std::move(set);
  context.selections.emplace(key, shared);
  return shared;
}

Result<void> refuse_histograms(const model::SampleColumns& columns, std::string_view where) {
  if (columns.histograms.empty()) return {};
  return Error(Code::kExecution, concat("not implemented yet: native histograms (", where, ")"));
}

void drop_stale(model::SampleColumns& columns) {
  if (!columns.histograms.empty()) {
    model::SampleColumns kept;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const model::HistogramPtr* histogram = columns.histograms.find(i);
      const bool is_stale =
          histogram != nullptr ? (*histogram)->is_stale() : model::is_stale(columns.values[i]);
      if (!is_stale) kept.push(columns, i);
    }
    columns = std::move(kept);
    return;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (model::is_stale(columns.values[i])) continue;
    columns.times[kept] = columns.times[i];
    columns.values[kept++] = columns.values[i];
  }
  columns.times.resize(kept);
  columns.values.resize(kept);
}

}  // namespace narthex::query
