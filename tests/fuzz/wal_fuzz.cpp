// Any byte string is a segment: reading it ends, never overreads, and every record it yields was
// framed with a right checksum. What stands in the records is wal_records_fuzz's.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "tsdb/wal/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex::tsdb;
  WalReader reader(std::as_bytes(std::span(data, size)));
  std::size_t items = 0;
  while (const auto item = reader.next()) {
    NX_CHECK(++items <= size);  // every item takes at least one byte
  }
  NX_CHECK(reader.good_end() <= size);
  return 0;
}
