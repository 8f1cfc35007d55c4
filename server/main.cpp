// The process's entry: command line in, exit status out. Nothing is decided here but what is
// printed when there is no log yet.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/exceptions.h"
#include "base/fs.h"
#include "server/flags.h"
#include "server/run.h"
#include "server/signals.h"

// The system's loader calls this before any library's initialisers, which take milliseconds.
[[gnu::used,
  gnu::section(".preinit_array")]] static void (*const kFirst)() = narthex::server::block_signals;

static int run(int argc, char** argv) {
  const auto line =
      narthex::server::parse_command_line({argv + 1, argv + argc}, narthex::real_file_system());
  if (!line) {
    std::fprintf(stderr, "narthex: %s\n", line.error().message().c_str());
    return 2;  // upstream's status for a bad command line
  }
  if (line->exit) {
    std::fputs(line->text.c_str(), line->status == 0 ? stdout : stderr);
    return line->status;
  }
  return narthex::server::run_server(line->flags);
}

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (...) {
    const std::string what = narthex::describe_exception(std::current_exception());
    std::fprintf(stderr, "narthex: cannot start: %s\n", what.c_str());
    return 1;
  }
}
