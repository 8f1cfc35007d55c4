// Dates as HTTP headers write them (RFC 9110, IMF-fixdate).
#pragma once

#include <string>

#include "model/time.h"

namespace narthex::web {

/// `Fri, 02 Jan 2026 03:04:05 GMT`.
std::string http_date(model::TimeMs time);

}  // namespace narthex::web
