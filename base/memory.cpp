// ReservedMemory over anonymous mmap.
#include "base/memory.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "base/str.h"

namespace narthex {

Result<ReservedMemory> ReservedMemory::reserve(std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Error(Code::kLimit,
                 concat("reserve ", bytes, " bytes of address space: ", std::strerror(errno)));
  }
  return ReservedMemory(static_cast<std::byte*>(address), bytes);
}

ReservedMemory::ReservedMemory(ReservedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ReservedMemory& ReservedMemory::operator=(ReservedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

ReservedMemory::~ReservedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace narthex
