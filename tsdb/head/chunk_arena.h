// Where open and closed chunks live: one reserved range, handles of 16-byte units, slabs of fixed
// size classes with a free list each. Freed memory waits in limbo until no reader of its epoch is
// left. Thread-safe; lock rank 60 (leaf).
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "base/memory.h"
#include "base/mutex.h"
#include "base/result.h"
#include "tsdb/head/epochs.h"

namespace narthex::tsdb {

inline constexpr std::size_t kArenaUnitBytes =
    16;  // fixed by series_hot.h: chunk handles count these
/// Sizes in which memory is given out. 1072 holds the largest chunk upstream's cutting rule allows
/// (1005 bytes and one sample) with the decoder's padding.
inline constexpr std::array<std::uint16_t, 11> kArenaClasses = {32,  48,  64,  96,  128, 192,
                                                                256, 384, 512, 768, 1072};

/// What a request of `bytes` gets: the smallest class that holds them.
std::uint16_t arena_class(std::size_t bytes);
/// Its number, the index in kArenaClasses.
std::uint8_t arena_class_number(std::size_t bytes);

class ChunkArena {
 public:
  /// Memory set aside for allocations that cannot be refused any more, because they are made under
  /// a lock or after a promise. Given back by destruction; must not outlive the arena.
  class Claim {
   public:
    Claim(Claim&& other) noexcept;
    Claim& operator=(Claim&&) = delete;
    ~Claim();

   private:
    friend class ChunkArena;
    Claim(ChunkArena& arena, std::size_t bytes) : arena_(&arena), bytes_(bytes) {}
    ChunkArena* arena_;
    std::size_t bytes_;
  };

  /// `bytes_max` 0: as much as handles can name. kLimit when the address range cannot be reserved.
  /// `epochs` must outlive the arena.
  static Result<ChunkArena> create(Epochs& epochs, std::size_t bytes_max = 0);

  /// Sets `bytes` aside, counted in classes. kLimit: the arena is full, or there is no memory.
  Result<Claim> claim(std::size_t bytes);

  /// Memory for at least `bytes` (at most the largest class), contents undefined. `capacity` is
  /// what is there. The caller holds a claim that covers it.
  std::uint32_t allocate(std::size_t bytes, std::uint16_t& capacity);

  /// Gives memory of `capacity` back once readers of this epoch have left.
  void retire(std::uint32_t handle, std::uint16_t capacity);

  std::byte* at(std::uint32_t handle) const {
    return memory_.data() + std::size_t{handle} * kArenaUnitBytes;
  }

  /// Bytes handed out, limbo included.
  std::uint64_t used_bytes() const;

 private:
  struct Retired {
    std::uint64_t epoch;
    std::uint32_t handle;
    std::uint8_t size_class;
  };
  struct Shared {
    Mutex mutex;
    std::uint64_t next_unit NX_GUARDED_BY(mutex) = 1;  // 0 means "no chunk"
    std::array<std::uint32_t, kArenaClasses.size()> free NX_GUARDED_BY(mutex) = {};
    std::deque<Retired> limbo NX_GUARDED_BY(mutex);
    std::uint64_t used NX_GUARDED_BY(mutex) = 0;
    std::uint64_t claimed NX_GUARDED_BY(mutex) = 0;
  };

  ChunkArena(Epochs& epochs, ReservedMemory memory);
  void reclaim_locked() NX_REQUIRES(shared_->mutex);

  Epochs* epochs_;
  ReservedMemory memory_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace narthex::tsdb
