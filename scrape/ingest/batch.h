// The rows of one page on their way to the store, with the scratch memory that making them takes.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/labels.h"
#include "model/storage.h"
#include "scrape/ingest/template.h"

namespace narthex::scrape {

/// A set of slots that is emptied without giving memory back.
class SlotSet {
 public:
  /// Empties it; costs its capacity, not its content.
  void clear();
  /// False when it was there already.
  bool insert(std::uint32_t slot);
  /// `slot` is any but kNoLine, which marks a free place.
  bool contains(std::uint32_t slot) const;
  bool empty() const { return size_ == 0; }

 private:
  void grow();
  std::vector<std::uint32_t> table_;
  std::size_t size_ = 0;
};

/// What became of the samples of a page.
struct ScrapeCounts {
  std::size_t scraped = 0;  // samples in the body
  std::size_t added = 0;    // left after relabelling
  std::size_t series_added = 0;
  std::size_t duplicates =
      0;                    // a text twice in one body, the second time without a time of its own
  std::size_t refused = 0;  // new series that the store had no room for
  std::size_t out_of_bounds = 0;  // samples whose own time is no time, or too far ahead
  std::size_t lines = 0;
  std::size_t misplaced = 0;  // lines not where the template expected them
};

/// The scratch of one scrape, reused by all targets of a thread so that idle targets hold none.
struct Batch {
  std::string body;                          // unpacked
  std::unique_ptr<exposition::Reader> page;  // of the body; null before open()
  std::vector<model::SeriesHandle> series;
  std::vector<double> values;
  std::vector<model::TimeMs> times;    // empty while every row has the scrape's time
  std::vector<std::uint32_t> sources;  // of each row: index into refs, or kNoLine
  std::vector<LineRef> refs;
  std::vector<LineEntry> fresh;
  std::vector<bool> seen;  // by template line; empty until a line is not where expected
  // Noted of every line once a new one came, and of lines that share their series always.
  SlotSet slots;          // series with a row
  SlotSet tracked_slots;  // those whose row makes them go stale when they vanish
  std::unordered_set<std::string_view> texts;  // once two lines shared a series: their keys
  SlotSet shared_slots;                        // series found to have two keys
  std::vector<model::SeriesHandle> lapsed;     // no longer tracked by a line that was
  std::vector<std::uint32_t> retracked;        // refs whose kTracked changes with this scrape
  exposition::ExposedLabels labels;
  model::LabelsBuilder builder;
  std::string scratch;
  ScrapeCounts counts;  // of the body read last, up to where it failed if it did

  /// Empty again, memory kept; `page` is gone and `body` may be changed.
  void reset();
  /// Makes `body`, which stays as it is until reset(), the page that is read.
  void open(exposition::Format format);
  /// A row at the scrape's time, or with push_at() at one of its own; `source` is an index into
  /// refs or kNoLine. From the first push_at() on all rows have a time: those before get
  /// `batch_time`.
  void push(model::SeriesHandle handle, double value, std::uint32_t source);
  void push_at(model::SeriesHandle handle, double value, std::uint32_t source, model::TimeMs time,
               model::TimeMs batch_time);
};

}  // namespace narthex::scrape
