// The page's files, embedded at build time from web/ui: the server needs no files of its own at run
// time.
#pragma once

#include <string_view>

namespace narthex::web {

/// UTF-8; live as long as the program.
std::string_view page_html();
std::string_view page_css();
std::string_view page_script();
std::string_view page_icon();

}  // namespace narthex::web
