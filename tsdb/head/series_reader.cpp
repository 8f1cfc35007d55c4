// Views of chunks, and what must be left out of them.
#include "tsdb/head/series_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>

namespace narthex::tsdb {
namespace {

void keep_range(model::SampleColumns& samples, model::TimeRange range) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples.times[i] < range.min || samples.times[i] > range.max) continue;
    samples.times[kept] = samples.times[i];
    samples.values[kept++] = samples.values[i];
  }
  samples.times.resize(kept);
  samples.values.resize(kept);
}

constexpr model::TimeRange kAllTimes{std::numeric_limits<model::TimeMs>::min(),
                                     std::numeric_limits<model::TimeMs>::max()};

// Fills a list. Its memory moves while it grows, so what points there is set at the end.
class ChunkListWriter {
 public:
  explicit ChunkListWriter(model::ChunkList& out) : out_(out) {
    out_.chunks.clear();
    out_.memory.clear();
  }
  void add(std::span<const std::byte> bytes, model::TimeMs min_time, model::TimeMs max_time) {
    out_.memory.insert(out_.memory.end(), bytes.begin(), bytes.end());
    out_.memory.resize(out_.memory.size() + kXorPaddingBytes);
    sizes_.push_back(bytes.size());
    out_.chunks.push_back({.min_time = min_time, .max_time = max_time});
  }
  // Samples `first` to `end` as a chunk of their own.
  void add_encoded(const model::SampleColumns& samples, std::size_t first, std::size_t end) {
    XorAppender chunk;
    for (std::size_t i = first; i < end; ++i) chunk.append(samples.times[i], samples.values[i]);
    const std::vector<std::byte> bytes = chunk.bytes();
    add(bytes, samples.times[first], samples.times[end - 1]);
  }
  void finish() {
    std::span<const std::byte> memory(out_.memory);
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      out_.chunks[i].bytes = memory.first(sizes_[i]);
      memory = memory.subspan(sizes_[i] + kXorPaddingBytes);
    }
  }

 private:
  model::ChunkList& out_;
  std::vector<std::size_t> sizes_;
};

using ChunkBuffer = std::array<std::byte, kArenaClasses.back() + kXorPaddingBytes>;

}  // namespace

// One chunk as a reader sees it.
struct SeriesReader::View {
  model::TimeMs min_t = 0;
  model::TimeMs max_t = 0;  // an upper bound
  std::uint32_t handle = 0;
  std::uint32_t stored = 0;  // samples
  std::uint32_t count = 0;   // of them, from the first on, those that the reader sees
  std::uint32_t bytes = 0;   // of a full chunk
  bool open = false;
};

// Takes the newest samples out of the views, and out the views of which nothing is left.
template <typename View>
static void hide(std::vector<View>& views, std::size_t hidden) {
  while (hidden > 0 && !views.empty()) {
    const std::uint32_t part =
        static_cast<std::uint32_t>(std::min<std::size_t>(hidden, views.back().count));
    views.back().count -= part;
    hidden -= part;
    if (views.back().count == 0) views.pop_back();
  }
}

// Oldest first.
std::vector<SeriesReader::View> SeriesReader::views(Slot slot, const ReadSnapshot& snapshot,
                                                    SeriesHot& line,
                                                    model::SampleColumns& late) const {
  std::vector<ClosedChunk> closed;
  std::size_t hidden = 0;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
    hidden = visibility_.hidden(line, slot, snapshot);
    closed = chunks_.older(line, slot);
    out_of_order_.add_visible(line, slot, snapshot, late);
  }
  chunks_.add_listed(line, closed);
  std::vector<View> views;
  views.reserve(closed.size() + 1);
  const model::TimeMs open_start = line.last_t - line.chunk_span;
  for (std::size_t i = 0; i < closed.size(); ++i) {
    const model::TimeMs next_start = i + 1 < closed.size() ? closed[i + 1].min_t : open_start;
    const ChunkPlace place = closed[i].load();
    views.push_back({.min_t = closed[i].min_t,
                     .max_t = next_start - 1,
                     .handle = place.offset,
                     .stored = place.samples,
                     .count = place.samples,
                     .bytes = place.bytes,
                     .open = false});
  }
  if (line.n != 0) views.push_back({open_start, line.last_t, line.chunk, line.n, line.n, 0, true});
  hide(views, hidden);
  return views;
}

// Copies a chunk's bytes, zeros behind them, and says how many there are.
std::size_t SeriesReader::load(const View& chunk, const SeriesHot& line,
                               std::span<std::byte> buffer) const {
  std::size_t size = chunk.bytes;
  if (chunk.open) {
    // Not the header: a writer that cuts this chunk meanwhile fills it in.
    if (line.chunk_len > kXorHeaderBytes) {
      std::memcpy(buffer.data() + kXorHeaderBytes, chunks_.at(chunk.handle) + kXorHeaderBytes,
                  line.chunk_len - kXorHeaderBytes);
    }
    xor_finish(line, buffer.data());
    size = xor_chunk_bytes(line);
  } else {
    std::memcpy(buffer.data(), chunks_.at(chunk.handle), size);
  }
  std::memset(buffer.data() + size, 0, kXorPaddingBytes);
  return size;
}

