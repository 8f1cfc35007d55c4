// UTF-8, as bytes and as code points: whether a text is well-formed as Go sees it, how long its
// letters are, and there and back. All functions are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace narthex {

/// Bytes of the letter that begins at `text[at]`, 0 when none that is well-formed does: overlong
/// forms, surrogates and what lies above U+10FFFF are refused, as in Go.
std::size_t utf8_length(std::string_view text, std::size_t at);

/// Well-formed from start to end; the empty text is.
bool is_valid_utf8(std::string_view text);

/// The code point of `letter`, which is one well-formed letter and nothing else.
std::uint32_t decode_utf8(std::string_view letter);

/// `rune` is at most U+10FFFF; a surrogate is written like any other, in three bytes.
void append_utf8(std::string& out, std::uint32_t rune);

}  // namespace narthex
