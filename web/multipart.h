// The values of a multipart/form-data body, as Go's Request.ParseMultipartForm reads them: files
// are read over, one fault anywhere makes the whole body count for nothing. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narthex::web {

/// Names and values, in order.
using FormPairs = std::vector<std::pair<std::string, std::string>>;

/// A media type and its parameters, such as a Content-Type has: names in lower case, quoted values
/// without their quotes.
struct MediaType {
  std::string type;
  FormPairs parameters;
  /// Empty when there is none of that name.
  std::string_view get(std::string_view name) const;
};

/// Empty for a malformed or repeated parameter. Continuations and encodings (RFC 2231) are not
/// read.
std::optional<MediaType> parse_media_type(std::string_view text);

/// Empty when the type is another or has no boundary, when the body breaks off or is malformed, and
/// when it has more than 1,000 parts.
std::optional<FormPairs> parse_multipart(std::string_view content_type, std::string_view body);

}  // namespace narthex::web
