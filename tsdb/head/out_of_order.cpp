// The lists beside pages, and merging them in.
#include "tsdb/head/out_of_order.h"

#include <algorithm>

namespace narthex::tsdb {

bool OutOfOrderLists::insert(SeriesHot& line, Slot slot, const Isolation::Commit& commit,
                             model::Sample sample) {
  auto& list = pages_.side(pages_.control(slot)).out_of_order[slot % kPageSeries];
  const auto at = std::ranges::lower_bound(list, sample.time, {}, &OutOfOrderSample::time);
  if (at != list.end() && at->time == sample.time) return false;
  list.insert(at, {.time = sample.time, .value = sample.value, .commit = commit.id()});
  line.flags |= kSeriesHasOutOfOrder;
  return true;
}

void OutOfOrderLists::add_visible(const SeriesHot& line, Slot slot, const ReadSnapshot& snapshot,
                                  model::SampleColumns& out) const {
  if ((line.flags & kSeriesHasOutOfOrder) == 0) return;
  for (const OutOfOrderSample& sample :
       pages_.control(slot).side->out_of_order[slot % kPageSeries]) {
    if (!snapshot.sees(sample.commit)) continue;
    out.times.push_back(sample.time);
    out.values.push_back(sample.value);
  }
}

void OutOfOrderLists::release(SeriesHot& line, Slot slot) {
  if ((line.flags & kSeriesHasOutOfOrder) == 0) return;
  pages_.control(slot).side->out_of_order[slot % kPageSeries] = {};
  line.flags &= static_cast<std::uint8_t>(~kSeriesHasOutOfOrder);
}

}  // namespace narthex::tsdb
