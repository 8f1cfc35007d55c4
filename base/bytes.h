// Bounds-checked reading and appending of the integers that Prometheus' formats use: big-endian
// fixed, LEB128 (uvarint) and zig-zag LEB128 (varint). All inline: they stand in the inner loops of
// replay.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace narthex {

/// Big-endian words at any address, aligned or not: the order of all fixed integers in WAL records,
/// chunks and indexes. The caller has made sure that all bytes are there.
inline std::uint64_t load_be64(const void* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap64(word);
}

/// Four bytes at `at`, under the same conditions.
inline std::uint32_t load_be32(const void* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}

/// Writes eight bytes; load_be64() reads the same word back.
inline void store_be64(void* at, std::uint64_t word) {
  word = __builtin_bswap64(word);
  std::memcpy(at, &word, sizeof word);
}

/// Writes four bytes; load_be32() reads the same word back.
inline void store_be32(void* at, std::uint32_t word) {
  word = __builtin_bswap32(word);
  std::memcpy(at, &word, sizeof word);
}

/// Signed integers as unsigned ones with small sizes first: 0, -1, 1, -2, ... are 0, 1, 2, 3, ...
/// As protocol buffers and Go's binary.PutVarint have it; every value has its own image.
inline std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

/// The one value whose zigzag() is `value`.
inline std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// Reads from the front of a span, which outlives it. After a read past the end ok() is false for
/// good and every value is 0, so a record is read to its end and asked once. Not thread-safe.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes)
      : at_(reinterpret_cast<const unsigned char*>(bytes.data())), end_(at_ + bytes.size()) {}

  /// Was everything read so far really there? left() counts bytes not yet read.
  bool ok() const { return ok_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  /// Fixed integers, big-endian, and the double with the bits of one.
  std::uint8_t u8() { return take(1) ? *(at_ - 1) : 0; }
  std::uint32_t be32() { return take(4) ? load_be32(at_ - 4) : 0; }
  std::uint64_t be64() { return take(8) ? load_be64(at_ - 8) : 0; }
  double f64() { return std::bit_cast<double>(be64()); }

  /// LEB128, at most ten bytes: a longer one is malformed and ends the reading like a missing byte.
  /// Bits above the 64th are dropped, so more than one text may mean the same number.
  std::uint64_t uvarint() {
    if (at_ < end_ && *at_ < 0x80) return *at_++;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (!take(1)) return 0;
      const std::uint64_t bits = *(at_ - 1);
      value |= (bits & 0x7F) << shift;
      if (bits < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  std::int64_t varint() { return unzigzag(uvarint()); }

  /// uvarint length and that many bytes; a view into the span.
  std::string_view text() {
    const std::uint64_t length = uvarint();
    if (length > left()) ok_ = false;
    if (!ok_) return {};
    const auto* from = reinterpret_cast<const char*>(at_);
    at_ += length;
    return {from, length};
  }

 private:
  bool take(std::size_t count) {
    if (left() < count) {
      ok_ = false;
      at_ = end_;
      return false;
    }
    at_ += count;
    return true;
  }

  const unsigned char* at_;
  const unsigned char* end_;
  bool ok_ = true;
};

/// One byte, for ByteReader::u8().
inline void append_u8(std::string& out, std::uint8_t value) {
  out += static_cast<char>(value);
}

/// Eight bytes, for ByteReader::be64().
inline void append_be64(std::string& out, std::uint64_t value) {
  char bytes[8];
  store_be64(bytes, value);
  out.append(bytes, sizeof bytes);
}

/// Writes at most 10 bytes to `at`; returns the end. For callers that have their own buffer.
inline char* write_uvarint(char* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}

/// Appends 1 to 10 bytes, 7 bits in each, the lowest first: for ByteReader::uvarint().
inline void append_uvarint(std::string& out, std::uint64_t value) {
  char bytes[10];
  out.append(bytes, static_cast<std::size_t>(write_uvarint(bytes, value) - bytes));
}

/// The length as a uvarint, then the bytes of `text`, which may be any: for ByteReader::text().
inline void append_text(std::string& out, std::string_view text) {
  append_uvarint(out, text.size());
  out += text;
}

}  // namespace narthex
