// Budgets of memory: what a request allocates is counted as it is allocated, and refused before it
// is had.
//
// The program's operator new (budget.cpp) looks at the thread's current account. Everything that is
// allocated while a MemoryScope stands is charged to its account, whoever asks: tables, label sets,
// hash maps, result bodies. Nothing in the engine has to be taught to count, and nothing can forget
// to. Three rules keep it simple:
//
//   - A bulk allocation (kBulkBytes or more) that does not fit is refused before it is made:
//     operator new throws MemoryRefused, a std::bad_alloc. run_charged() turns it into an Error.
//   - A small one is never refused, only counted, so that no destructor and no lock is surprised;
//     loops see the account run over through check(), which they call beside StopToken::check().
//   - Freed memory is credited to the account of the thread that frees it. An account that ends
//     gives back what is left, so a balance that is off by what outlived it harms nobody.
//
// Accounts take from a shared budget in steps, so that threads seldom meet at it. The last
// sixteenth of a budget is for what an account takes first: however much the large requests hold,
// a small one finds room.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace narthex {

/// What several accounts share. Thread-safe. Outlives its accounts.
class MemoryBudget {
 public:
  /// `limit_bytes` 0: none. `name` is how errors call it: "all queries".
  MemoryBudget(std::string name, std::size_t limit_bytes)
      : name_(std::move(name)), limit_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  const std::string& name() const { return name_; }
  std::size_t limit() const { return limit_; }
  /// Bytes that accounts have taken.
  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  /// Times an account was refused bytes, by itself or by this budget.
  std::size_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

 private:
  friend class MemoryAccount;
  const std::string name_;
  const std::size_t limit_;
  std::atomic<std::size_t> taken_{0};     // relaxed: a sum, it orders nothing
  std::atomic<std::size_t> refusals_{0};  // relaxed: likewise
};

/// The bytes of one request. Used by one thread at a time.
class MemoryAccount {
 public:
  /// `limit_bytes` 0: only the budget's.
  MemoryAccount(MemoryBudget& budget, std::size_t limit_bytes)
      : budget_(budget), limit_(limit_bytes) {}
  ~MemoryAccount();
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  /// kLimit once more was used than allowed. Cheap.
  Result<void> check() const;
  std::size_t used() const { return used_; }
  std::size_t peak() const { return peak_; }

  /// False, and nothing is charged, if `bytes` do not fit.
  bool try_charge(std::size_t bytes);
  /// Charged even if they do not fit; check() says so then.
  void charge(std::size_t bytes);
  void credit(std::size_t bytes);
  /// Says what try_charge() refused last.
  Error refusal() const;

 private:
  bool take(std::size_t bytes);

  MemoryBudget& budget_;
  const std::size_t limit_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
  std::size_t taken_ = 0;       // from the budget
  bool over_ = false;           // more is used than may be
  bool own_limit_hit_ = false;  // which limit refused last
};

/// Makes `account` the one that this thread's allocations are charged to, until the scope ends.
/// Null: none. Scopes nest.
class MemoryScope {
 public:
  /// `account` outlives the scope and all memory that is charged to it.
  explicit MemoryScope(MemoryAccount* account);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

  /// This thread's account, for handing it on to a thread that works for this one. Null: none.
  static MemoryAccount* current();

 private:
  MemoryAccount* before_;
};

/// Thrown by operator new instead of an allocation that an account refuses.
class MemoryRefused final : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return "memory budget exceeded"; }
};

/// Allocations from here on are refused, smaller ones only counted.
inline constexpr std::size_t kBulkBytes = 64 * 1024;  // tuned: see the opening

/// Zeroed bytes that the kernel hands out on first touch, so that a large table costs what is
/// written of it. Charged like operator new. Free with free_zeroed().
void* allocate_zeroed(std::size_t bytes);
void free_zeroed(void* memory);

/// What `work` returns, a Result, with its allocations charged to `account`. Memory refused by the
/// account is an error (kLimit) of this work alone. What the system refuses, or no size allows,
/// goes on as the exception it is: the caller's wall logs and counts it (base/exceptions.h).
template <typename Work>
std::invoke_result_t<Work> run_charged(MemoryAccount& account, Work&& work) {
  const MemoryScope scope(&account);
  try {
    return std::forward<Work>(work)();
  } catch (const MemoryRefused&) {
    return account.refusal();
  }
}

}  // namespace narthex
