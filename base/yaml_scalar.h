// What the bytes of a YAML document and the texts of its scalars mean to upstream's decoder:
// libyaml's reader, and the resolver of yaml.v2, which yaml.v3 shares for all types that
// configuration has. Internal to the YAML decoder. All functions are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/yaml.h"

namespace narthex::yaml {

/// How a scalar was written. kString: quoted, or with any tag that leaves it a string.
enum class Tag : unsigned char { kPlain, kString, kInt, kFloat, kBool, kNull, kBinary };

/// The tag behind `tag` as the parser names it, such as "tag:yaml.org,2002:int", "!" or "?".
Tag parse_tag(std::string_view tag);

/// What `text` is. kInvalid with upstream's text when it is not what its tag says.
Result<Scalar> resolve_scalar(Tag tag, std::string_view text);

/// "!!int" and so on.
std::string_view scalar_tag(const Scalar& scalar);

/// As Go converts: a float loses its fraction, whatever its size. Nothing for other types.
std::optional<std::int64_t> scalar_int(const Scalar& scalar);
std::optional<std::uint64_t> scalar_uint(const Scalar& scalar);
std::optional<double> scalar_double(const Scalar& scalar);

/// The document as UTF-8 without byte order mark: UTF-16 of either order is decoded. kInvalid for
/// malformed text and for characters that YAML does not allow.
Result<std::string> decode_document(std::string_view bytes);

/// Standard base64 with padding; line breaks are skipped.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace narthex::yaml
