// Compressed bodies. The one place that knows the compression libraries. All functions are pure.
#pragma once

#include <string>
#include <string_view>

namespace narthex {

/// How a coded stream is wrapped: RFC 1952, or RFC 1950 (what HTTP calls deflate).
enum class DeflateFormat : unsigned char { kGzip, kZlib };

/// One member at the fastest useful level, for responses on the fly.
std::string deflate(std::string_view text, DeflateFormat format);

}  // namespace narthex
