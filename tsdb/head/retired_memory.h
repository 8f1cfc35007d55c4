// Memory that readers may still look at: it is freed when all of them have left.
//
// A writer publishes what is to be seen with one store, and hands what that replaced over to here.
// Readers hold an EpochGuard from before they load what was published until they need it no more.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "tsdb/head/epochs.h"

namespace narthex::tsdb {

/// One writer at a time.
class RetiredMemory {
 public:
  /// `epochs` outlives it; no reader is left when it is destroyed.
  explicit RetiredMemory(Epochs& epochs) : epochs_(epochs) {}

  /// Frees `object` later. It is out of reach of readers that come from now on.
  template <typename T, typename Deleter>
  void add(std::unique_ptr<T, Deleter> object) {
    if (object == nullptr) return;
    retired_.push_back({epochs_.current(), std::shared_ptr<void>(std::move(object))});
    if (retired_.size() % kBatch == 0) free_unseen();
  }

  /// Frees what no reader can see any more.
  void free_unseen() {
    epochs_.advance();
    const std::uint64_t oldest = epochs_.oldest_reader();
    while (!retired_.empty() && retired_.front().epoch < oldest) retired_.pop_front();
  }

  /// Objects that wait.
  std::size_t size() const { return retired_.size(); }

 private:
  static constexpr std::size_t kBatch = 64;  // tuned: objects between two looks at the readers
  struct Retired {
    std::uint64_t epoch;
    std::shared_ptr<void> object;
  };
  Epochs& epochs_;
  std::deque<Retired> retired_;
};

}  // namespace narthex::tsdb
