// XOR decoding, a whole chunk into columns at a time. tidy: the decode loop is one function on
// purpose (hot).
//
// Regular series spend most samples on the two bits `00` (same delta, same value) and on
// `0`+`10` (same delta, value in the old window).
#include "tsdb/chunk/xor.h"

#include "base/str.h"
#include "tsdb/chunk/bit_stream.h"

namespace narthex::tsdb {
namespace {

struct DodClass {
  unsigned prefix;
  unsigned bits;
};
constexpr DodClass kDodClasses[5] = {
    {1, 0}, {2, 14}, {3, 17}, {4, 20}, {4, 64}};  // by leading ones, at most 4

std::int64_t take_dod(BitReader& bits) {
  const auto ones = static_cast<unsigned>(std::min(std::countl_one(bits.peek()), 4));
  const DodClass c = kDodClasses[ones];
  bits.skip(c.prefix);
  if (c.bits == 0) return 0;
  const std::uint64_t raw = bits.take(c.bits);
  if (c.bits == 64) {
    bits.stop_at_end();
    return static_cast<std::int64_t>(raw);
  }
  if (raw <= std::uint64_t{1} << (c.bits - 1)) return static_cast<std::int64_t>(raw);
  return static_cast<std::int64_t>(raw) - (std::int64_t{1} << c.bits);
}

struct Window {
  unsigned bits = 64;
  unsigned trail = 0;
};

// The XOR of the next value with the one before.
std::uint64_t take_xor(BitReader& bits, Window& window) {
  const std::uint64_t head = bits.peek();
  if ((head >> 63) == 0) {
    bits.skip(1);
    return 0;
  }
  if ((head >> 62) == 0b10) {
    bits.skip(2);
    return bits.take(window.bits) << window.trail;
  }
  const auto lead = static_cast<unsigned>((head >> 57) & 31);
  auto significant = static_cast<unsigned>((head >> 51) & 63);
  if (significant == 0) significant = 64;
  bits.skip(13);
  if (lead + significant > 64)
    significant = 64 - lead;  // only in damaged chunks; bounds are checked by the caller
  window = {significant, 64 - lead - significant};
  return bits.take(significant) << window.trail;
}

}  // namespace

Result<void> xor_decode(std::span<const std::byte> bytes, std::size_t limit,
                        model::TimeMs range_min, model::TimeMs range_max,
                        model::SampleColumns& out) {
  if (bytes.size() < kXorHeaderBytes)
    return Error(Code::kCorrupt, "xor chunk shorter than its header");
  const std::size_t stored =
      std::to_integer<std::size_t>(bytes[0]) << 8 | std::to_integer<std::size_t>(bytes[1]);
  const std::size_t count = std::min(stored, limit);
  BitReader bits(bytes, kXorHeaderBytes * 8);
  Window window;
  model::TimeMs t = 0;
  std::uint64_t delta = 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= 2) {
      delta += static_cast<std::uint64_t>(take_dod(bits));
      t = static_cast<model::TimeMs>(static_cast<std::uint64_t>(t) + delta);
      value ^= take_xor(bits, window);
    } else if (i == 0) {
      t = unzigzag(bits.take_uvarint());
      value = bits.take(64);
    } else {
      delta = bits.take_uvarint();
      t = static_cast<model::TimeMs>(static_cast<std::uint64_t>(t) + delta);
      value ^= take_xor(bits, window);
    }
    if (bits.is_past_end()) {
      return Error(Code::kCorrupt, concat("xor chunk ends inside sample ", i, " of ", stored));
    }
    if (t > range_max) return {};
    if (t >= range_min) out.push(t, std::bit_cast<double>(value));
  }
  return {};
}

void XorAppender::append(model::TimeMs t, double v) {
  buffer_.resize(state_.chunk_len + kXorSampleBytesMax);
  xor_append(state_, buffer_.data(), t, v);
}

std::vector<std::byte> XorAppender::bytes() const {
  std::vector<std::byte> out(buffer_);
  const std::size_t size = xor_chunk_bytes(state_);
  out.resize(state_.chunk_len + kXorSampleBytesMax);
  xor_finish(state_, out.data());
  out.resize(size);
  out.reserve(size + kXorPaddingBytes);
  return out;
}

}  // namespace narthex::tsdb
