// Names are upstream's and those of Go's client library, as far as they mean anything here;
// narthex_ stands before those of our own.
#include "server/metrics.h"

#include <algorithm>

#include "server/flags.h"

namespace narthex::server {

void publish_build(Metrics& metrics) {
  metrics
      .gauge("prometheus_build_info", "What this server is and whose API it speaks.",
             {{"version", "3.14.0"},
              {"narthex_version", own_version()},
              {"goos", "linux"},
              {"revision", ""}})
      .set(1);
}

void publish_process(Metrics& metrics, const ProcessState& process) {
  const auto set = [&metrics](std::string_view name, std::string_view help, double value) {
    metrics.gauge(name, help).set(value);
  };
  Counter& cpu = metrics.counter("process_cpu_seconds_total",
                                 "Total user and system CPU time spent in seconds.");
  cpu.add(std::max(0.0, process.cpu_seconds - cpu.value()));
  set("process_resident_memory_bytes", "Resident memory size in bytes.",
      static_cast<double>(process.resident_bytes));
  set("process_virtual_memory_bytes", "Virtual memory size in bytes.",
      static_cast<double>(process.virtual_bytes));
  set("process_open_fds", "Number of open file descriptors.",
      static_cast<double>(process.open_files));
  set("process_max_fds", "Maximum number of open file descriptors.",
      static_cast<double>(process.open_files_max));
  set("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.",
      process.virtual_bytes_max);
  set("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
      process.start_time_seconds);
  set("narthex_threads", "Threads of the process.", static_cast<double>(process.threads));
}

void publish_readiness(Metrics& metrics, bool ready) {
  metrics.gauge("prometheus_ready", "Whether startup was fully completed.").set(ready ? 1 : 0);
}

void publish_reload_outcome(Metrics& metrics, bool ok) {
  metrics
      .gauge("prometheus_config_last_reload_successful",
             "Whether the last configuration reload succeeded.")
      .set(ok ? 1 : 0);
}

void publish_reload_time(Metrics& metrics, model::TimeMs time) {
  metrics
      .gauge("prometheus_config_last_reload_success_timestamp_seconds",
             "Timestamp of the last successful configuration reload.")
      .set(static_cast<double>(time) / 1000);
}

}  // namespace narthex::server
