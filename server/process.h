// What the operating system says of this process: for own metrics and /api/v1/status/runtimeinfo.
// Linux only.
#pragma once

#include <cstdint>
#include <string>

#include "base/fs.h"

namespace narthex::server {

/// Bytes, seconds and counts, at one moment.
struct ProcessState {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double virtual_bytes_max = 0;  // 2^64 when there is no limit
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t threads = 0;
  double start_time_seconds = 0;  // since 1970
};

/// Fields that cannot be read stay 0.
ProcessState read_process_state(FileSystem& fs);

/// The host's name, fully qualified where the system knows it.
std::string host_name();
/// Empty when it is gone or its name is longer than 4 KiB.
std::string working_directory();

}  // namespace narthex::server
