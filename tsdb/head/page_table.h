// Hot lines in pages of 32, each page with its lock. Page memory is contiguous: slot = page << 5 |
// index. A writer takes a page's lock once per commit for all its rows; a reader copies one line
// under it. Thread-safe; page locks have rank 30 and are spin locks held for well under a
// microsecond.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/memory.h"
#include "base/result.h"
#include "tsdb/head/postings.h"
#include "tsdb/head/series_hot.h"

namespace narthex::tsdb {

/// One cache line a page: readers of one page do not disturb its neighbours.
struct alignas(64) PageControl {
  std::atomic<std::uint32_t> locked;      // acquire to take, release to leave
  std::atomic<std::uint32_t> generation;  // relaxed: changes only when the page's slots are reused
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

 private:
  PageTable(ReservedMemory lines, ReservedMemory controls)
      : lines_(std::move(lines)), controls_(std::move(controls)) {}
  SeriesHot* lines() const { return reinterpret_cast<SeriesHot*>(lines_.data()); }
  PageControl* controls() const { return reinterpret_cast<PageControl*>(controls_.data()); }

  ReservedMemory lines_;
  ReservedMemory controls_;
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
