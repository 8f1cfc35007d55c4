// Reads /proc and the cgroup file system. A limit holds for a group and all below it, so the least
// one on the way to the root counts; what cannot be read limits nothing.
#include "server/memory_limits.h"

#include <algorithm>
#include <limits>

#include "base/str.h"
#include "base/units.h"

namespace narthex::server {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// The file's number, kNoLimit for "max" and for files that are not there.
std::size_t read_limit(FileSystem& fs, const std::string& path) {
  const Result<std::string> text = fs.read_file(path);
  double bytes = 0;
  if (!text || !parse_float(trim(*text), bytes) || bytes <= 0 || bytes >= 9e18) return kNoLimit;
  return static_cast<std::size_t>(bytes);
}

// The least limit of the group `path` below `root` and of all groups around it. In a container the
// group's own path may not be there, only its root.
std::size_t least_limit(FileSystem& fs, const std::string& root, std::string path,
                        const std::string& file) {
  std::size_t least = read_limit(fs, concat(root, "/", file));
  while (!path.empty() && path != "/") {
    least = std::min(least, read_limit(fs, concat(root, path, "/", file)));
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  return least;
}

// Lines of /proc/self/cgroup: `0::/path` (version 2), `4:memory:/path` (version 1).
std::size_t cgroup_limit(FileSystem& fs, const std::string& proc, const std::string& cgroup) {
  const Result<std::string> groups = fs.read_file(proc + "/self/cgroup");
  std::size_t least = kNoLimit;
  for (const std::string_view line : split(groups ? *groups : std::string(), '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const std::string path(line.substr(fields[0].size() + fields[1].size() + 2));
    if (fields[0] == "0" && fields[1].empty()) {
      least = std::min(least, least_limit(fs, cgroup, path, "memory.max"));
    } else if (fields[1] == "memory") {
      least = std::min(least, least_limit(fs, cgroup + "/memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::size_t ram(FileSystem& fs, const std::string& proc) {
  const Result<std::string> text = fs.read_file(proc + "/meminfo");
  for (const std::string_view line : split(text ? *text : std::string(), '\n')) {
    if (!line.starts_with("MemTotal:")) continue;
    std::string_view number = trim(line.substr(line.find(':') + 1));
    number = number.substr(0, number.find(' '));
    double kibibytes = 0;
    if (parse_float(number, kibibytes)) return static_cast<std::size_t>(kibibytes) * 1024;
  }
  return kNoLimit;
}

}  // namespace

std::size_t machine_memory(FileSystem& fs, const std::string& proc, const std::string& cgroup) {
  const std::size_t least = std::min(ram(fs, proc), cgroup_limit(fs, proc, cgroup));
  return least == kNoLimit ? 0 : least;
}

MemoryLimits memory_limits(const Flags& flags, std::size_t machine_bytes) {
  const std::size_t usable = machine_bytes / 5 * 4;
  return {.query = flags.query_memory_bytes.value_or(usable / 4),
          .queries = flags.queries_memory_bytes.value_or(usable / 5 * 2),
          .rules = flags.rules_memory_bytes.value_or(usable / 5)};
}

}  // namespace narthex::server
