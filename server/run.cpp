// Runs a server between the signals. The main thread waits for signals, another starts the server,
// because a replay takes minutes and must be stopped by a signal all the same. A start that fails
// sends this process the signal that ends it, so that there is one way out.
#include "server/run.h"

#include <atomic>
#include <string>
#include <vector>

#include "base/exceptions.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/parallel.h"
#include "server/lifecycle.h"
#include "server/signals.h"

namespace narthex::server {
namespace {

// Returns when the process is to end; `failed` says that it is no signal from outside then.
void serve_signals(Server& server, const std::atomic<bool>& failed, Log& log) {
  for (;;) {
    const Signal signal = wait_for_signal();
    if (failed.load(std::memory_order_acquire)) return;
    if (signal != Signal::kReload) {
      log.info("received a signal, stopping",
               {{"signal", signal == Signal::kInterrupt ? "interrupt" : "terminated"}});
      return;
    }
    server.reload_later();
  }
}

// The names after --enable-feature that mean nothing here; upstream only warns of those, too.
std::vector<std::string> unknown_features(const Flags& flags) {
  std::vector<std::string> unknown = flags.features;
  for (const char* known : {"promql-experimental-functions", "promql-extended-range-selectors",
                            "promql-binop-fill-modifiers", "promql-delayed-name-removal"}) {
    std::erase(unknown, known);
  }
  return unknown;
}

int run_until_signal(const Flags& flags, Log& log) {
  Result<Config> config = load_config(flags.config_file, real_file_system(), flags.retention_ms);
  if (!config) {
    log.error("error loading config", {{"file", flags.config_file}, {"err", config.error()}});
    return 1;
  }
  for (const std::string& feature : unknown_features(flags)) {
    log.warn("not implemented yet: the feature is ignored", {{"feature", feature}});
  }
  log.info("starting narthex", {{"version", own_version()}, {"api", "3.14.0"}});
  Server server(flags, *std::move(config), log);
  std::atomic<bool> failed{false};  // release before the signal that tells of it, acquire after
  const auto start = [&] {
    const Result<void> started = server.start();
    if (started || started.error().code() == Code::kCancelled) return;
    log.error("cannot start", {{"err", started.error()}});
    failed.store(true, std::memory_order_release);
    send_terminate();
  };
  const auto serve = [&] {
    serve_signals(server, failed, log);
    server.cancel_start();
  };
  run_beside(start, serve);
  server.stop();
  return failed.load(std::memory_order_acquire) ? 1 : 0;
}

}  // namespace

// The server guards its own parts; this is for what comes before there is one.
int run_server(const Flags& flags) {
  Log log(flags.log_level, flags.log_format);
  try {
    return run_until_signal(flags, log);
  } catch (...) {
    log.error("cannot start", {{"err", describe_exception(std::current_exception())}});
    return 1;
  }
}

}  // namespace narthex::server
