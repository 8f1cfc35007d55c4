// What /proc/self/stat and its like say, by position: the fields are numbered in proc(5), here from
// behind the command's name, which may hold blanks and parentheses.
#include "server/process.h"

#include <charconv>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "base/str.h"

namespace narthex::server {
namespace {

double number(std::string_view text) {
  double value = 0;
  return parse_float(text, value) ? value : 0;
}

// Seconds since 1970 at which the machine started, from /proc/stat's btime.
double boot_time(FileSystem& fs) {
  const auto text = fs.read_file("/proc/stat");
  if (!text) return 0;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.starts_with("btime ")) return number(line.substr(6));
  }
  return 0;
}

}  // namespace

ProcessState read_process_state(FileSystem& fs) {
  ProcessState state;
  const auto stat = fs.read_file("/proc/self/stat");
  if (!stat) return state;
  // The fields after the command name, which is in parentheses and may hold blanks.
  const std::size_t close = stat->rfind(')');
  if (close == std::string::npos) return state;
  const auto fields = split(std::string_view(*stat).substr(close + 2), ' ');
  if (fields.size() < 22) return state;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  state.cpu_seconds = (number(fields[11]) + number(fields[12])) / ticks;
  state.threads = static_cast<std::uint64_t>(number(fields[17]));
  state.start_time_seconds = boot_time(fs) + number(fields[19]) / ticks;
  state.virtual_bytes = static_cast<std::uint64_t>(number(fields[20]));
  state.resident_bytes = static_cast<std::uint64_t>(number(fields[21])) * page;
  if (const auto files = fs.list("/proc/self/fd")) state.open_files = files->size();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) state.open_files_max = limit.rlim_cur;
  if (::getrlimit(RLIMIT_AS, &limit) == 0) {
    state.virtual_bytes_max = static_cast<double>(limit.rlim_cur);
  }
  return state;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::string working_directory() {
  char path[4096] = {};
  return ::getcwd(path, sizeof path) != nullptr ? path : "";
}

}  // namespace narthex::server
