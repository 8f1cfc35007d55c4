// Where a failed check ends.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace narthex {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "narthex: check failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace narthex
