// SIGINT, SIGTERM and SIGHUP are never delivered: they are blocked before anything else happens in
// the process, so that every thread inherits that, and wait until the main thread asks for them.
#pragma once

namespace narthex::server {

/// What is asked for: a reload (SIGHUP), or an end (SIGINT, SIGTERM).
enum class Signal : unsigned char { kReload, kInterrupt, kTerminate };

/// Blocks the three in this thread and those it starts from now on, and ignores SIGPIPE. It may run
/// before the libraries, the sanitizers' among them, are initialised.
void block_signals();

/// The next one of them; one that came before the call counts. Call after block_signals().
Signal wait_for_signal();

/// Sends SIGTERM to this process.
void send_terminate();

}  // namespace narthex::server
