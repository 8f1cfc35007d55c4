// Names to addresses, through c-ares: every look-up is a few events on the caller's own I/O thread,
// so that a name whose servers do not answer holds up nobody else. /etc/hosts, /etc/resolv.conf and
// the order in /etc/nsswitch.conf count as they do for upstream's resolver; other sources that
// nsswitch names are not asked. The one file that knows c-ares is resolver.cpp.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/result.h"

namespace narthex::net {

/// The addresses of `host`, which may be one itself, of both families and the preferred ones first.
/// Nothing is remembered between calls. Errors in Go's words: kTimeout when `deadline` passes,
/// kCancelled, kUnavailable "lookup <host>: no such host".
boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve(
    std::string host, std::chrono::steady_clock::time_point deadline);

}  // namespace narthex::net
