// One atomic sum for all holders, taken first and given back when it was too much: two threads may
// refuse each other at the very edge, but the bound never breaks and nobody waits.
#include "base/byte_budget.h"

namespace narthex {

bool ByteBudget::try_take(std::size_t bytes) {
  const std::size_t before = held_.fetch_add(bytes, std::memory_order_relaxed);
  if (before <= bytes_max_ && bytes <= bytes_max_ - before) return true;
  give(bytes);
  return false;
}

void ByteBudget::give(std::size_t bytes) {
  held_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool BudgetShare::grow_to(std::size_t bytes) {
  if (budget_ == nullptr || bytes <= free_bytes_ + counted_) return true;
  // What is free of charge is used up first, so a share that stays small never touches the sum.
  const std::size_t more = bytes - free_bytes_ - counted_;
  if (!budget_->try_take(more)) return false;
  counted_ += more;
  return true;
}

void BudgetShare::reset() {
  if (budget_ != nullptr) budget_->give(counted_);
  counted_ = 0;
}

}  // namespace narthex
