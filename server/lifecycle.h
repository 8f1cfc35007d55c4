// The server's life: build the graph of objects, start, reload, drain, stop, in the order written
// here.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/result.h"
#include "server/config.h"
#include "server/flags.h"

namespace narthex::server {

/// One running server. start(), then reload() as often as wanted, then stop(). Thread-compatible;
/// reload() and stop() may also be asked for over HTTP while the owner waits.
class Server {
 public:
  /// `config` is what `flags.config_file` holds now. `log` must outlive the server.
  Server(Flags flags, Config config, Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens, recovers the store, starts scraping and rules. Until the store is open, gated
  /// endpoints answer 503. Errors: kIo (address taken), whatever opening the store returns.
  Result<void> start();

  /// All parts move to the configuration now in the file, or none does and the error says why.
  Result<void> reload();

  /// Stops taking work, finishes what runs, syncs and closes the store. Within seconds.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Reads the configuration, runs a server until SIGINT or SIGTERM, reloading on SIGHUP. Returns the
/// exit status.
int run_server(const Flags& flags);

}  // namespace narthex::server
