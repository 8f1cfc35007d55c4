// UTF-8 by the table of well-formed sequences (Unicode 15, table 3-7): the length follows from the
// first byte, and only four leading bytes restrict the second. Texts are ASCII nearly always, so
// those are checked eight bytes at a time.
#include "base/utf8.h"

#include <cstring>

namespace narthex {

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(at + k) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(at + 1) < 0xA0) return 0;  // overlong
  if (lead == 0xED && byte(at + 1) > 0x9F) return 0;  // surrogate
  if (lead == 0xF0 && byte(at + 1) < 0x90) return 0;  // overlong
  if (lead == 0xF4 && byte(at + 1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

bool is_valid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i + 8 <= text.size()) {  // runs of ASCII, eight bytes a step
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & 0x8080808080808080ULL) != 0) break;
    i += 8;
  }
  while (i < text.size()) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::uint32_t decode_utf8(std::string_view letter) {
  if (letter.size() == 1) return static_cast<unsigned char>(letter[0]);
  std::uint32_t rune = static_cast<unsigned char>(letter[0]) & (0xFFU >> (letter.size() + 1));
  for (const char c : letter.substr(1)) rune = rune << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  return rune;
}

void append_utf8(std::string& out, std::uint32_t rune) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80U | ((rune >> shift) & 0x3FU)); };
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0U | (rune >> 6));
    tail(0);
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0U | (rune >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0U | (rune >> 18));
    tail(12), tail(6), tail(0);
  }
}

}  // namespace narthex
