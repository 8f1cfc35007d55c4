// The server as a process: from flags to an exit status, with signals in between.
#pragma once

#include "server/flags.h"

namespace narthex::server {

/// Reads the configuration, runs a server until SIGINT or SIGTERM, reloading on SIGHUP, while it
/// starts too. block_signals() must have been called. Returns the exit status.
int run_server(const Flags& flags);

}  // namespace narthex::server
