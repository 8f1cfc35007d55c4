// Reading a series of the head: copy its line under the page lock, then decode what the reader may
// see.
//
// Flushed chunk bytes and list entries never change, and memory that is replaced waits for the
// reader's epoch, so only the 64 bytes of the line need the lock.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <ranges>

#include "tsdb/head/head.h"

namespace narthex::tsdb {

struct Head::ChunkView {
  model::TimeMs min_t = 0;
  model::TimeMs max_t = 0;  // an upper bound
  std::uint32_t handle = 0;
  std::uint32_t count = 0;  // samples in the chunk
  std::uint32_t bytes = 0;  // of a full chunk
  bool open = false;
  std::uint32_t visible = 0;  // from here on the reader sees nothing; the next field says what else
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gaps{};  // first and end, ascending
};

struct Head::HiddenRun {
  std::size_t newer;  // samples of the series behind it
  std::size_t n;
};

// What this reader must not see of the last commits, newest first. Where commits overlapped, some
// that it sees may stand between. Under the page's lock.
std::vector<Head::HiddenRun> Head::hidden_runs(const SeriesHot& line, Slot slot,
                                               const Isolation::Reader& reader) const {
  const ReadSnapshot& snapshot = reader.snapshot();
  std::vector<HiddenRun> hidden;
  if (line.last_n != 0 && !snapshot.sees(line.append_id)) hidden.push_back({0, line.last_n});
  if ((line.flags & kSeriesHasHidden) == 0) return hidden;
  const MutexLock lock(side_mutex_);
  const auto found = side_.earlier.find(slot);
  if (found == side_.earlier.end()) return hidden;
  std::size_t newer = line.last_n;
  for (const EarlierRun& run : found->second | std::views::reverse) {
    if (!snapshot.sees(run.id)) hidden.push_back({newer, run.n});
    newer += run.n;
  }
  return hidden;
}

// Takes the runs out of the views, and out the views of which nothing is left.
void Head::hide(std::vector<ChunkView>& views, std::span<const HiddenRun> runs) {
  for (const HiddenRun& run : runs) {
    std::size_t newer = run.newer;
    std::size_t left = run.n;
    for (auto view = views.rbegin(); view != views.rend() && left > 0; ++view) {
      if (newer >= view->count) {
        newer -= view->count;
        continue;
      }
      const auto end = static_cast<std::uint32_t>(view->count - newer);
      const auto first = static_cast<std::uint32_t>(end - std::min<std::size_t>(left, end));
      if (end == view->visible) {
        view->visible = first;
      } else {
        view->gaps.insert(view->gaps.begin(), {first, end});
      }
      left -= end - first;
      newer = 0;
    }
  }
  std::erase_if(views, [](const ChunkView& view) { return view.visible == 0; });
}

// Oldest first.
std::vector<Head::ChunkView> Head::visible_chunks(Slot slot, const Isolation::Reader& reader,
                                                  SeriesHot& line) const {
  std::vector<ClosedChunk> closed;
  std::vector<HiddenRun> hidden;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
    hidden = hidden_runs(line, slot, reader);
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
                     static_cast<std::uint32_t>(closed[i].file & ~kClosedInArena), false,
                     closed[i].n});
  }
  if (line.n != 0) views.push_back({open_start, line.last_t, line.chunk, line.n, 0, true, line.n});
  hide(views, hidden);
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
  const auto bytes = std::span(buffer).first(size);
  if (chunk.gaps.empty()) return xor_decode(bytes, chunk.visible, range.min, range.max, out);
  constexpr model::TimeRange kAll{std::numeric_limits<model::TimeMs>::min(),
                                  std::numeric_limits<model::TimeMs>::max()};
  model::SampleColumns all;
  NX_TRY(xor_decode(bytes, chunk.visible, kAll.min, kAll.max, all));
  auto gap = chunk.gaps.begin();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (gap != chunk.gaps.end() && i >= gap->second) ++gap;
    if (gap != chunk.gaps.end() && i >= gap->first) continue;
    if (all.times[i] >= range.min && all.times[i] <= range.max)
      out.push(all.times[i], all.values[i]);
  }
  return {};
}

Result<void> Head::read(Slot slot, const Isolation::Reader& reader, model::TimeRange range,
                        model::SampleColumns& out, const StopToken& stop) const {
  constexpr std::size_t kChunksPerCheck = 64;  // tuned: well below a millisecond
  const EpochGuard guard(epochs_);
  SeriesHot line;
  std::size_t decoded = 0;
  for (const ChunkView& chunk : visible_chunks(slot, reader, line)) {
    if (chunk.max_t < range.min || chunk.min_t > range.max) continue;
    if (++decoded % kChunksPerCheck == 0) NX_TRY(stop.check());
    NX_TRY(decode(chunk, line, range, out));
  }
  return {};
}

Result<std::optional<model::Sample>> Head::read_newest(Slot slot, const Isolation::Reader& reader,
                                                       model::TimeRange range) const {
  {
    const PageLock page(pages_.control(slot));
    const SeriesHot& line = pages_.line(slot);
    const bool whole = line.n != 0 && hidden_runs(line, slot, reader).empty();
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
