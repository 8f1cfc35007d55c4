// A series' chunks: the open one, which a line's state and a buffer in the arena make up, and the
// full ones before it, in a short list in the arena and, beyond that, beside the page. Appending
// cuts chunks where upstream does, so that blocks made of them are the same.
//
// Flushed bytes and list entries never change, and memory that is replaced waits for the epoch of
// its readers: who copied a line under the page's lock may read what it names without.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "model/storage.h"
#include "tsdb/head/chunk_arena.h"
#include "tsdb/head/page_table.h"

namespace narthex::tsdb {

inline constexpr std::uint32_t kSamplesPerChunk = 120;  // copied from upstream's default
inline constexpr model::DurationMs kChunkRangeMs =
    2LL * 60 * 60 * 1000;  // copied from upstream's default

/// Thread-safe, under the page locks it asks for. `pages` outlives it.
class ChunkLists {
 public:
  ChunkLists(PageTable& pages, ChunkArena arena) : pages_(pages), arena_(std::move(arena)) {}

  /// Sets memory aside for `rows` calls of push(). kLimit: there is no room.
  Result<ChunkArena::Claim> claim(std::size_t rows) { return arena_.claim(rows * kRowBytesMax); }

  /// Appends a sample newer than the line's newest, under the page's lock and a claim.
  void push(SeriesHot& line, Slot slot, model::TimeMs time, double value);

  /// Gives back all of a line's memory, under the page's lock; the line has no chunk then.
  void release(SeriesHot& line, Slot slot);

  /// The full chunks that are beside the page, oldest first. Under its lock; mostly none.
  std::vector<ClosedChunk> older(const SeriesHot& line, Slot slot) const;
  /// Appends those that came after them, of a line copied in this epoch.
  void add_listed(const SeriesHot& line, std::vector<ClosedChunk>& chunks) const;
  /// Of a line copied in this epoch: when its first sample was, unless older chunks are beside the
  /// page (kSeriesHasOlder).
  model::TimeMs first_time(const SeriesHot& line) const;
  const std::byte* at(std::uint32_t chunk) const { return arena_.at(chunk); }

  std::uint64_t used_bytes() const { return arena_.used_bytes(); }
  /// Since the start.
  std::uint64_t created() const { return created_.load(std::memory_order_relaxed); }

 private:
  // What one sample may take: the open chunk moved, a full one fitted, a longer list, a new chunk.
  static constexpr std::size_t kRowBytesMax = std::size_t{4} * kArenaClasses.back();

  void cut(SeriesHot& line, Slot slot);
  void grow_list(SeriesHot& line, Slot slot);
  void move_open(SeriesHot& line, std::size_t bytes);
  void fit_open(SeriesHot& line, std::size_t bytes);

  PageTable& pages_;
  ChunkArena arena_;
  std::atomic<std::uint64_t> created_{0};  // relaxed: a sum
};

}  // namespace narthex::tsdb
