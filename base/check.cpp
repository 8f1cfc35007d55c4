// The end of a failed check: one line on standard error, straight from here, since neither the log
// nor the heap may be in a state to be used, and an abort, which leaves a core.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace narthex {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "narthex: check failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace narthex
