// Who may append what, and in which order: decided before anything is logged.
//
// The WAL is read again by a replay, and by others; what it says must be what the head says. So a
// row is judged against its series' newest sample before it is written there, and of two batches
// with rows of one series the one that is logged first is applied first. Both hold if between a
// batch's judgement and the end of its applying nobody else is judged against those series.
//
// That is a turn: it holds the pages of its rows. Turns begin one at a time, under the lock in
// which the log is written, so the order of turns is the order of the log; they are applied side by
// side, outside it. A batch that wants a page of a turn still being applied waits for that page:
// it takes microseconds, needs no lock of the waiting one, and happens seldom, for a target's
// series fill pages of their own.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/storage.h"
#include "tsdb/head/page_table.h"

namespace narthex::tsdb {

/// Rows to judge, row-aligned. `times` is empty when all are at `time`.
struct AdmissionRows {
  std::span<const Slot> slots;
  std::span<const std::uint32_t> generations;  // of the handles
  std::span<const double> values;
  model::TimeMs time = 0;
  std::span<const model::TimeMs> times{};

  model::TimeMs time_of(std::size_t row) const { return times.empty() ? time : times[row]; }
};

/// Against the newest sample alone: kAppended, kSameAgain, kDuplicate or kOutOfOrder. Under the
/// page's lock, or in a turn that holds the page.
model::RowVerdict compare_newest(const SeriesHot& line, model::TimeMs time, double value);

/// Waits until no turn holds `page`. Under the lock that orders the log, so that none begins.
void wait_for_turn(const PageControl& page);

/// A batch's hold on its pages, until it is destroyed. Made under the lock that orders the log (the
/// head's commit lock), destroyed anywhere. While it lives, only its owner changes the lines.
class AdmissionTurn {
 public:
  /// `id` is not 0, and no other living turn's. `pages` outlives the turn.
  AdmissionTurn(PageTable& pages, std::uint64_t id) : pages_(pages), id_(id) {}
  ~AdmissionTurn();
  AdmissionTurn(const AdmissionTurn&) = delete;
  AdmissionTurn& operator=(const AdmissionTurn&) = delete;

  /// Takes the rows' pages, waiting for each if need be, and gives a verdict for every row, in row
  /// order: kGone for a handle of an earlier generation or of a series that was unlinked. A row
  /// that is not newer than an admitted one of its series before it is kSameAgain.
  /// `verdicts.size()` is the number of rows. Once. Returns how many are kAppended.
  std::size_t judge(const AdmissionRows& rows, std::span<model::RowVerdict> verdicts);

 private:
  void take(PageControl& page);
  model::RowVerdict judge_again(const AdmissionRows& rows, std::size_t row,
                                std::span<const model::RowVerdict> before);

  PageTable& pages_;
  const std::uint64_t id_;
  std::vector<PageControl*> held_;
  // When the newest admitted row of each series is; filled when a series comes a second time.
  std::unordered_map<Slot, model::TimeMs> newest_;
};

}  // namespace narthex::tsdb
