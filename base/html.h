// Text in HTML and its attributes, as Go's text/template writes it: a template's output must be the
// same to the byte.
#pragma once

#include <string>
#include <string_view>

namespace narthex {

/// Go's template.HTMLEscapeString: the five characters that mean something in HTML as entities, and
/// U+FFFD for NUL.
std::string escape_html(std::string_view text);

}  // namespace narthex
