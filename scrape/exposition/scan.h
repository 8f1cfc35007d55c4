// Character classes of the text formats, by one table: a byte may be in several, and a test is a
// load and an `and`. The names are upstream's lexers' ([a-zA-Z_:] and so on); UTF-8 stands in
// quotes only.
#pragma once

#include <array>
#include <cstdint>

namespace narthex::scrape::exposition {

namespace internal {
inline constexpr std::uint8_t kLabelStart = 1;
inline constexpr std::uint8_t kNameStart = 2;
inline constexpr std::uint8_t kDigit = 4;
inline constexpr std::uint8_t kBlank = 8;

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 'a'; c <= 'z'; ++c) classes[c] = kLabelStart | kNameStart;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) classes[c] = kLabelStart | kNameStart;
  for (std::size_t c = '0'; c <= '9'; ++c) classes[c] = kDigit;
  classes['_'] = kLabelStart | kNameStart;
  classes[':'] = kNameStart;
  classes[' '] = classes['\t'] = kBlank;
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

inline bool is(char c, unsigned mask) {
  return (kClasses[static_cast<unsigned char>(c)] & mask) != 0;
}
}  // namespace internal

/// Space and tab; where a name or a label may begin; what may follow in one. NUL is in none, so
/// that scans end in the padding.
inline bool is_blank(char c) {
  return internal::is(c, internal::kBlank);
}
inline bool is_name_start(char c) {
  return internal::is(c, internal::kNameStart);
}
inline bool is_name(char c) {
  return internal::is(c, internal::kNameStart | internal::kDigit);
}
inline bool is_label_start(char c) {
  return internal::is(c, internal::kLabelStart);
}
inline bool is_label(char c) {
  return internal::is(c, internal::kLabelStart | internal::kDigit);
}

}  // namespace narthex::scrape::exposition
