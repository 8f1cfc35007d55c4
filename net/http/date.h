// Dates as HTTP headers write them (RFC 9110, IMF-fixdate).
#pragma once

#include <cstdint>
#include <string>

namespace narthex::net::http {

/// Of milliseconds since 1970: `Fri, 02 Jan 2026 03:04:05 GMT`.
std::string http_date(std::int64_t time_ms);

}  // namespace narthex::net::http
