// Accounts, and the operators new and delete that charge them. The operators are malloc() and
// free() with one look at a thread-local pointer; the sanitizers see through them.
#include "base/budget.h"

#include <algorithm>
#include <cstdlib>
#include <malloc.h>

#include "base/str.h"

namespace narthex {
namespace {

constexpr std::size_t kTakeBytes = 1024 * 1024;       // tuned: what an account takes at once
constexpr std::size_t kFirstTakeBytes = 256 * 1024;   // tuned: a dashboard's small query fits
constexpr std::size_t kReserveShare = 16;             // of a budget, kept for first takes
constexpr std::size_t kTrimBytes = 64 * 1024 * 1024;  // tuned: some milliseconds are little then

thread_local MemoryAccount* current_account = nullptr;

std::string mebibytes(std::size_t bytes) {
  return concat((bytes + 1024 * 1024 - 1) / (1024 * 1024), " MiB");
}

}  // namespace

// The heap keeps what was freed in pieces; after a large request the system gets it back, or the
// next one, on another thread with a heap of its own, comes on top.
MemoryAccount::~MemoryAccount() {
  budget_.taken_.fetch_sub(taken_, std::memory_order_relaxed);
  if (peak_ >= kTrimBytes) ::malloc_trim(0);
}

// Takes `bytes` and a little more from the budget, or none: a request that is refused never stands
// in the way of another.
bool MemoryAccount::take(std::size_t bytes) {
  const bool first = taken_ == 0 && bytes <= kFirstTakeBytes;
  const std::size_t wanted =
      first ? kFirstTakeBytes : (bytes + kTakeBytes - 1) / kTakeBytes * kTakeBytes;
  const std::size_t limit =
      budget_.limit_ == 0 ? std::numeric_limits<std::size_t>::max() : budget_.limit_;
  const std::size_t allowed = first ? limit : limit - limit / kReserveShare;
  std::size_t before = budget_.taken_.load(std::memory_order_relaxed);
  do {
    if (wanted > allowed || before > allowed - wanted) return false;
  } while (
      !budget_.taken_.compare_exchange_weak(before, before + wanted, std::memory_order_relaxed));
  taken_ += wanted;
  return true;
}

bool MemoryAccount::try_charge(std::size_t bytes) {
  const bool absurd = bytes > std::numeric_limits<std::size_t>::max() / 4;
  own_limit_hit_ = absurd || (limit_ != 0 && used_ + bytes > limit_);
  const bool fits = !own_limit_hit_ && (used_ + bytes <= taken_ || take(used_ + bytes - taken_));
  if (!fits) {
    budget_.refusals_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  return true;
}

// The common case first: what was taken from the budget covers it. Past that the account is charged
// all the same; it remembers that it is over, once, for check() to find.
void MemoryAccount::charge(std::size_t bytes) {
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  if (used_ <= taken_) [[likely]] {
    if (limit_ == 0 || used_ <= limit_) return;
  }
  own_limit_hit_ = limit_ != 0 && used_ > limit_;
  const bool fits = !own_limit_hit_ && (used_ <= taken_ || take(used_ - taken_));
  if (fits || over_) return;
  over_ = true;
  budget_.refusals_.fetch_add(1, std::memory_order_relaxed);
}

void MemoryAccount::credit(std::size_t bytes) {
  used_ -= std::min(bytes, used_);
  constexpr std::size_t kSlackBytes = 8 * kTakeBytes;  // so that a loop does not take and give back
  if (taken_ < used_ + kSlackBytes) return;
  const std::size_t kept = (used_ + kTakeBytes - 1) / kTakeBytes * kTakeBytes;
  budget_.taken_.fetch_sub(taken_ - kept, std::memory_order_relaxed);
  taken_ = kept;
}

Result<void> MemoryAccount::check() const {
  if (!over_) [[likely]]
    return {};
  return refusal();
}

Error MemoryAccount::refusal() const {
  if (own_limit_hit_) {
    return Error(Code::kLimit, concat("query needs more memory than one query may use (",
                                      mebibytes(limit_), ")"));
  }
  return Error(Code::kLimit, concat("query needs more memory than ", budget_.name(),
                                    " together may use (", mebibytes(budget_.limit()), ")"));
}

MemoryScope::MemoryScope(MemoryAccount* account) : before_(current_account) {
  current_account = account;
}
MemoryScope::~MemoryScope() {
  current_account = before_;
}
MemoryAccount* MemoryScope::current() {
  return current_account;
}

namespace {

// Null when the system has none; `refused` when the account has not.
template <typename Allocate>
void* charged(std::size_t bytes, bool& refused, const Allocate& allocate) {
  MemoryAccount* account = current_account;
  if (account == nullptr) [[likely]]
    return allocate();
  if (bytes >= kBulkBytes && !account->try_charge(bytes)) {
    // While another exception is on its way, a second one would end the process.
    refused = std::uncaught_exceptions() == 0;
    if (refused) return nullptr;
    account->charge(bytes);
  }
  void* memory = allocate();
  const std::size_t usable = memory == nullptr ? 0 : malloc_usable_size(memory);
  const std::size_t paid = bytes >= kBulkBytes ? bytes : 0;
  if (usable >= paid) {
    account->charge(usable - paid);
  } else {
    account->credit(paid - usable);
  }
  return memory;
}

void release(void* memory) {
  if (current_account != nullptr && memory != nullptr) {
    current_account->credit(malloc_usable_size(memory));
  }
  std::free(memory);
}

// As [new.delete] asks: the handler may find memory.
template <typename Allocate>
void* allocate_or_throw(std::size_t bytes, const Allocate& allocate) {
  for (;;) {
    bool refused = false;
    if (void* memory = charged(bytes, refused, allocate)) return memory;
    if (refused) throw MemoryRefused();
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

[[maybe_unused]] void* allocate_plain(std::size_t bytes) {
  return allocate_or_throw(bytes, [bytes] { return std::malloc(std::max<std::size_t>(bytes, 1)); });
}

[[maybe_unused]] void* allocate_aligned(std::size_t bytes, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  const std::size_t whole = (std::max<std::size_t>(bytes, 1) + align - 1) / align * align;
  return allocate_or_throw(whole, [=] { return std::aligned_alloc(align, whole); });
}

}  // namespace

void* allocate_zeroed(std::size_t bytes) {
  return allocate_or_throw(bytes,
                           [bytes] { return std::calloc(std::max<std::size_t>(bytes, 1), 1); });
}

void free_zeroed(void* memory) {
  release(memory);
}

}  // namespace narthex

// The thread sanitizer brings operators that nothing may replace: there, nothing is counted.
#if !__has_feature(thread_sanitizer)

void* operator new(std::size_t bytes) {
  return narthex::allocate_plain(bytes);
}
void* operator new[](std::size_t bytes) {
  return narthex::allocate_plain(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return narthex::allocate_aligned(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return narthex::allocate_aligned(bytes, alignment);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return narthex::allocate_plain(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes, const std::nothrow_t& tag) noexcept {
  return operator new(bytes, tag);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  try {
    return narthex::allocate_aligned(bytes, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t& tag) noexcept {
  return operator new(bytes, alignment, tag);
}

void operator delete(void* memory) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory) noexcept {
  narthex::release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  narthex::release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  narthex::release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  narthex::release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  narthex::release(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  narthex::release(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  narthex::release(memory);
}

#endif
