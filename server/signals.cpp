// Signals as a queue that one thread reads, instead of handlers, which may do next to nothing. They
// are blocked before any library is initialised and could start a thread, so by system calls alone.
#include "server/signals.h"

#include <csignal>
#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace narthex::server {
namespace {

sigset_t taken_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

[[clang::disable_sanitizer_instrumentation]] void block_signals() {
  // The kernel's own forms of a set and an action.
  constexpr auto bit = [](int number) { return std::uint64_t{1} << (number - 1); };
  const std::uint64_t set = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP);
  ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, sizeof set);
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } const ignore{SIG_IGN, 0, nullptr, 0};
  ::syscall(SYS_rt_sigaction, SIGPIPE, &ignore, nullptr, sizeof ignore.mask);
}

Signal wait_for_signal() {
  const sigset_t set = taken_signals();
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (number == SIGHUP) return Signal::kReload;
    return number == SIGINT ? Signal::kInterrupt : Signal::kTerminate;
  }
}

void send_terminate() {
  ::kill(::getpid(), SIGTERM);
}

}  // namespace narthex::server
