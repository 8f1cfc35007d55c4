// The store as the API sees it before it is open: kUnavailable, then the real one. Thread-safe.
#pragma once

#include <atomic>

#include "model/storage.h"

namespace narthex::server {

class LateStore final : public model::Queryable {
 public:
  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override;

  /// `store` must outlive this object or the next call; nullptr closes the door again.
  void set(model::Queryable* store) { store_.store(store, std::memory_order_release); }

 private:
  std::atomic<model::Queryable*> store_{nullptr};  // release in set(), acquire in querier()
};

}  // namespace narthex::server
