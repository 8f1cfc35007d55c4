// Size classes over one reserved range.
#include "tsdb/head/chunk_arena.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kArenaBytes = std::size_t{64} << 30;  // fixed by u32 handles of 16 bytes
constexpr std::size_t kLimboBatch = 1024;  // tuned: retired blocks before readers are looked at

std::size_t class_for(std::size_t bytes) {
  std::size_t i = 0;
  while (i < kArenaClasses.size() && kArenaClasses[i] < bytes) ++i;
  return i;
}

}  // namespace

std::uint8_t arena_class_number(std::size_t bytes) {
  const std::size_t size_class = class_for(bytes);
  NX_CHECK(size_class < kArenaClasses.size());
  return static_cast<std::uint8_t>(size_class);
}

std::uint16_t arena_class(std::size_t bytes) {
  return kArenaClasses[arena_class_number(bytes)];
}

Result<ChunkArena> ChunkArena::create(Epochs& epochs, std::size_t bytes_max) {
  const std::size_t bytes = bytes_max == 0 ? kArenaBytes : std::min(bytes_max, kArenaBytes);
  NX_TRY_ASSIGN(ReservedMemory memory, ReservedMemory::reserve(bytes));
  return ChunkArena(epochs, std::move(memory));
}

// What is allocated under a claim counts twice until the claim ends: simple, and on the safe side.
Result<ChunkArena::Claim> ChunkArena::claim(std::size_t bytes) {
  const MutexLock lock(shared_->mutex);
  const std::uint64_t end = shared_->next_unit * kArenaUnitBytes + shared_->claimed + bytes;
  if (Result<void> room = memory_.commit(end); !room) {
    return std::move(room).error().with("no room for chunks");
  }
  shared_->claimed += bytes;
  return Claim(*this, bytes);
}

ChunkArena::Claim::Claim(Claim&& other) noexcept
    : arena_(other.arena_), bytes_(std::exchange(other.bytes_, 0)) {}

ChunkArena::Claim::~Claim() {
  if (bytes_ == 0) return;
  const MutexLock lock(arena_->shared_->mutex);
  arena_->shared_->claimed -= bytes_;
}

ChunkArena::ChunkArena(Epochs& epochs, ReservedMemory memory)
    : epochs_(&epochs), memory_(std::move(memory)), shared_(std::make_unique<Shared>()) {}

std::uint32_t ChunkArena::allocate(std::size_t bytes, std::uint16_t& capacity) {
  const std::uint8_t size_class = arena_class_number(bytes);
  capacity = kArenaClasses[size_class];
  const MutexLock lock(shared_->mutex);
  std::uint32_t& head = shared_->free[size_class];
  std::uint32_t handle = head;
  if (handle != 0) {
    std::memcpy(&head, at(handle), sizeof head);
  } else {
    const std::uint64_t units = capacity / kArenaUnitBytes;
    handle = static_cast<std::uint32_t>(shared_->next_unit);
    shared_->next_unit += units;
  }
  shared_->used += capacity;
  return handle;
}

void ChunkArena::retire(std::uint32_t handle, std::uint16_t capacity) {
  const std::uint8_t size_class = arena_class_number(capacity);
  const MutexLock lock(shared_->mutex);
  shared_->limbo.push_back({epochs_->current(), handle, size_class});
  if (shared_->limbo.size() >= kLimboBatch) reclaim_locked();
}

void ChunkArena::reclaim_locked() {
  epochs_->advance();
  const std::uint64_t oldest = epochs_->oldest_reader();
  while (!shared_->limbo.empty() && shared_->limbo.front().epoch < oldest) {
    const Retired entry = shared_->limbo.front();
    shared_->limbo.pop_front();
    std::memcpy(at(entry.handle), &shared_->free[entry.size_class], sizeof(std::uint32_t));
    shared_->free[entry.size_class] = entry.handle;
    shared_->used -= kArenaClasses[entry.size_class];
  }
}

std::uint64_t ChunkArena::used_bytes() const {
  const MutexLock lock(shared_->mutex);
  return shared_->used;
}

}  // namespace narthex::tsdb
