// Hot lines in pages of 32, each page with its lock, and beside few of them what their lines have
// no room for. Page memory is contiguous: slot = page << 5 | index. A writer takes a page's lock
// once per commit for all its rows; a reader copies one line under it. Thread-safe; page locks have
// rank 30 and are spin locks held for well under a microsecond.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory.h"
#include "base/mutex.h"
#include "base/result.h"
#include "tsdb/head/chunk_place.h"
#include "tsdb/head/postings.h"
#include "tsdb/head/series_hot.h"

namespace narthex::tsdb {

/// Samples that some lines of a page got from one commit: the same number each.
struct PageRun {
  std::uint64_t id;    // of the commit
  std::uint32_t mask;  // which lines, by their index in the page
  std::uint32_t n;     // samples of each
};

/// A sample older than those before it.
struct OutOfOrderSample {
  model::TimeMs time;
  double value;
  std::uint64_t commit;  // that added it
};

/// What a page has beside its lines, made when one of them first needs it. Guarded by the page's
/// lock; the flags of a line say whether there is anything of it here.
struct PageSide {
  /// Commits before the lines' last ones, in their order. A line's samples of those that have it in
  /// their mask end where those of its last commit begin, without gaps.
  std::vector<PageRun> earlier;
  /// Full chunks beyond what a line's list holds, oldest first.
  std::array<std::vector<ClosedChunk>, kPageSeries> older;
  /// Of each line, by time.
  std::array<std::vector<OutOfOrderSample>, kPageSeries> out_of_order;
};

/// One cache line a page: readers of one page do not disturb its neighbours. All zero at first.
struct alignas(64) PageControl {
  std::atomic<std::uint32_t> locked;      // acquire to take, release to leave
  std::atomic<std::uint32_t> generation;  // relaxed: changes only when the page's slots are reused
  PageSide* side;                         // null: none yet
  std::atomic<std::uint64_t> turn;        // whose turn it is (admission.h); 0: nobody's
  std::uint32_t admitted;                 // lines with rows in that turn, by their index
};

class PageTable {
 public:
  static Result<PageTable> create();

  /// Makes the lines of all slots below `end` usable, a whole number of pages. kLimit: no memory.
  /// Callers take turns.
  Result<void> commit(Slot end);

  SeriesHot& line(Slot slot) const { return lines()[slot]; }
  PageControl& control(Slot slot) const { return controls()[slot / kPageSeries]; }
  void prefetch(Slot slot) const { __builtin_prefetch(&lines()[slot], 1); }

  /// The page's side, made if there is none. Under the page's lock.
  PageSide& side(PageControl& control);
  /// The pages that have one, in the order in which they got it.
  std::vector<PageControl*> pages_with_side() const;

 private:
  struct Sides {
    mutable Mutex mutex;  // rank 55
    std::vector<std::unique_ptr<PageSide>> owned NX_GUARDED_BY(mutex);
    std::vector<PageControl*> pages NX_GUARDED_BY(mutex);
  };
  PageTable(ReservedMemory lines, ReservedMemory controls)
      : lines_(std::move(lines)), controls_(std::move(controls)) {}
  SeriesHot* lines() const { return reinterpret_cast<SeriesHot*>(lines_.data()); }
  PageControl* controls() const { return reinterpret_cast<PageControl*>(controls_.data()); }

  ReservedMemory lines_;
  ReservedMemory controls_;
  std::unique_ptr<Sides> sides_ = std::make_unique<Sides>();
};

/// Holds one page's lock.
class PageLock {
 public:
  explicit PageLock(PageControl& control) : control_(control) {
    while (control_.locked.exchange(1, std::memory_order_acquire) != 0) wait();
  }
  ~PageLock() { control_.locked.store(0, std::memory_order_release); }
  PageLock(const PageLock&) = delete;
  PageLock& operator=(const PageLock&) = delete;

 private:
  void wait() const;
  PageControl& control_;
};

}  // namespace narthex::tsdb
