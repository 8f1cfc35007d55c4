// The page's files, embedded at build time from web/ui.
#pragma once

#include <string_view>

namespace narthex::web {

std::string_view page_html();
std::string_view page_css();
std::string_view page_script();
std::string_view page_icon();

}  // namespace narthex::web