Result<void> SeriesReader::decode(const View& chunk, const SeriesHot& line, model::TimeRange range,
                                  model::SampleColumns& out) const {
  ChunkBuffer buffer;
  const std::size_t size = load(chunk, line, buffer);
  return xor_decode(std::span(buffer).first(size), chunk.count, range.min, range.max, out);
}

Result<void> SeriesReader::read_chunks(Slot slot, const ReadSnapshot& snapshot,
                                       model::TimeRange range, model::ChunkList& out) const {
  const EpochGuard guard(epochs_);
  ChunkListWriter writer(out);
  SeriesHot line;
  ChunkBuffer buffer;
  model::SampleColumns late;
  model::SampleColumns samples;
  for (const View& chunk : views(slot, snapshot, line, late)) {
    if (late.size() > 0) {  // chunks that overlap are made anew, all of them
      NX_TRY(decode(chunk, line, kAllTimes, samples));
      continue;
    }
    if (chunk.max_t < range.min || chunk.min_t > range.max) continue;
    const auto bytes = std::span<const std::byte>(buffer).first(load(chunk, line, buffer));
    samples.clear();
    NX_TRY(xor_decode(bytes, chunk.count, kAllTimes.min, kAllTimes.max, samples));
    if (samples.times.back() < range.min) continue;
    if (chunk.count < chunk.stored) {
      writer.add_encoded(samples, 0, samples.size());
    } else {
      writer.add(bytes, samples.times.front(), samples.times.back());
    }
  }
  if (late.size() > 0) {
    model::merge_samples(late, 0, samples);
    for (std::size_t i = 0; i < samples.size(); i += kSamplesPerChunk) {
      const std::size_t end = std::min<std::size_t>(i + kSamplesPerChunk, samples.size());
      if (samples.times[end - 1] < range.min || samples.times[i] > range.max) continue;
      writer.add_encoded(samples, i, end);
    }
  }
  writer.finish();
  return {};
}

Result<void> SeriesReader::read(Slot slot, const ReadSnapshot& snapshot, model::TimeRange range,
                                model::SampleColumns& out, const StopToken& stop) const {
  constexpr std::size_t kChunksPerCheck = 64;  // tuned: well below a millisecond
  const EpochGuard guard(epochs_);
  SeriesHot line;
  std::size_t decoded = 0;
  const std::size_t first = out.size();
  model::SampleColumns late;
  std::vector<View> chunks = views(slot, snapshot, line, late);
  std::erase_if(chunks, [&](const View& chunk) {
    return chunk.max_t < range.min || chunk.min_t > range.max;
  });
  std::size_t most = out.size();
  for (const View& chunk : chunks) most += chunk.count;
  out.times.reserve(most);  // growing would copy what is there again and again
  out.values.reserve(most);
  for (const View& chunk : chunks) {
    if (++decoded % kChunksPerCheck == 0) NX_TRY(stop.check());
    NX_TRY(decode(chunk, line, range, out));
  }
  keep_range(late, range);
  model::merge_samples(late, first, out);
  return {};
}

Result<std::optional<model::Sample>> SeriesReader::read_newest(Slot slot,
                                                               const ReadSnapshot& snapshot,
                                                               model::TimeRange range) const {
  {
    const PageLock page(pages_.control(slot));
    const SeriesHot& line = pages_.line(slot);
    const bool whole = line.n != 0 && visibility_.hidden(line, slot, snapshot) == 0;
    if (whole && line.last_t <= range.max) {
      if (line.last_t < range.min) return std::nullopt;
      return model::Sample{line.last_t, line.last_v};
    }
  }
  const EpochGuard guard(epochs_);
  SeriesHot line;
  model::SampleColumns columns;
  model::SampleColumns late;
  const std::vector<View> chunks = views(slot, snapshot, line, late);
  for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
    if (chunk->min_t > range.max) continue;
    if (chunk->max_t < range.min) break;
    NX_TRY(decode(*chunk, line, range, columns));
    if (columns.size() > 0) break;
  }
  keep_range(late, range);
  model::merge_samples(late, 0, columns);
  if (columns.size() == 0) return std::nullopt;
  return model::Sample{columns.times.back(), columns.values.back()};
}

bool SeriesReader::overlaps(Slot slot, model::TimeRange range) const {
  const EpochGuard guard(epochs_);
  SeriesHot line;
  {
    const PageLock page(pages_.control(slot));
    line = pages_.line(slot);
  }
  if (line.n == 0 || line.last_t < range.min) return false;
  // Its first sample is in the side table.
  if ((line.flags & (kSeriesHasOlder | kSeriesHasOutOfOrder)) != 0) return true;
  return chunks_.first_time(line) <= range.max;
}

}  // namespace narthex::tsdb
