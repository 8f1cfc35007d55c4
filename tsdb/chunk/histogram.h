// Chunks of native histograms: encodings 2 (integers) and 3 (floats) of upstream's
// tsdb/chunkenc at v3.14, byte for byte.
//
// What all histograms of a chunk have in common is written once, in front: schema, zero threshold,
// spans, custom bounds. Then each sample is a row of numbers: time, count, zero count, sum and the
// buckets, each written against the same number of the sample before. So a chunk ends where the
// layout changes, or where the counter begins anew, which its third byte says of the whole chunk.
//
// A sample that ends a series has a stale sum, and no buckets behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "model/storage.h"
#include "tsdb/chunk/bit_stream.h"

namespace narthex::tsdb {

/// Fixed by the format: u16 sample count, big-endian, then a byte of flags.
inline constexpr std::size_t kHistogramHeaderBytes = 3;

/// Decodes the first `limit` samples of a chunk into the second lane of `out`, keeping those with
/// time in [range_min, range_max] and stopping after range_max; integers are widened. `encoding` is
/// kHistogram or kFloatHistogram. `bytes` must be followed by kChunkPaddingBytes readable bytes.
/// kCorrupt when the bits end before the samples do, or the layout passes no check_histogram();
/// `out` then holds the samples before that.
Result<void> histogram_decode(model::ChunkEncoding encoding, std::span<const std::byte> bytes,
                              std::size_t limit, model::TimeMs range_min, model::TimeMs range_max,
                              model::SampleColumns& out);

/// A chunk of float histograms in a buffer of its own. Not thread-safe.
class FloatHistogramAppender {
 public:
  /// Fixes the layout, and what the chunk says of resets; nothing is appended yet. `first` passed
  /// check_histogram().
  explicit FloatHistogramAppender(const model::FloatHistogram& first);

  /// Whether `histogram` can follow in this chunk: it has the same layout and goes on with the same
  /// counter, or is stale.
  bool takes(const model::FloatHistogram& histogram) const;
  /// One that takes() holds for. `t` ascends.
  void append(model::TimeMs t, const model::FloatHistogram& histogram);
  /// The finished chunk, without padding.
  std::vector<std::byte> bytes() const;
  std::size_t size() const { return count_; }

 private:
  struct Number {
    double value = 0;
    XorWindow window;
  };
  void put(Number& number, double next);

  model::FloatHistogram layout_;
  BitWriter bits_;
  std::uint16_t count_ = 0;
  model::TimeMs last_t_ = 0;
  std::int64_t t_delta_ = 0;
  Number observations_;
  Number zero_count_;
  Number sum_;
  std::vector<Number> buckets_;  // positive ones, then negative
};

}  // namespace narthex::tsdb
