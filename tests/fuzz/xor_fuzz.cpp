// Any byte string is a chunk or an error; reading it ends, and never overreads. What was decoded
// and is in order encodes to a chunk that decodes to the same bits.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/check.h"
#include "tsdb/chunk/xor.h"

namespace {

using namespace narthex;

model::SampleColumns decode(std::vector<std::byte> chunk) {
  const std::size_t size = chunk.size();
  chunk.resize(size + tsdb::kXorPaddingBytes);
  model::SampleColumns out;
  (void)tsdb::xor_decode(std::span(chunk).first(size), 65535,
                         std::numeric_limits<model::TimeMs>::min(),
                         std::numeric_limits<model::TimeMs>::max(), out);
  return out;
}

// Deltas between ascending times that the head's chunks can hold.
bool is_appendable(const model::SampleColumns& columns) {
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const model::TimeMs before = columns.times[i - 1];
    model::TimeMs delta = 0;
    if (__builtin_sub_overflow(columns.times[i], before, &delta)) return false;
    if (delta <= 0 || delta > std::numeric_limits<std::int32_t>::max()) return false;
  }
  return columns.size() > 0 && columns.size() <= 2000;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const model::SampleColumns first = decode({bytes, bytes + size});
  NX_CHECK(first.size() <= 4 * size + 1);  // after the first, a sample costs at least two bits
  if (!is_appendable(first)) return 0;
  tsdb::XorAppender appender;
  for (std::size_t i = 0; i < first.size(); ++i) appender.append(first.times[i], first.values[i]);
  const model::SampleColumns again = decode(appender.bytes());
  NX_CHECK(again.times == first.times);
  for (std::size_t i = 0; i < first.size(); ++i) {
    NX_CHECK(std::bit_cast<std::uint64_t>(again.values[i]) ==
             std::bit_cast<std::uint64_t>(first.values[i]));
  }
  return 0;
}
