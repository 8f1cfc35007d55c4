// The page for people at /query, where / and /graph lead: one document that asks the API and shows
// tables. Its script and style are files of their own, so that the content policy needs no
// exception. Upstream's further pages, consoles and profiles are routes that say what they lack.
#pragma once

#include <string>

#include "web/router.h"

namespace narthex::web {

/// `external_path` is that of `--web.external-url`, without a slash at its end.
void add_page_routes(Router& router, const std::string& external_path = {});

}  // namespace narthex::web
