// Reads series of the head as a snapshot sees them: copies the line under its page's lock, then
// decodes, without any lock, what the reader may see. Thread-safe.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "model/storage.h"
#include "tsdb/head/chunk_lists.h"
#include "tsdb/head/epochs.h"
#include "tsdb/head/isolation.h"
#include "tsdb/head/out_of_order.h"
#include "tsdb/head/visibility.h"

namespace narthex::tsdb {

/// What it is made of outlives it.
class SeriesReader {
 public:
  SeriesReader(const PageTable& pages, const ChunkLists& chunks, const Visibility& visibility,
               const OutOfOrderLists& out_of_order, Epochs& epochs)
      : pages_(pages),
        chunks_(chunks),
        visibility_(visibility),
        out_of_order_(out_of_order),
        epochs_(epochs) {}

  /// What `snapshot` sees of `slot` in `range`, appended to `out`. kCorrupt; the errors of `stop`.
  Result<void> read(Slot slot, const ReadSnapshot& snapshot, model::TimeRange range,
                    model::SampleColumns& out, const StopToken& stop = {}) const;

  /// The newest of them, mostly from the line alone.
  Result<std::optional<model::Sample>> read_newest(Slot slot, const ReadSnapshot& snapshot,
                                                   model::TimeRange range) const;

  /// The chunks with samples that `snapshot` sees in `range`, as model::ChunkSource says; those
  /// that it sees a part of are made anew. Behind each, kXorPaddingBytes are readable.
  Result<void> read_chunks(Slot slot, const ReadSnapshot& snapshot, model::TimeRange range,
                           model::ChunkList& out) const;

  /// Whether `slot` may have samples in `range`: what /series lists.
  bool overlaps(Slot slot, model::TimeRange range) const;

 private:
  struct View;
  std::vector<View> views(Slot slot, const ReadSnapshot& snapshot, SeriesHot& line,
                          model::SampleColumns& late) const;
  std::size_t load(const View& chunk, const SeriesHot& line, std::span<std::byte> buffer) const;
  Result<void> decode(const View& chunk, const SeriesHot& line, model::TimeRange range,
                      model::SampleColumns& out) const;

  const PageTable& pages_;
  const ChunkLists& chunks_;
  const Visibility& visibility_;
  const OutOfOrderLists& out_of_order_;
  Epochs& epochs_;
};

}  // namespace narthex::tsdb
