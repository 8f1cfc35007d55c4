// The server's life: build the graph of objects, start, reload, drain, stop, in the order written
// here. The only place that knows all parts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "server/config.h"
#include "server/flags.h"

namespace narthex::server {

/// One running server: start(), then stop(), both by its owner. Everything else, and every request
/// over HTTP, may come at any time between construction and the end of stop(), from any thread.
class Server {
 public:
  /// `config` is what `flags.config_file` holds now. `log` must outlive the server.
  Server(Flags flags, Config config, Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens, recovers the store, starts scraping and rules. Until the store is open, gated
  /// endpoints answer 503. Errors: kIo (address taken), kCancelled after cancel_start(), whatever
  /// opening the store returns. stop() must follow in any case.
  /// An exception on the way is reported, and kInternal.
  Result<void> start();

  /// A start() under way ends soon.
  void cancel_start();

  /// All parts move to the configuration now in the file, or none does and the error says why.
  /// While the server starts it is checked and kept: the server comes up with the newest good one.
  /// kUnavailable while it stops.
  Result<void> reload();
  /// The same on the reloading lane: returns at once.
  void reload_later();

  /// Stops taking work, finishes what runs, syncs and closes the store, within seconds; then sends
  /// the notifications that are left, for 20 s at most.
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace narthex::server
