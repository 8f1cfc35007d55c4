// Where a full chunk is: one word, so that whoever moves a chunk to the disk replaces it in place,
// beside readers that look at the list without a lock. A reader sees the old place or the new one,
// never a half of each; the old one's memory waits for the reader's epoch.
//
//   bits 0-31  offset: an arena handle, or a place in a file of chunks_head
//   32-43      samples        44-46  encoding        47  in the arena
//   48-63      in the arena 11 bits of bytes and 4 of its size class; else the file's number
#pragma once

#include <cstdint>

#include "model/storage.h"

namespace narthex::tsdb {

struct ChunkPlace {
  std::uint32_t offset = 0;
  std::uint16_t samples = 0;  // below 2^12
  model::ChunkEncoding encoding = model::ChunkEncoding::kXor;
  bool in_arena = false;
  std::uint16_t bytes = 0;      // in the arena: of the chunk, below 2^11
  std::uint8_t size_class = 0;  // in the arena: what its memory is given back as, below 2^4
  std::uint16_t file = 0;       // not there: of chunks_head

  friend bool operator==(const ChunkPlace&, const ChunkPlace&) = default;
};

constexpr std::uint64_t pack(const ChunkPlace& place) {
  const std::uint64_t where =
      place.in_arena ? std::uint64_t{place.bytes} | std::uint64_t{place.size_class} << 11
                     : std::uint64_t{place.file};
  return place.offset | std::uint64_t{place.samples} << 32 |
         static_cast<std::uint64_t>(place.encoding) << 44 |
         static_cast<std::uint64_t>(place.in_arena) << 47 | where << 48;
}

constexpr ChunkPlace unpack(std::uint64_t word) {
  const auto where = static_cast<std::uint16_t>(word >> 48);
  ChunkPlace place{.offset = static_cast<std::uint32_t>(word),
                   .samples = static_cast<std::uint16_t>(word >> 32 & 0xFFF),
                   .encoding = static_cast<model::ChunkEncoding>(word >> 44 & 7),
                   .in_arena = (word >> 47 & 1) != 0};
  if (place.in_arena) {
    place.bytes = where & 0x7FF;
    place.size_class = static_cast<std::uint8_t>(where >> 11 & 0xF);
  } else {
    place.file = where;
  }
  return place;
}

/// A full chunk in a series' list, 16 bytes. Entries are added and replaced under the page's lock;
/// readers load them without.
struct ClosedChunk {
  model::TimeMs min_t;
  std::uint64_t word;  // atomic by load() and store(), for lists are copied as bytes

  ChunkPlace load() const { return unpack(__atomic_load_n(&word, __ATOMIC_ACQUIRE)); }
  void store(const ChunkPlace& place) { __atomic_store_n(&word, pack(place), __ATOMIC_RELEASE); }
};
static_assert(sizeof(ClosedChunk) == 16);

}  // namespace narthex::tsdb
