// A hash table of ids that one writer changes while readers search it without a lock. An entry is
// one word, hash and id; the owner says what an id's hash is, and whether it is the one wanted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "tsdb/head/retired_memory.h"

namespace narthex::tsdb {

/// Open addressing. Writers take turns; readers hold an EpochGuard of the RetiredMemory's epochs,
/// and may miss what is inserted while they search.
class IdTable {
 public:
  IdTable();
  ~IdTable();
  IdTable(const IdTable&) = delete;
  IdTable& operator=(const IdTable&) = delete;

  /// The id for which `equal(id)` holds among those inserted under `hash`, or 0.
  template <typename Equal>
  std::uint32_t find(std::uint32_t hash, Equal equal) const {
    const Block& block = *block_.load(std::memory_order_acquire);
    for (std::size_t at = hash & block.mask;; at = (at + 1) & block.mask) {
      const std::uint64_t entry = block.entries[at].load(std::memory_order_acquire);
      if (entry == kEmpty) return 0;
      if (entry == kErased || entry >> 32 != hash) continue;
      const auto id = static_cast<std::uint32_t>(entry);
      if (equal(id)) return id;
    }
  }

  /// `id` is neither 0 nor all ones, and not in the table.
  void insert(std::uint32_t hash, std::uint32_t id, RetiredMemory& retired);
  /// What insert() got.
  void erase(std::uint32_t hash, std::uint32_t id);
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t bytes() const;

 private:
  static constexpr std::uint64_t kEmpty = 0;
  static constexpr std::uint64_t kErased = 0xFFFFFFFF;  // its id is no id
  struct Block {
    explicit Block(std::size_t count)
        : mask(count - 1), entries(new std::atomic<std::uint64_t>[count]()) {}
    const std::size_t mask;
    const std::unique_ptr<std::atomic<std::uint64_t>[]> entries;
  };
  static void place(Block& block, std::uint64_t entry);
  void rebuild(RetiredMemory& retired);

  std::atomic<Block*> block_;
  std::atomic<std::size_t> size_{0};  // relaxed: it orders nothing
  std::size_t used_ = 0;              // erased ones too
};

}  // namespace narthex::tsdb
