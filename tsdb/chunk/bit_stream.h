// Bits one behind the other, most significant first: what all chunk encodings are written in.
//
// The reader is a bit position and an unaligned 8-byte load: 57 bits are valid after the shift,
// enough for every control prefix; longer fields take two loads. It may begin a read at the end of
// the bytes, which therefore have kChunkPaddingBytes readable behind them; who reads damaged bits
// looks at is_past_end() before it believes them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace narthex::tsdb {

/// Readable behind every chunk that is decoded: decoders load whole words past the end.
inline constexpr std::size_t kChunkPaddingBytes = 16;

/// Thread-compatible; the bytes outlive it.
class BitReader {
 public:
  BitReader(std::span<const std::byte> bytes, std::size_t first_bit)
      : bytes_(bytes.data()), at_(first_bit), end_(bytes.size() * 8) {}

  void skip(unsigned count) { at_ += count; }
  bool is_past_end() const { return at_ > end_; }
  /// Before a field of damaged bits: it reads from just behind the end at most, where there is room
  /// for one field of any length.
  void stop_at_end() { at_ = std::min(at_, end_ + 1); }
  /// Bits up to the end.
  std::size_t left() const { return at_ < end_ ? end_ - at_ : 0; }

  /// At least 57 bits, left-aligned.
  std::uint64_t peek() const { return load_be64(bytes_ + (at_ >> 3)) << (at_ & 7); }

  /// At most 64 bits.
  std::uint64_t take(unsigned count) {
    if (count == 0) return 0;
    if (count > 57) {
      const std::uint64_t high = take(count - 32);
      return high << 32 | take(32);
    }
    const std::uint64_t value = peek() >> (64 - count);
    at_ += count;
    return value;
  }

  /// LEB128 in whole bytes of the bit stream; at most 10, and none that begins behind the end.
  std::uint64_t take_uvarint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && !is_past_end(); shift += 7) {
      const std::uint64_t byte = take(8);
      value |= (byte & 0x7F) << (shift & 63);
      if (byte < 0x80) break;
    }
    return value;
  }

  /// Upstream's integers of nine widths (tsdb/chunkenc/varbit.go at v3.14). Signed ones reach from
  /// -(2^(n-1)-1) to 2^(n-1).
  std::uint64_t take_varbit_uint() { return take(varbit_width()); }
  std::int64_t take_varbit_int();

 private:
  unsigned varbit_width();

  const std::byte* bytes_;
  std::size_t at_;
  std::size_t end_;
};

/// Appends bits to bytes of its own. Thread-compatible.
class BitWriter {
 public:
  /// The low `count` bits of `value`, at most 64.
  void put(std::uint64_t value, unsigned count);
  void put_varbit_uint(std::uint64_t value);
  void put_varbit_int(std::int64_t value);

  /// The last byte is filled up with zero bits.
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  unsigned free_bits_ = 0;  // of the last byte
};

/// A float written as its difference in bits to the one before (5.1 of the format): one bit for the
/// same, and mostly only the bits that differ.
struct XorWindow {
  unsigned lead = kNone;  // leading zeros of the last window
  unsigned trail = 0;
  static constexpr unsigned kNone = 64;
};
/// Takes `value` from what it was to the next one.
void take_xor(BitReader& bits, XorWindow& window, double& value);
/// Writes `next` after `value`, which becomes it.
void put_xor(BitWriter& bits, XorWindow& window, double& value, double next);

}  // namespace narthex::tsdb
