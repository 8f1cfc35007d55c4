// An array that one writer changes while readers walk over it without a lock. What is appended is
// written first and then counted; all else is a copy that takes the place of the array.
#pragma once

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "tsdb/head/retired_memory.h"

namespace narthex::tsdb {

/// 8 bytes while it is empty. Writers take turns; readers hold an EpochGuard of the RetiredMemory's
/// epochs.
template <typename T>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SharedArray() = default;
  ~SharedArray() { delete block_.load(std::memory_order_relaxed); }
  SharedArray(const SharedArray&) = delete;
  SharedArray& operator=(const SharedArray&) = delete;

  /// What is there now; as long as the guard.
  std::span<const T> view() const {
    const Block* block = block_.load(std::memory_order_acquire);
    if (block == nullptr) return {};
    return {block->items.get(), block->size.load(std::memory_order_acquire)};
  }

  void push_back(T item, RetiredMemory& retired) {
    Block* block = block_.load(std::memory_order_relaxed);
    const std::size_t size = view().size();
    if (block == nullptr || size == block->capacity) {
      block = replace(view(), size + size / 4 + 2, retired);
    }
    block->items[size] = item;
    block->size.store(size + 1, std::memory_order_release);
  }

  /// Keeps those for which `is_gone(item)` does not hold, in their order.
  template <typename IsGone>
  void erase_if(IsGone is_gone, RetiredMemory& retired) {
    std::vector<T> kept;
    std::ranges::remove_copy_if(view(), std::back_inserter(kept), is_gone);
    if (kept.size() < view().size()) replace(kept, kept.size(), retired);
  }

 private:
  struct Block {
    explicit Block(std::size_t count) : capacity(count), items(new T[count]) {}
    const std::size_t capacity;
    std::atomic<std::size_t> size{0};
    std::unique_ptr<T[]> items;
  };

  Block* replace(std::span<const T> content, std::size_t capacity, RetiredMemory& retired) {
    auto made = std::make_unique<Block>(capacity);
    std::ranges::copy(content, made->items.get());
    made->size.store(content.size(), std::memory_order_relaxed);
    Block* const block = made.release();
    retired.add(std::unique_ptr<Block>(block_.exchange(block, std::memory_order_seq_cst)));
    return block;
  }

  std::atomic<Block*> block_{nullptr};
};

}  // namespace narthex::tsdb
