// Cutting, and moving between sizes.
#include "tsdb/head/chunk_lists.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace narthex::tsdb {
namespace {

using model::TimeMs;

constexpr std::size_t kFirstChunkBytes = 64;  // tuned: holds a constant series whole
constexpr std::size_t kChunkBytesCut =
    1005;  // fixed by upstream's rule: 1024 minus one sample of 19
constexpr std::size_t kClosedInlineMax = 64;  // fits the largest arena class

// Where a chunk should end so that chunks fill evenly up to the range's end: upstream's
// computeChunkEndTime.
TimeMs chunk_end(TimeMs start, TimeMs current, TimeMs range_end) {
  constexpr double kQuarter = 4;
  const double n = static_cast<double>(range_end - start) /
                   (static_cast<double>(current - start + 1) * kQuarter);
  if (n <= 1) return range_end;
  const double end =
      static_cast<double>(start) + static_cast<double>(range_end - start) / std::floor(n);
  // So far from 1970 that a double does not tell milliseconds apart.
  if (end >= static_cast<double>(range_end) || end <= static_cast<double>(current)) {
    return range_end;
  }
  return static_cast<TimeMs>(end);
}

TimeMs range_end_of(TimeMs time) {
  const TimeMs index = time / kChunkRangeMs;  // truncates as upstream does
  return model::add_time(index * kChunkRangeMs, kChunkRangeMs);
}

std::size_t closed_capacity(std::size_t count) {
  return std::max<std::size_t>(2, std::bit_ceil(count));
}

}  // namespace

// To memory for at least `bytes`, not less than what is flushed.
void ChunkLists::move_open(SeriesHot& line, std::size_t bytes) {
  std::uint16_t capacity = 0;
  const std::uint32_t handle = arena_.allocate(bytes, capacity);
  if (line.chunk != 0) {
    std::memcpy(arena_.at(handle), arena_.at(line.chunk), line.chunk_len);
    arena_.retire(line.chunk, line.capacity);
  }
  line.chunk = handle;
  line.capacity = capacity;
}

// What an unusual chunk took, later ones give back.
void ChunkLists::fit_open(SeriesHot& line, std::size_t bytes) {
  if (arena_class(bytes) < line.capacity) move_open(line, bytes);
}

// Room for one more entry in the line's list of full chunks.
void ChunkLists::grow_list(SeriesHot& line, Slot slot) {
  const std::size_t count = line.closed_n;
  if (count != 0 && count < closed_capacity(count)) return;
  std::uint16_t capacity = 0;
  if (count == kClosedInlineMax) {
    const auto* entries = reinterpret_cast<const ClosedChunk*>(arena_.at(line.closed));
    const std::uint32_t empty = arena_.allocate(closed_capacity(1) * sizeof(ClosedChunk), capacity);
    auto& older = pages_.side(pages_.control(slot)).older[slot % kPageSeries];
    older.insert(older.end(), entries, entries + count);
    line.flags |= kSeriesHasOlder;
    arena_.retire(std::exchange(line.closed, empty),
                  static_cast<std::uint16_t>(count * sizeof(ClosedChunk)));
    line.closed_n = 0;
    return;
  }
  const std::uint32_t handle =
      arena_.allocate(closed_capacity(count + 1) * sizeof(ClosedChunk), capacity);
  if (line.closed != 0) {
    std::memcpy(arena_.at(handle), arena_.at(line.closed), count * sizeof(ClosedChunk));
    arena_.retire(line.closed, static_cast<std::uint16_t>(count * sizeof(ClosedChunk)));
  }
  line.closed = handle;
}

