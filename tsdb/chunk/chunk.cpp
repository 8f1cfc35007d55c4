// Which encoding does what: the only place that lists them.
#include "tsdb/chunk/chunk.h"

namespace narthex::tsdb {

Result<void> decode_chunk(model::ChunkEncoding encoding, std::span<const std::byte> bytes,
                          std::size_t limit, model::TimeRange range, model::SampleColumns& out) {
  switch (encoding) {
    case model::ChunkEncoding::kXor:
      return xor_decode(bytes, limit, range.min, range.max, out);
    case model::ChunkEncoding::kHistogram:
    case model::ChunkEncoding::kFloatHistogram:
      return histogram_decode(encoding, bytes, limit, range.min, range.max, out);
  }
  return Error(Code::kCorrupt, "a chunk of an unknown encoding");
}

bool ChunkAppender::append(const model::SampleColumns& from, std::size_t i) {
  const model::HistogramPtr* histogram = from.histograms.find(i);
  if (std::holds_alternative<std::monostate>(chunk_)) {
    if (histogram == nullptr) {
      chunk_.emplace<XorAppender>();
    } else {
      chunk_.emplace<FloatHistogramAppender>(**histogram);
    }
  }
  if (auto* floats = std::get_if<XorAppender>(&chunk_)) {
    if (histogram == nullptr) floats->append(from.times[i], from.values[i]);
    return histogram == nullptr;
  }
  auto& histograms = std::get<FloatHistogramAppender>(chunk_);
  if (histogram == nullptr || !histograms.takes(**histogram)) return false;
  histograms.append(from.times[i], **histogram);
  return true;
}

model::ChunkEncoding ChunkAppender::encoding() const {
  return std::holds_alternative<FloatHistogramAppender>(chunk_)
             ? model::ChunkEncoding::kFloatHistogram
             : model::ChunkEncoding::kXor;
}

std::size_t ChunkAppender::size() const {
  if (const auto* floats = std::get_if<XorAppender>(&chunk_)) return floats->size();
  const auto* histograms = std::get_if<FloatHistogramAppender>(&chunk_);
  return histograms == nullptr ? 0 : histograms->size();
}

std::vector<std::byte> ChunkAppender::bytes() const {
  if (const auto* floats = std::get_if<XorAppender>(&chunk_)) return floats->bytes();
  const auto* histograms = std::get_if<FloatHistogramAppender>(&chunk_);
  return histograms == nullptr ? std::vector<std::byte>() : histograms->bytes();
}

}  // namespace narthex::tsdb
