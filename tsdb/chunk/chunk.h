// Chunks of whichever encoding: one way in, one way out. What a chunk holds is decided by its first
// sample, and looked at once a chunk, never once a sample. The head's open chunks of floats have
// their own way in (xor.h), which keeps its state in the series' line.
#pragma once

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "model/storage.h"
#include "tsdb/chunk/histogram.h"
#include "tsdb/chunk/xor.h"

namespace narthex::tsdb {

/// Decodes the first `limit` samples of a chunk into `out`, keeping those in `range`. `bytes` must
/// be followed by kChunkPaddingBytes readable bytes. kCorrupt as the encodings say; `out` then
/// holds the samples before the damage.
Result<void> decode_chunk(model::ChunkEncoding encoding, std::span<const std::byte> bytes,
                          std::size_t limit, model::TimeRange range, model::SampleColumns& out);

/// A chunk in a buffer of its own. Not thread-safe.
class ChunkAppender {
 public:
  /// Appends sample `i` of `from`, newer than the one before. False: it does not fit into this
  /// chunk, being of another kind, layout or counter; it begins the next one.
  bool append(const model::SampleColumns& from, std::size_t i);

  /// Of a chunk with a sample.
  model::ChunkEncoding encoding() const;
  std::size_t size() const;
  /// The finished chunk, without padding.
  std::vector<std::byte> bytes() const;

 private:
  std::variant<std::monostate, XorAppender, FloatHistogramAppender> chunk_;
};

}  // namespace narthex::tsdb
