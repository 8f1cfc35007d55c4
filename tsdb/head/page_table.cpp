// Reserving pages, and waiting for one.
#include "tsdb/head/page_table.h"

#include <thread>

namespace narthex::tsdb {
namespace {

constexpr int kSpins =
    64;  // tuned: a holder that runs is done by then; one that does not needs the core

}  // namespace

Result<PageTable> PageTable::create() {
  NX_TRY_ASSIGN(ReservedMemory lines, ReservedMemory::reserve(kSlotsMax * sizeof(SeriesHot)));
  NX_TRY_ASSIGN(ReservedMemory controls,
                ReservedMemory::reserve(kSlotsMax / kPageSeries * sizeof(PageControl)));
  return PageTable(std::move(lines), std::move(controls));
}

Result<void> PageTable::commit(Slot end) {
  NX_TRY(lines_.commit(std::size_t{end} * sizeof(SeriesHot)));
  return controls_.commit(std::size_t{end / kPageSeries} * sizeof(PageControl));
}

PageSide& PageTable::side(PageControl& control) {
  if (control.side == nullptr) {
    auto made = std::make_unique<PageSide>();
    const MutexLock lock(sides_->mutex);
    sides_->pages.push_back(&control);
    sides_->owned.push_back(std::move(made));
    control.side = sides_->owned.back().get();
  }
  return *control.side;
}

std::vector<PageControl*> PageTable::pages_with_side() const {
  const MutexLock lock(sides_->mutex);
  return sides_->pages;
}

void PageLock::wait() const {
  for (;;) {
    for (int i = 0; i < kSpins; ++i) {
      if (control_.locked.load(std::memory_order_relaxed) == 0) return;
      __builtin_ia32_pause();
    }
    std::this_thread::yield();
  }
}

}  // namespace narthex::tsdb
