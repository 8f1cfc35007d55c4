// Any bytes are a query or an error; see promql_check.h.
#include "tests/fuzz/promql_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  narthex::fuzz::check_promql({reinterpret_cast<const char*>(data), size});
  return 0;
}
