// Runs of slots.
#include "tsdb/head/slot_runs.h"

#include <functional>
#include <thread>

namespace narthex::tsdb {

SlotRuns::Run& SlotRuns::of_thread() {
  return threads_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % threads_.size()];
}

// The run that the owner's next series comes from; it may be empty.
SlotRuns::Run& SlotRuns::find(model::SeriesOwner owner) {
  if (owner != model::kNoOwner) {
    if (!owned_.contains(owner) && owned_.size() == kOwnersMax) forget_one();
    Owned& owned = owned_[owner];
    if (owned.series >= kSharedSeries) return owned.run;
  }
  while (!left_over_.empty() && left_over_.back().is_empty()) left_over_.pop_back();
  return left_over_.empty() ? of_thread() : left_over_.back();
}

void SlotRuns::forget_one() {
  const auto any = owned_.begin();
  if (!any->second.run.is_empty()) left_over_.push_back(any->second.run);
  owned_.erase(any);
}

Slot SlotRuns::take(model::SeriesOwner owner) {
  const Slot slot = find(owner).next++;
  if (owner != model::kNoOwner) ++owned_[owner].series;
  return slot;
}

}  // namespace narthex::tsdb
