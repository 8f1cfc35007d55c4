// XOR chunks (encoding 1), the form in which floats live in the head, in chunks_head and in blocks:
// delta-of-delta times and XORed values. Bytes: docs/formats/chunk_xor.md; source of the fact:
// upstream tsdb/chunkenc/xor.go at v3.14. The appender keeps its last bits in an accumulator and
// touches the buffer eight bytes at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/sample.h"

namespace narthex::tsdb {

inline constexpr std::uint8_t kXorEncoding = 1;        // fixed by docs/formats/chunk_xor.md
inline constexpr std::uint8_t kXorNoWindow = 0xFF;     // no leading/trailing window yet
inline constexpr std::size_t kXorHeaderBytes = 2;      // u16 sample count, big-endian
inline constexpr std::size_t kXorSampleBytesMax = 32;  // room one append may need in the buffer
inline constexpr std::size_t kXorPaddingBytes = 16;    // decoders load whole words past the end

/// The bits of an unfinished chunk that are not in its buffer, and what the next sample is encoded
/// against. SeriesHot has these fields under these names; the functions below take either.
struct XorState {
  std::uint64_t acc = 0;  // pending bits, left-aligned
  model::TimeMs last_t = 0;
  double last_v = 0;
  std::uint32_t t_delta = 0;
  std::uint16_t chunk_len = 0;  // flushed bytes, a multiple of 8
  std::uint16_t n = 0;
  std::uint8_t acc_bits = 0;
  std::uint8_t lead = kXorNoWindow;
  std::uint8_t trail = 0;
};

/// Appends the low `count` bits of `value` (1 <= count <= 64, higher bits zero).
template <typename State>
inline void xor_put(State& s, std::byte* buffer, std::uint64_t value, unsigned count) {
  const unsigned total = s.acc_bits + count;
  if (total < 64) {
    s.acc |= value << (64 - total);
    s.acc_bits = static_cast<std::uint8_t>(total);
    return;
  }
  const unsigned over = total - 64;
  store_be64(buffer + s.chunk_len, s.acc | (value >> over));
  s.chunk_len = static_cast<std::uint16_t>(s.chunk_len + 8);
  s.acc = over == 0 ? 0 : value << (64 - over);
  s.acc_bits = static_cast<std::uint8_t>(over);
}

template <typename State>
inline void xor_put_uvarint(State& s, std::byte* buffer, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) xor_put(s, buffer, (value & 0x7F) | 0x80, 8);
  xor_put(s, buffer, value, 8);
}

template <typename State>
inline void xor_put_value(State& s, std::byte* buffer, double value) {
  const std::uint64_t x =
      std::bit_cast<std::uint64_t>(value) ^ std::bit_cast<std::uint64_t>(s.last_v);
  if (x == 0) {
    xor_put(s, buffer, 0, 1);
    return;
  }
  const auto leading = static_cast<unsigned>(std::min(std::countl_zero(x), 31));
  const auto trailing = static_cast<unsigned>(std::countr_zero(x));
  if (s.lead != kXorNoWindow && leading >= s.lead && trailing >= s.trail) {
    const unsigned bits = 64U - s.lead - s.trail;
    xor_put(s, buffer, 0b10, 2);
    xor_put(s, buffer, x >> s.trail, bits);
    return;
  }
  const unsigned bits = 64U - leading - trailing;
  s.lead = static_cast<std::uint8_t>(leading);
  s.trail = static_cast<std::uint8_t>(trailing);
  xor_put(s, buffer, (0b11ULL << 11) | (leading << 6) | (bits & 63U), 13);
  xor_put(s, buffer, x >> trailing, bits);
}

