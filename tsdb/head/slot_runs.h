// Which slot a new series gets. Slots are given out in runs of a page, so that a scrape's rows fill
// pages of their own: its commits take few page locks, and series that go together leave whole
// pages behind.
//
// A series of nobody, and the first ones of an owner, get a slot of the run of the thread that
// makes them: a thousand targets of ten series do not cost a thousand pages. An owner with more
// gets pages of its own. Of owners that are not heard of any more nothing is kept: what is left of
// their runs goes to whoever needs a slot next.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "model/storage.h"
#include "tsdb/head/page_table.h"

namespace narthex::tsdb {

/// Thread-compatible: the registry's lock guards it.
class SlotRuns {
 public:
  /// Whether there is a slot for the next series of `owner`; else give() it a page.
  bool has(model::SeriesOwner owner) { return !find(owner).is_empty(); }
  /// A page that nobody uses, from `first` on.
  void give(model::SeriesOwner owner, Slot first) {
    find(owner) = {.next = first, .end = first + kPageSeries};
  }
  /// There is one.
  Slot take(model::SeriesOwner owner);

 private:
  struct Run {
    Slot next = 0;
    Slot end = 0;
    bool is_empty() const { return next == end; }
  };
  struct Owned {
    std::uint32_t series = 0;  // so far
    Run run;
  };
  Run& find(model::SeriesOwner owner);
  Run& of_thread();
  void forget_one();

  static constexpr std::uint32_t kSharedSeries = kPageSeries;  // tuned: an owner's first ones
  static constexpr std::size_t kOwnersMax = 256;  // tuned: more than create series at a time
  std::unordered_map<model::SeriesOwner, Owned> owned_;
  std::array<Run, 8> threads_;
  std::vector<Run> left_over_;
};

}  // namespace narthex::tsdb
