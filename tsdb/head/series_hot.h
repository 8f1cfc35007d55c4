// The 64 bytes of a series that a steady append touches, and nothing else: one cache line, in pages
// of 32. The first fields are XorState's; the open chunk's
// buffer is in the ChunkArena. Guarded by the page's lock.
#pragma once

#include <cstdint>
#include <type_traits>

#include "model/time.h"
#include "tsdb/chunk/xor.h"

namespace narthex::tsdb {

inline constexpr std::uint32_t kPageSeries = 32;  // fixed by the layout: slot = page << 5 | index

enum SeriesFlags : std::uint8_t {
  kSeriesHasOlder = 1,       // older closed chunks are in the head's side table
  kSeriesHasHidden = 2,      // earlier commits that some reader may not see: side table
  kSeriesIsUnlinked = 4,     // found by nobody any more: takes no samples
  kSeriesHasOutOfOrder = 8,  // samples that came after newer ones: side table
};

struct SeriesHot {
  std::uint64_t acc;     // bits not yet flushed, left-aligned
  model::TimeMs last_t;  // newest sample; meaningful when samples were ever appended
  double last_v;
  std::uint64_t append_id;  // commit that appended last; 0: none since the start
  std::uint32_t t_delta;
  std::uint32_t chunk;      // open chunk, arena handle; 0: none
  std::uint16_t chunk_len;  // flushed bytes
  std::uint16_t n;          // samples in the open chunk
  std::uint8_t acc_bits;
  std::uint8_t lead;
  std::uint8_t trail;
  std::uint8_t flags;
  std::uint32_t chunk_span;  // last_t minus the open chunk's first time
  std::uint32_t next_at;     // when to cut, minus the open chunk's first time
  std::uint32_t closed;      // closed chunk list, arena handle; 0: none
  std::uint8_t closed_n;
  std::uint8_t last_n;     // samples of that commit
  std::uint16_t capacity;  // bytes at `chunk`
};
static_assert(sizeof(SeriesHot) == 64 && std::is_trivially_copyable_v<SeriesHot>);

}  // namespace narthex::tsdb
