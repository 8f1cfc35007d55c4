// Any byte string is a record or an error, and rows that were decoded come back when they are
// encoded and decoded again: wal_records_check.h says what is checked.
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/wal_records_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  narthex::tsdb::check_record(std::as_bytes(std::span(data, size)));
  return 0;
}
