// Any byte string is an exposition or an error with its place. What the template recognises reads
// exactly as what is parsed in full: the same body scraped twice gives the same samples, whatever
// was scraped in between.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/exposition_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  narthex::fuzz::check_exposition(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