// Full: finish the open chunk in a buffer of its size and move it to the list.
void ChunkLists::cut(SeriesHot& line, Slot slot) {
  fit_open(line, line.chunk_len + sizeof line.acc);
  xor_finish(line, arena_.at(line.chunk));
  const ChunkPlace place{.offset = line.chunk,
                         .samples = line.n,
                         .in_arena = true,
                         .bytes = static_cast<std::uint16_t>(xor_chunk_bytes(line)),
                         .size_class = arena_class_number(line.capacity)};
  grow_list(line, slot);
  auto* entries = reinterpret_cast<ClosedChunk*>(arena_.at(line.closed));
  entries[line.closed_n].min_t = line.last_t - line.chunk_span;
  entries[line.closed_n].store(place);
  ++line.closed_n;
  line.chunk = 0;
  line.n = 0;
  line.chunk_len = 0;
}

void ChunkLists::push(SeriesHot& line, Slot slot, TimeMs time, double value) {
  std::size_t first_bytes = kFirstChunkBytes;
  if (line.n != 0) {
    const TimeMs start = line.last_t - line.chunk_span;
    if (line.n == kSamplesPerChunk / 4) {
      line.next_at =
          static_cast<std::uint32_t>(chunk_end(start, line.last_t, start + line.next_at) - start);
      // Some more than a quarter is there: room for the rest as it goes now.
      const std::size_t expected = 4 * xor_chunk_bytes(line) + kXorSampleBytesMax;
      if (expected < line.capacity) fit_open(line, expected);
    }
    const bool full = xor_chunk_bytes(line) > kChunkBytesCut || time >= start + line.next_at ||
                      line.n >= 2 * kSamplesPerChunk;
    if (full) {
      first_bytes = line.chunk_len + kXorSampleBytesMax;  // the next one will be about as large
      cut(line, slot);
    }
  }
  if (line.n == 0) {
    created_.fetch_add(1, std::memory_order_relaxed);
    line.next_at = static_cast<std::uint32_t>(range_end_of(time) - time);
    line.chunk_span = 0;
  } else {
    line.chunk_span = static_cast<std::uint32_t>(time - (line.last_t - line.chunk_span));
  }
  const std::size_t needed = line.chunk_len + kXorSampleBytesMax;
  if (line.n == 0) {
    move_open(line, std::max(needed, first_bytes));
  } else if (needed > line.capacity) {
    move_open(line, needed);
  }
  xor_append(line, arena_.at(line.chunk), time, value);
}

void ChunkLists::release(SeriesHot& line, Slot slot) {
  std::vector<ClosedChunk> full = older(line, slot);
  add_listed(line, full);
  for (const ClosedChunk& chunk : full) {
    const ChunkPlace place = chunk.load();
    if (place.in_arena) arena_.retire(place.offset, kArenaClasses[place.size_class]);
  }
  if (line.closed != 0) {
    // A list is as large as its entries ever made it, and full or half full at least.
    const std::size_t entries = closed_capacity(std::max<std::size_t>(line.closed_n, 1));
    arena_.retire(line.closed, static_cast<std::uint16_t>(entries * sizeof(ClosedChunk)));
  }
  if (line.chunk != 0) arena_.retire(line.chunk, line.capacity);
  if ((line.flags & kSeriesHasOlder) != 0) {
    pages_.control(slot).side->older[slot % kPageSeries] = {};
  }
  line.chunk = line.closed = 0;
  line.n = line.closed_n = 0;
}

std::vector<ClosedChunk> ChunkLists::older(const SeriesHot& line, Slot slot) const {
  if ((line.flags & kSeriesHasOlder) == 0) return {};
  return pages_.control(slot).side->older[slot % kPageSeries];
}

void ChunkLists::add_listed(const SeriesHot& line, std::vector<ClosedChunk>& chunks) const {
  if (line.closed_n == 0) return;
  const auto* entries = reinterpret_cast<const ClosedChunk*>(arena_.at(line.closed));
  for (std::size_t i = 0; i < line.closed_n; ++i) {
    chunks.push_back({entries[i].min_t, pack(entries[i].load())});
  }
}

TimeMs ChunkLists::first_time(const SeriesHot& line) const {
  if (line.closed_n == 0) return line.last_t - line.chunk_span;
  return reinterpret_cast<const ClosedChunk*>(arena_.at(line.closed))->min_t;
}

}  // namespace narthex::tsdb
