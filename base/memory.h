// Address space reserved once and made usable as it is needed, so that a table can grow without
// ever moving: handles into it are plain offsets that stay valid, and readers need no lock against
// growth.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace narthex {

/// Zero-filled, page-aligned, private memory. A reservation costs nothing, not even where the
/// system promises no more memory than it has (vm.overcommit_memory=2); only what was committed may
/// be touched, and it costs resident memory only where it was written. Movable.
class ReservedMemory {
 public:
  ReservedMemory() = default;
  /// kLimit when the system grants no such range.
  static Result<ReservedMemory> reserve(std::size_t bytes);
  ReservedMemory(ReservedMemory&& other) noexcept;
  ReservedMemory& operator=(ReservedMemory&& other) noexcept;
  ~ReservedMemory();

  /// Makes at least the first `bytes` readable and writable; what is there stays in place. kLimit:
  /// beyond size(), or the system promises no more memory. Callers take turns; what was committed
  /// before may be used meanwhile.
  Result<void> commit(std::size_t bytes) {
    return bytes <= committed_ ? Result<void>() : grow(bytes);
  }

  std::byte* data() const { return data_; }
  /// Bytes reserved.
  std::size_t size() const { return size_; }

 private:
  ReservedMemory(std::byte* data, std::size_t size) : data_(data), size_(size) {}
  Result<void> grow(std::size_t bytes);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t committed_ = 0;
};

}  // namespace narthex
