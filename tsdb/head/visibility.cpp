// Visibility.
#include "tsdb/head/visibility.h"

#include <algorithm>
#include <bit>
#include <ranges>

namespace narthex::tsdb {
namespace {

constexpr std::uint8_t kLastNMax = 255;  // fixed by the line's field

std::uint32_t bit_of(Slot slot) {
  return std::uint32_t{1} << (slot % kPageSeries);
}

}  // namespace

void Visibility::note(SeriesHot& line, Slot slot, const Isolation::Commit& commit) {
  const bool same_commit = line.append_id == commit.id() && line.last_n != 0;
  if (same_commit && line.last_n < kLastNMax) {
    ++line.last_n;
    return;
  }
  const bool seen_by_all = line.last_n == 0 || line.append_id < commit.horizon();
  if (!seen_by_all || (line.flags & kSeriesHasHidden) != 0) keep(line, slot, commit.horizon());
  line.append_id = commit.id();
  line.last_n = 1;
}

// The line's last commit joins those before it.
void Visibility::keep(SeriesHot& line, Slot slot, std::uint64_t horizon) {
  PageSide& side = pages_.side(pages_.control(slot));
  std::vector<PageRun>& runs = side.earlier;
  if (line.last_n != 0) {
    const std::uint32_t bit = bit_of(slot);
    const bool joins = !runs.empty() && runs.back().id == line.append_id &&
                       runs.back().n == line.last_n && (runs.back().mask & bit) == 0;
    if (joins) {
      runs.back().mask |= bit;
    } else {
      runs.push_back({line.append_id, bit, line.last_n});
      entries_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  forget(side, horizon);
  const bool has_any = std::ranges::any_of(
      runs, [slot](const PageRun& run) { return (run.mask & bit_of(slot)) != 0; });
  if (has_any) {
    line.flags |= kSeriesHasHidden;
  } else {
    line.flags &= static_cast<std::uint8_t>(~kSeriesHasHidden);
  }
}

// What every reader sees goes, from the front only: the runs say by their lengths where each of
// them stands.
void Visibility::forget(PageSide& side, std::uint64_t horizon) {
  std::vector<PageRun>& runs = side.earlier;
  const auto kept =
      std::ranges::find_if(runs, [horizon](const PageRun& run) { return run.id >= horizon; });
  entries_.fetch_sub(static_cast<std::size_t>(kept - runs.begin()), std::memory_order_relaxed);
  runs.erase(runs.begin(), kept);
  if (runs.empty() && runs.capacity() > kPageSeries) runs = {};
}

std::size_t Visibility::hidden(const SeriesHot& line, Slot slot,
                               const ReadSnapshot& snapshot) const {
  if (line.last_n == 0 || snapshot.sees(line.append_id)) return 0;
  std::size_t count = line.last_n;
  const PageSide* side = pages_.control(slot).side;
  if ((line.flags & kSeriesHasHidden) == 0 || side == nullptr) return count;
  for (const PageRun& run : side->earlier | std::views::reverse) {
    if ((run.mask & bit_of(slot)) == 0) continue;
    if (snapshot.sees(run.id)) break;
    count += run.n;
  }
  return count;
}

// A line's flag may stay when its entries go: it only says "look".
void Visibility::sweep(std::uint64_t horizon) {
  std::size_t due = sweep_at_.load(std::memory_order_relaxed);
  if (entries_.load(std::memory_order_relaxed) < due) return;
  // Whoever raises the bound sweeps.
  if (!sweep_at_.compare_exchange_strong(due, ~std::size_t{0}, std::memory_order_relaxed)) return;
  for (PageControl* page : pages_.pages_with_side()) {
    const PageLock lock(*page);
    forget(*page->side, horizon);
  }
  const std::size_t left = entries_.load(std::memory_order_relaxed);
  sweep_at_.store(std::max(kSweepMin, 2 * left), std::memory_order_relaxed);
}

std::size_t Visibility::kept() const {
  std::size_t count = 0;
  for (PageControl* page : pages_.pages_with_side()) {
    const PageLock lock(*page);
    for (const PageRun& run : page->side->earlier)
      count += static_cast<std::size_t>(std::popcount(run.mask));
  }
  return count;
}

}  // namespace narthex::tsdb
