// Samples that came after newer ones of their series.
//
// What a line hides from a reader is its end, counted in samples (visibility.h). A sample in
// between cannot be hidden so, and its chunk is full. So these have a list of their own beside the
// page, in time order, each with its commit; a reader merges in those that it sees. Where both have
// a sample of one time, the one that came in order counts.
//
// Nothing inserts yet: a store takes such samples once out_of_order_time_window is there.
#pragma once

#include "model/sample.h"
#include "model/storage.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/page_table.h"

namespace narthex::tsdb {

/// Thread-safe, under the page locks it asks for. `pages` outlives it.
class OutOfOrderLists {
 public:
  explicit OutOfOrderLists(PageTable& pages) : pages_(pages) {}

  /// `commit` adds a sample older than the line's newest one, under the page's lock. False: the
  /// list has one of that time, which stays.
  bool insert(SeriesHot& line, Slot slot, const Isolation::Commit& commit, model::Sample sample);

  /// Those that `snapshot` sees, times ascending, behind what is in `out`. Under the page's lock.
  void add_visible(const SeriesHot& line, Slot slot, const ReadSnapshot& snapshot,
                   model::SampleColumns& out) const;

  /// Forgets a line's, under the page's lock.
  void release(SeriesHot& line, Slot slot);

 private:
  PageTable& pages_;
};

}  // namespace narthex::tsdb