/// The delta of deltas with upstream's asymmetric ranges.
template <typename State>
inline void xor_put_dod(State& s, std::byte* buffer, std::int64_t dod) {
  const auto fits = [dod](unsigned bits) {
    return -((std::int64_t{1} << (bits - 1)) - 1) <= dod && dod <= std::int64_t{1} << (bits - 1);
  };
  const auto low = [dod](unsigned bits) {
    return static_cast<std::uint64_t>(dod) & ((std::uint64_t{1} << bits) - 1);
  };
  if (dod == 0) {
    xor_put(s, buffer, 0, 1);
  } else if (fits(14)) {
    xor_put(s, buffer, (0b10ULL << 14) | low(14), 16);
  } else if (fits(17)) {
    xor_put(s, buffer, (0b110ULL << 17) | low(17), 20);
  } else if (fits(20)) {
    xor_put(s, buffer, (0b1110ULL << 20) | low(20), 24);
  } else {
    xor_put(s, buffer, 0b1111, 4);
    xor_put(s, buffer, static_cast<std::uint64_t>(dod), 64);
  }
}

/// Appends one sample to a chunk; `s.n == 0` starts one. `t` ascends, and within a chunk deltas fit
/// in 32 bits (the head cuts chunks at its two-hour range). `buffer` has kXorSampleBytesMax bytes
/// free behind `s.chunk_len`.
template <typename State>
inline void xor_append(State& s, std::byte* buffer, model::TimeMs t, double v) {
  if (s.n == 0) {
    s.acc = 0;
    s.acc_bits = 16;  // the header's place
    s.chunk_len = 0;
    s.lead = kXorNoWindow;
    s.trail = 0;
    s.t_delta = 0;
    xor_put_uvarint(s, buffer, zigzag(t));
    xor_put(s, buffer, std::bit_cast<std::uint64_t>(v), 64);
  } else if (s.n == 1) {
    s.t_delta = static_cast<std::uint32_t>(t - s.last_t);
    xor_put_uvarint(s, buffer, s.t_delta);
    xor_put_value(s, buffer, v);
  } else {
    const auto delta = static_cast<std::uint32_t>(t - s.last_t);
    xor_put_dod(s, buffer, static_cast<std::int64_t>(delta) - static_cast<std::int64_t>(s.t_delta));
    s.t_delta = delta;
    xor_put_value(s, buffer, v);
  }
  s.last_t = t;
  s.last_v = v;
  ++s.n;
}

/// Bytes of the chunk with its pending bits.
template <typename State>
inline std::size_t xor_chunk_bytes(const State& s) {
  return s.chunk_len + (s.acc_bits + 7U) / 8U;
}

/// Writes the pending bits and the sample count into `out`, which already holds the flushed bytes
/// and has room for xor_chunk_bytes() rounded up to 8. `s` is not changed.
template <typename State>
inline void xor_finish(const State& s, std::byte* out) {
  store_be64(out + s.chunk_len, s.acc);
  out[0] = static_cast<std::byte>(s.n >> 8);
  out[1] = static_cast<std::byte>(s.n & 0xFF);
}

/// Decodes the first `limit` samples of a chunk into columns, keeping those with time in
/// [range_min, range_max] and stopping after range_max. `bytes` must be followed by
/// kXorPaddingBytes readable bytes. kCorrupt when the bits end before the samples do; `out` then
/// holds the samples before that.
Result<void> xor_decode(std::span<const std::byte> bytes, std::size_t limit,
                        model::TimeMs range_min, model::TimeMs range_max,
                        model::SampleColumns& out);

/// A chunk in a buffer of its own, for tests, fuzzers and writers outside the head. Not
/// thread-safe.
class XorAppender {
 public:
  void append(model::TimeMs t, double v);
  /// The finished chunk. Its capacity holds the padding that xor_decode asks for, but under a
  /// sanitizer that does not count as readable: copy into a padded buffer to decode there.
  std::vector<std::byte> bytes() const;
  std::size_t size() const { return state_.n; }

 private:
  XorState state_;
  std::vector<std::byte> buffer_;
};

}  // namespace narthex::tsdb
