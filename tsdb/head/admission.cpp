// Turns.
#include "tsdb/head/admission.h"

#include <bit>
#include <thread>

namespace narthex::tsdb {
namespace {

using model::RowVerdict;
using model::TimeMs;

constexpr std::size_t kPrefetchRows = 12;  // tuned: hot lines in flight while judging
constexpr int kSpins = 64;                 // tuned: as for a page's lock

}  // namespace

RowVerdict compare_newest(const SeriesHot& line, TimeMs time, double value) {
  if (line.n == 0 || time > line.last_t) return RowVerdict::kAppended;
  if (time < line.last_t) return RowVerdict::kOutOfOrder;
  const bool same =
      std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(line.last_v);
  return same ? RowVerdict::kSameAgain : RowVerdict::kDuplicate;
}

// Release: who takes the page next sees what was applied.
AdmissionTurn::~AdmissionTurn() {
  for (PageControl* page : held_) page->turn.store(0, std::memory_order_release);
}

void wait_for_turn(const PageControl& page) {
  for (int i = 0; page.turn.load(std::memory_order_acquire) != 0; ++i) {
    if (i >= kSpins) std::this_thread::yield();
  }
}

void AdmissionTurn::take(PageControl& page) {
  wait_for_turn(page);
  held_.push_back(&page);
  page.turn.store(id_, std::memory_order_relaxed);
  page.admitted = 0;
}

std::size_t AdmissionTurn::judge(const AdmissionRows& rows, std::span<RowVerdict> verdicts) {
  const std::size_t count = rows.slots.size();
  std::size_t admitted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + kPrefetchRows < count) pages_.prefetch(rows.slots[i + kPrefetchRows]);
    const Slot slot = rows.slots[i];
    PageControl& page = pages_.control(slot);
    if (page.turn.load(std::memory_order_relaxed) != id_) take(page);
    const SeriesHot& line = pages_.line(slot);
    const bool is_gone = page.generation.load(std::memory_order_relaxed) != rows.generations[i] ||
                         (line.flags & kSeriesIsUnlinked) != 0;
    if (is_gone) [[unlikely]] {
      verdicts[i] = RowVerdict::kGone;
      continue;
    }
    const std::uint32_t bit = std::uint32_t{1} << (slot % kPageSeries);
    const bool again = (page.admitted & bit) != 0;
    verdicts[i] = again ? judge_again(rows, i, verdicts.first(i))
                        : compare_newest(line, rows.time_of(i), rows.values[i]);
    if (verdicts[i] != RowVerdict::kAppended) continue;
    ++admitted;
    page.admitted |= bit;
    if (!newest_.empty()) newest_[slot] = rows.time_of(i);
  }
  return admitted;
}

// A series that has an admitted row in this batch already.
RowVerdict AdmissionTurn::judge_again(const AdmissionRows& rows, std::size_t row,
                                      std::span<const RowVerdict> before) {
  if (newest_.empty()) {
    for (std::size_t i = 0; i < row; ++i) {
      if (before[i] == RowVerdict::kAppended) newest_[rows.slots[i]] = rows.time_of(i);
    }
  }
  const bool is_newer = rows.time_of(row) > newest_.at(rows.slots[row]);
  return is_newer ? RowVerdict::kAppended : RowVerdict::kSameAgain;
}

}  // namespace narthex::tsdb
