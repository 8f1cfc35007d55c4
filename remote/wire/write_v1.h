// The message of remote write 1.0 (prometheus.WriteRequest), read without message objects: over
// protozero. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"

namespace narthex::remote {

/// One series of a request. Views into the decoded message.
struct WriteSeries {
  std::vector<model::LabelView> labels;  // as sent: any order
  std::vector<model::Sample> samples;
  std::size_t histograms = 0;  // counted, not decoded
};

/// Of one request: bytes when unpacked, series, and samples of all series together.
inline constexpr std::size_t kWriteBytesMax = 32 * 1024 * 1024;  // tuned: beyond what senders make
inline constexpr std::size_t kWriteSeriesMax = 100'000;
inline constexpr std::size_t kWriteSamplesMax = 1'000'000;

/// Undoes snappy's block format. kLimit when the declared size is above kWriteBytesMax, kInvalid
/// when damaged.
Result<std::string> unpack_write_request(std::string_view body);

/// Decodes a message. `message` must outlive the result. kInvalid when damaged, kLimit above the
/// limits.
Result<std::vector<WriteSeries>> decode_write_request(std::string_view message);

/// One series for encode_write_request(): its samples in the order of time, as receivers want them.
struct SeriesToSend {
  model::Labels labels;
  std::vector<model::Sample> samples;
};
/// The message of these series, packed with snappy: what a sender posts. Samples are not sorted.
std::string encode_write_request(const std::vector<SeriesToSend>& series);

}  // namespace narthex::remote
