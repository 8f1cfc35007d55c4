// Any request to a server with a little data gets a whole answer, and leaves the server able to
// answer the next: route, method, parameters at the ends of their types, expressions, forms.
#include <openssl/crypto.h>

#include "tests/fuzz/request_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Before the server, so that it cleans up after the server's threads, which use it, have ended.
  static const int crypto = OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
  static narthex::fuzz::RequestServer server;
  server.check({reinterpret_cast<const char*>(data), size});
  return crypto == 1 ? 0 : -1;
}
