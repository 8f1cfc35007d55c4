// Any byte string is a segment: reading it ends, never overreads, and every record it yields was
// framed with a right checksum. Each record then goes through the decoders, which yield rows or an
// error.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex::tsdb;
  WalReader reader(std::as_bytes(std::span(data, size)));
  SampleRows rows;
  std::size_t items = 0;
  while (const auto item = reader.next()) {
    NX_CHECK(++items <= size);  // every item takes at least one byte
    if (item->kind != WalItem::Kind::kRecord || item->record.empty()) continue;
    (void)decode_samples(item->record, rows);
    NX_CHECK(rows.refs.size() == rows.values.size());
    (void)decode_series(item->record, [](std::uint64_t, const narthex::model::Labels& labels) {
      NX_CHECK(labels.size() <= (std::size_t{1} << 24));
    });
  }
  NX_CHECK(reader.good_end() <= size);
  return 0;
}
