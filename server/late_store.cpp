// LateStore.
#include "server/late_store.h"

namespace narthex::server {

Result<std::unique_ptr<model::Querier>> LateStore::querier(model::TimeRange range) {
  model::Queryable* store = store_.load(std::memory_order_acquire);
  if (store == nullptr) return Error(Code::kUnavailable, "TSDB not ready");
  return store->querier(range);
}

}  // namespace narthex::server
