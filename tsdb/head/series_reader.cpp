// Views of chunks, and what must be left out of them.
#include "tsdb/head/series_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>

namespace narthex::tsdb {

// One chunk as a reader sees it.
struct SeriesReader::View {
  model::TimeMs min_t = 0;
  model::TimeMs max_t = 0;  // an upper bound
  std::uint32_t handle = 0;
  std::uint32_t count = 0;  // samples in the chunk
  std::uint32_t bytes = 0;  // of a full chunk
  bool open = false;
  std::uint32_t visible = 0;  // from here on the reader sees nothing; the next field says what else
  std::vector<std::pair<std::uint32_t, std::uint32_t>> gaps{};  // first and end, ascending
};

// Takes the runs out of the views, and out the views of which nothing is left.
template <typename View>
static void hide(std::vector<View>& views, std::span<const HiddenRun> runs) {
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
  std::erase_if(views, [](const View& view) { return view.visible == 0; });
}

// Oldest first.
std::vector<SeriesReader::View> SeriesReader::views(Slot slot, const ReadSnapshot& snapshot,
                                                    SeriesHot& line) const {
  std::vector<ClosedChunk> closed;
  std::vector<HiddenRun> hidden;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
    hidden = visibility_.hidden(line, slot, snapshot);
    closed = chunks_.older(line, slot);
  }
  chunks_.add_listed(line, closed);
  std::vector<View> views;
  views.reserve(closed.size() + 1);
  const model::TimeMs open_start = line.last_t - line.chunk_span;
  for (std::size_t i = 0; i < closed.size(); ++i) {
    const model::TimeMs next_start = i + 1 < closed.size() ? closed[i + 1].min_t : open_start;
    views.push_back({closed[i].min_t, next_start - 1, closed[i].offset, closed[i].n,
                     static_cast<std::uint32_t>(closed[i].file & ~kClosedInArena), false,
                     closed[i].n});
  }
  if (line.n != 0) views.push_back({open_start, line.last_t, line.chunk, line.n, 0, true, line.n});
  hide<View>(views, hidden);
  return views;
}

Result<void> SeriesReader::decode(const View& chunk, const SeriesHot& line, model::TimeRange range,
                                  model::SampleColumns& out) const {
  std::array<std::byte, kArenaClasses.back() + kXorPaddingBytes> buffer;
  std::size_t size = 0;
  if (chunk.open) {
    // Not the header: a writer that cuts this chunk meanwhile fills it in.
    if (line.chunk_len > kXorHeaderBytes) {
      std::memcpy(buffer.data() + kXorHeaderBytes, chunks_.at(chunk.handle) + kXorHeaderBytes,
                  line.chunk_len - kXorHeaderBytes);
    }
    xor_finish(line, buffer.data());
    size = xor_chunk_bytes(line);
  } else {
    size = chunk.bytes;
    std::memcpy(buffer.data(), chunks_.at(chunk.handle), size);
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

Result<void> SeriesReader::read(Slot slot, const ReadSnapshot& snapshot, model::TimeRange range,
                                model::SampleColumns& out, const StopToken& stop) const {
  constexpr std::size_t kChunksPerCheck = 64;  // tuned: well below a millisecond
  const EpochGuard guard(epochs_);
  SeriesHot line;
  std::size_t decoded = 0;
  for (const View& chunk : views(slot, snapshot, line)) {
    if (chunk.max_t < range.min || chunk.min_t > range.max) continue;
    if (++decoded % kChunksPerCheck == 0) NX_TRY(stop.check());
    NX_TRY(decode(chunk, line, range, out));
  }
  return {};
}

Result<std::optional<model::Sample>> SeriesReader::read_newest(Slot slot,
                                                               const ReadSnapshot& snapshot,
                                                               model::TimeRange range) const {
  {
    const PageLock page(pages_.control(slot));
    const SeriesHot& line = pages_.line(slot);
    const bool whole = line.n != 0 && visibility_.hidden(line, slot, snapshot).empty();
    if (whole && line.last_t <= range.max) {
      if (line.last_t < range.min) return std::nullopt;
      return model::Sample{line.last_t, line.last_v};
    }
  }
  const EpochGuard guard(epochs_);
  SeriesHot line;
  model::SampleColumns columns;
  const std::vector<View> chunks = views(slot, snapshot, line);
  for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
    if (chunk->min_t > range.max) continue;
    if (chunk->max_t < range.min) break;
    NX_TRY(decode(*chunk, line, range, columns));
    if (columns.size() > 0) return model::Sample{columns.times.back(), columns.values.back()};
  }
  return std::nullopt;
}

bool SeriesReader::overlaps(Slot slot, model::TimeRange range) const {
  const EpochGuard guard(epochs_);
  SeriesHot line;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
  }
  if (line.n == 0 || line.last_t < range.min) return false;
  if ((line.flags & kSeriesHasOlder) != 0) return true;  // its first chunk is in the side table
  return chunks_.first_time(line) <= range.max;
}

}  // namespace narthex::tsdb
