// Varbit integers and XORed floats, as upstream's chunks have them (tsdb/chunkenc at v3.14).
#include "tsdb/chunk/bit_stream.h"

#include <array>

namespace narthex::tsdb {
namespace {

// By the number of ones in front of the first zero; eight ones have no zero behind them.
constexpr std::array<unsigned, 9> kVarbitWidths = {0, 3, 6, 9, 12, 18, 25, 56, 64};

unsigned prefix_bits(std::size_t ones) {
  return static_cast<unsigned>(ones == 8 ? 8 : ones + 1);
}
std::uint64_t prefix_of(std::size_t ones) {
  return ones == 8 ? 0xFF : ((std::uint64_t{1} << ones) - 1) << 1;
}

}  // namespace

unsigned BitReader::varbit_width() {
  const auto ones = static_cast<std::size_t>(std::min(std::countl_one(peek()), 8));
  skip(prefix_bits(ones));
  return kVarbitWidths[ones];
}

std::int64_t BitReader::take_varbit_int() {
  const unsigned width = varbit_width();
  const std::uint64_t raw = take(width);
  if (width == 0 || width == 64 || raw <= std::uint64_t{1} << (width - 1)) {
    return static_cast<std::int64_t>(raw);
  }
  return static_cast<std::int64_t>(raw) - (std::int64_t{1} << width);
}

void BitWriter::put(std::uint64_t value, unsigned count) {
  while (count > 0) {
    if (free_bits_ == 0) {
      bytes_.push_back(std::byte{0});
      free_bits_ = 8;
    }
    const unsigned now = std::min(count, free_bits_);
    const std::uint64_t part = (value >> (count - now)) & ((std::uint64_t{1} << now) - 1);
    bytes_.back() |= static_cast<std::byte>(part << (free_bits_ - now));
    free_bits_ -= now;
    count -= now;
  }
}

void BitWriter::put_varbit_uint(std::uint64_t value) {
  std::size_t ones = 0;
  while (ones < 8 && value >> kVarbitWidths[ones] != 0) ++ones;
  put(prefix_of(ones), prefix_bits(ones));
  put(value, kVarbitWidths[ones]);
}

void BitWriter::put_varbit_int(std::int64_t value) {
  const auto fits = [value](unsigned width) {
    if (width == 0) return value == 0;
    const std::int64_t half = std::int64_t{1} << (width - 1);
    return -(half - 1) <= value && value <= half;
  };
  std::size_t ones = 0;
  while (ones < 8 && !fits(kVarbitWidths[ones])) ++ones;
  put(prefix_of(ones), prefix_bits(ones));
  put(static_cast<std::uint64_t>(value), kVarbitWidths[ones]);
}

void take_xor(BitReader& bits, XorWindow& window, double& value) {
  const std::uint64_t head = bits.peek();
  if (head >> 63 == 0) return bits.skip(1);
  if (head >> 62 == 0b10) {
    bits.skip(2);
    if (window.lead == XorWindow::kNone) window = {.lead = 0, .trail = 0};  // damaged
  } else {
    const auto lead = static_cast<unsigned>(head >> 57 & 31);
    auto significant = static_cast<unsigned>(head >> 51 & 63);
    if (significant == 0) significant = 64;
    significant = std::min(significant, 64 - lead);  // more only in damaged chunks
    bits.skip(13);
    window = {.lead = lead, .trail = 64 - lead - significant};
  }
  const std::uint64_t x = bits.take(64 - window.lead - window.trail) << window.trail;
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ x);
}

void put_xor(BitWriter& bits, XorWindow& window, double& value, double next) {
  const std::uint64_t x = std::bit_cast<std::uint64_t>(value) ^ std::bit_cast<std::uint64_t>(next);
  value = next;
  if (x == 0) return bits.put(0, 1);
  const auto lead = static_cast<unsigned>(std::min(std::countl_zero(x), 31));
  const auto trail = static_cast<unsigned>(std::countr_zero(x));
  if (window.lead != XorWindow::kNone && lead >= window.lead && trail >= window.trail) {
    bits.put(0b10, 2);
  } else {
    window = {.lead = lead, .trail = trail};
    bits.put(0b11, 2);
    bits.put(lead, 5);
    bits.put(64 - lead - trail, 6);  // 64 is written as 0
  }
  bits.put(x >> window.trail, 64 - window.lead - window.trail);
}

}  // namespace narthex::tsdb
