// Reading a series of the head: copy its line under the page lock, then decode what the reader may
// see.
//
// Flushed chunk bytes and list entries never change, and memory that is replaced waits for the
// reader's epoch, so only the 64 bytes of the line need the lock.
#include <algorithm>
#include <array>
#include <cstring>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

struct Head::ChunkView {
  model::TimeMs min_t = 0;
  model::TimeMs max_t = 0;  // an upper bound
  std::uint32_t handle = 0;
  std::uint32_t visible = 0;  // samples from the front that the reader sees
  std::uint32_t bytes = 0;    // of a full chunk
  bool open = false;
};

// Samples at the series' end that this reader must not see. Under the page's lock.
std::size_t Head::hidden_samples(const SeriesHot& line, Slot slot,
                                 const Isolation::Reader& reader) const {
  const ReadSnapshot& snapshot = reader.snapshot();
  std::size_t hidden = snapshot.sees(line.append_id) ? 0 : line.last_n;
  if ((line.flags & kSeriesHasHidden) == 0) return hidden;
  const MutexLock lock(side_mutex_);
  const auto found = side_.hidden.find(slot);
  if (found == side_.hidden.end()) return hidden;
  for (const HiddenCommit& commit : found->second) {
    if (!snapshot.sees(commit.id)) hidden += commit.n;
  }
  return hidden;
}

// Oldest first; hidden samples are taken off the end.
std::vector<Head::ChunkView> Head::visible_chunks(Slot slot, const Isolation::Reader& reader,
                                                  SeriesHot& line) const {
  std::vector<ClosedChunk> closed;
  std::size_t hidden = 0;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
    hidden = hidden_samples(line, slot, reader);
    if ((line.flags & kSeriesHasOlder) != 0) {
      const MutexLock lock(side_mutex_);
      closed = side_.older.at(slot);
    }
  }
  if (line.closed_n != 0) {
    const auto* entries = reinterpret_cast<const ClosedChunk*>(arena_->at(line.closed));
    closed.insert(closed.end(), entries, entries + line.closed_n);
  }
  std::vector<ChunkView> views;
  views.reserve(closed.size() + 1);
  const model::TimeMs open_start = line.last_t - line.chunk_span;
  for (std::size_t i = 0; i < closed.size(); ++i) {
    const model::TimeMs next_start = i + 1 < closed.size() ? closed[i + 1].min_t : open_start;
    views.push_back({closed[i].min_t, next_start - 1, closed[i].offset, closed[i].n,
                     static_cast<std::uint32_t>(closed[i].file & ~kClosedInArena), false});
  }
  if (line.n != 0) views.push_back({open_start, line.last_t, line.chunk, line.n, 0, true});
  while (hidden > 0 && !views.empty()) {
    const auto taken =
        static_cast<std::uint32_t>(std::min<std::size_t>(hidden, views.back().visible));
    hidden -= taken;
    views.back().visible -= taken;
    if (views.back().visible == 0) views.pop_back();
  }
  return views;
}

Result<void> Head::decode(const ChunkView& chunk, const SeriesHot& line, model::TimeRange range,
                          model::SampleColumns& out) const {
  std::array<std::byte, kArenaClasses.back() + kXorPaddingBytes> buffer;
  std::size_t size = 0;
  if (chunk.open) {
    // Not the header: a writer that cuts this chunk meanwhile fills it in.
    if (line.chunk_len > kXorHeaderBytes) {
      std::memcpy(buffer.data() + kXorHeaderBytes, arena_->at(chunk.handle) + kXorHeaderBytes,
                  line.chunk_len - kXorHeaderBytes);
    }
    xor_finish(line, buffer.data());
    size = xor_chunk_bytes(line);
  } else {
    size = chunk.bytes;
    std::memcpy(buffer.data(), arena_->at(chunk.handle), size);
  }
  std::memset(buffer.data() + size, 0, kXorPaddingBytes);
  return xor_decode(std::span(buffer).first(size), chunk.visible, range.min, range.max, out);
}

Result<void> Head::read(Slot slot, const Isolation::Reader& reader, model::TimeRange range,
                        model::SampleColumns& out) const {
  const EpochGuard guard(epochs_);
  SeriesHot line;
  for (const ChunkView& chunk : visible_chunks(slot, reader, line)) {
    if (chunk.max_t < range.min || chunk.min_t > range.max) continue;
    NX_TRY(decode(chunk, line, range, out));
  }
  return {};
}

Result<std::optional<model::Sample>> Head::read_newest(Slot slot, const Isolation::Reader& reader,
                                                       model::TimeRange range) const {
  {
    const PageLock page(pages_.control(slot));
    const SeriesHot& line = pages_.line(slot);
    const bool whole = line.n != 0 && hidden_samples(line, slot, reader) == 0;
    if (whole && line.last_t <= range.max) {
      if (line.last_t < range.min) return std::nullopt;
      return model::Sample{line.last_t, line.last_v};
    }
  }
  const EpochGuard guard(epochs_);
  SeriesHot line;
  model::SampleColumns columns;
  const std::vector<ChunkView> chunks = visible_chunks(slot, reader, line);
  for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
    if (chunk->min_t > range.max) continue;
    if (chunk->max_t < range.min) break;
    NX_TRY(decode(*chunk, line, range, columns));
    if (columns.size() > 0) return model::Sample{columns.times.back(), columns.values.back()};
  }
  return std::nullopt;
}

bool Head::overlaps(Slot slot, model::TimeRange range) const {
  const EpochGuard guard(epochs_);
  SeriesHot line;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
  }
  if (line.n == 0 || line.last_t < range.min) return false;
  if ((line.flags & kSeriesHasOlder) != 0) return true;  // its first chunk is in the side table
  model::TimeMs first = line.last_t - line.chunk_span;
  if (line.closed_n != 0) {
    first = reinterpret_cast<const ClosedChunk*>(arena_->at(line.closed))->min_t;
  }
  return first <= range.max;
}

}  // namespace narthex::tsdb
