// Address space reserved once and touched as it is needed, so that handles can be plain offsets
// that stay valid.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace narthex {

/// Zero-filled, page-aligned, private memory. Costs resident memory only where it was written.
/// Movable.
class ReservedMemory {
 public:
  ReservedMemory() = default;
  /// kLimit when the system grants no such range.
  static Result<ReservedMemory> reserve(std::size_t bytes);
  ReservedMemory(ReservedMemory&& other) noexcept;
  ReservedMemory& operator=(ReservedMemory&& other) noexcept;
  ~ReservedMemory();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  ReservedMemory(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace narthex
