// Placing, growing and erasing entries.
#include "tsdb/head/id_table.h"

#include <algorithm>
#include <bit>

namespace narthex::tsdb {
namespace {

constexpr std::size_t kFirstEntries = 1024;

std::uint64_t entry_of(std::uint32_t hash, std::uint32_t id) {
  return std::uint64_t{hash} << 32 | id;
}

}  // namespace

IdTable::IdTable() : block_(std::make_unique<Block>(kFirstEntries).release()) {}
IdTable::~IdTable() {
  delete block_.load(std::memory_order_relaxed);
}

void IdTable::place(Block& block, std::uint64_t entry) {
  std::size_t at = (entry >> 32) & block.mask;
  while (block.entries[at].load(std::memory_order_relaxed) != kEmpty) at = (at + 1) & block.mask;
  block.entries[at].store(entry, std::memory_order_release);
}

// Into a table at most three eighths full, without what was erased.
void IdTable::rebuild(RetiredMemory& retired) {
  const Block& old = *block_.load(std::memory_order_relaxed);
  auto larger =
      std::make_unique<Block>(std::max(kFirstEntries, std::bit_ceil((size() + 1) * 8 / 3)));
  for (std::size_t i = 0; i <= old.mask; ++i) {
    const std::uint64_t entry = old.entries[i].load(std::memory_order_relaxed);
    if (entry != kEmpty && entry != kErased) place(*larger, entry);
  }
  used_ = size();
  retired.add(std::unique_ptr<Block>(block_.exchange(larger.release(), std::memory_order_seq_cst)));
}

void IdTable::insert(std::uint32_t hash, std::uint32_t id, RetiredMemory& retired) {
  const std::size_t count = block_.load(std::memory_order_relaxed)->mask + 1;
  if ((used_ + 1) * 4 > count * 3) rebuild(retired);
  place(*block_.load(std::memory_order_relaxed), entry_of(hash, id));
  size_.fetch_add(1, std::memory_order_relaxed);
  ++used_;
}

void IdTable::erase(std::uint32_t hash, std::uint32_t id) {
  Block& block = *block_.load(std::memory_order_relaxed);
  const std::uint64_t wanted = entry_of(hash, id);
  for (std::size_t at = hash & block.mask;; at = (at + 1) & block.mask) {
    const std::uint64_t entry = block.entries[at].load(std::memory_order_relaxed);
    if (entry == kEmpty) return;
    if (entry != wanted) continue;
    block.entries[at].store(kErased, std::memory_order_release);
    size_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
}

std::size_t IdTable::bytes() const {
  return (block_.load(std::memory_order_relaxed)->mask + 1) * sizeof(std::uint64_t);
}

}  // namespace narthex::tsdb
