// ReservedMemory over anonymous mmap. The range is reserved without access (PROT_NONE), which costs
// no memory and no promise of any; mprotect() makes it usable in steps, an eighth of what is there
// ahead of need, so a table that doubles makes few calls. When the system refuses the step ahead,
// the bare need is tried before giving up.
#include "base/memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

#include "base/str.h"

namespace narthex {
namespace {

constexpr std::size_t kStepBytes =
    1024 * 1024;                           // tuned: a call for many small growths; whole pages
constexpr std::size_t kAheadFraction = 8;  // tuned: of what is there already

std::size_t whole_steps(std::size_t bytes) {
  return (bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
}

}  // namespace

Result<ReservedMemory> ReservedMemory::reserve(std::size_t bytes) {
  void* address =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return Error(Code::kLimit,
                 concat("reserve ", bytes, " bytes of address space: ", std::strerror(errno)));
  }
  return ReservedMemory(static_cast<std::byte*>(address), bytes);
}

Result<void> ReservedMemory::grow(std::size_t bytes) {
  if (bytes > size_) return Error(Code::kLimit, concat("all ", size_, " bytes are in use"));
  const std::size_t needed = std::min(whole_steps(bytes), size_);
  const std::size_t ahead =
      std::min(whole_steps(std::max(bytes, committed_ + committed_ / kAheadFraction)), size_);
  for (const std::size_t end : {ahead, needed}) {
    if (::mprotect(data_ + committed_, end - committed_, PROT_READ | PROT_WRITE) != 0) continue;
    committed_ = end;
    return {};
  }
  return Error(Code::kLimit, concat("commit ", bytes, " bytes of memory: ", std::strerror(errno)));
}

ReservedMemory::ReservedMemory(ReservedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      committed_(std::exchange(other.committed_, 0)) {}

ReservedMemory& ReservedMemory::operator=(ReservedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(committed_, other.committed_);
  return *this;
}

ReservedMemory::~ReservedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace narthex
