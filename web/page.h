// The page for people at /, /query and /graph: one document that asks the API and shows tables. Its
// script and style are files of their own, so that the content policy needs no exception.
#pragma once

#include "web/router.h"

namespace narthex::web {

void add_page_routes(Router& router);

}  // namespace narthex::web
