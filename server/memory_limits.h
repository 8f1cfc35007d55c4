// How much memory queries may use: shares of what the machine, or the cgroup around the process,
// has.
#pragma once

#include <cstddef>
#include <string>

#include "base/fs.h"
#include "server/flags.h"

namespace narthex::server {

/// Bytes; 0 is none.
struct MemoryLimits {
  std::size_t query = 0;    // one query
  std::size_t queries = 0;  // all queries of the API together
  std::size_t rules = 0;    // all rules together
};

/// The smaller of RAM and the memory limits of the cgroups (version 1 or 2) that the process is in.
/// 0 when neither can be read. `proc` and `cgroup` are where those file systems are mounted.
std::size_t machine_memory(FileSystem& fs, const std::string& proc = "/proc",
                           const std::string& cgroup = "/sys/fs/cgroup");

/// What the flags say; where they say nothing, 25, 40 and 20 percent of four fifths of
/// `machine_bytes`.
MemoryLimits memory_limits(const Flags& flags, std::size_t machine_bytes);

}  // namespace narthex::server
