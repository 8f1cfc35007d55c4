// Which samples of a series a reader must not see: those of commits that were open, or yet to come,
// when its snapshot was taken.
//
// A sample has no mark of its commit. A line says which commit appended to it last, and how many
// samples; they are its newest ones. Commits to one page never overlap (admission.h), so what a
// reader does not see of a series is always its end. While some reader does not see a commit that
// is no longer the last, its count stays in a list beside the page, in the order of the samples, so
// that what a reader must skip is found by counting from the end. Commits that every reader sees,
// those before the horizon (isolation.h), are forgotten. Without an old reader nothing but the line
// is touched.
//
// One list a page, not a series: rows of a page come in the same commits, and then share an entry.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "tsdb/head/isolation.h"
#include "tsdb/head/page_table.h"

namespace narthex::tsdb {

/// Thread-safe, under the page locks it asks for. `pages` outlives it.
class Visibility {
 public:
  explicit Visibility(PageTable& pages) : pages_(pages) {}

  /// `commit` adds one sample to `slot`: call it before the sample is there, under the page's lock.
  void note(SeriesHot& line, Slot slot, const Isolation::Commit& commit);

  /// How many of a line's newest samples `snapshot` does not see. Under the page's lock.
  std::size_t hidden(const SeriesHot& line, Slot slot, const ReadSnapshot& snapshot) const;

  /// Of a page whose lines are all emptied, under its lock.
  void forget_page(PageControl& page) {
    if (page.side != nullptr) forget(*page.side, ~std::uint64_t{0});
  }

  /// Now and then, forgets what pages that nobody writes any more keep of commits before `horizon`.
  /// Call it after a commit, without a page lock.
  void sweep(std::uint64_t horizon);

  /// Commits, counted by series, that are kept beside pages. Takes every page's lock in turn.
  std::size_t kept() const;

 private:
  void keep(SeriesHot& line, Slot slot, std::uint64_t horizon);
  void forget(PageSide& side, std::uint64_t horizon);

  static constexpr std::size_t kSweepMin = 64;  // tuned: entries, a KiB in all
  PageTable& pages_;
  std::atomic<std::size_t> entries_{0};  // relaxed, like the next: they decide when to sweep
  std::atomic<std::size_t> sweep_at_{kSweepMin};
};

}  // namespace narthex::tsdb
