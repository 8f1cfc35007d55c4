// Where a head ends does not depend on how its bytes arrived; judging and decoding never overread.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/http/framing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex::web;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t scanned = 0;
  const HeadScan whole = scan_head(bytes, scanned);
  std::size_t pieces = 0;
  HeadScan last;
  for (std::size_t end = 0; end <= size && last.size == 0 && !last.fault; ++end) {
    last = scan_head(bytes.substr(0, end), pieces);
  }
  NX_CHECK(last.size == whole.size && last.fault.has_value() == whole.fault.has_value());
  if (whole.size > 0 && !find_head_fault(bytes.substr(0, whole.size))) {
    NX_CHECK(bytes.substr(0, whole.size).ends_with("\r\n\r\n"));
  }
  static_cast<void>(parse_target(bytes));
  return 0;
}
