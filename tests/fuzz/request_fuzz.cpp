// Any request to a server with a little data gets a whole answer, and leaves the server able to
// answer the next: route, method, parameters at the ends of their types, expressions, forms.
#include "tests/fuzz/request_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static narthex::fuzz::RequestServer server;
  server.check({reinterpret_cast<const char*>(data), size});
  return 0;
}
