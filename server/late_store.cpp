// Each call looks once whether there is a store and stays with what it saw: close() stops later
// calls only, so whoever closes waits for the callers before the store goes.
#include "server/late_store.h"

#include <limits>

namespace narthex::server {
namespace {

Error not_ready() {
  return Error(Code::kUnavailable, "TSDB not ready");
}

}  // namespace

Result<model::SeriesHandle> LateStore::resolve(const model::Labels& labels,
                                               model::SeriesOwner owner) {
  model::Appender* store = appender_.load(std::memory_order_acquire);
  if (store == nullptr) return not_ready();
  return store->resolve(labels, owner);
}

model::TimeMs LateStore::oldest_time() const {
  const model::Appender* store = appender_.load(std::memory_order_acquire);
  return store == nullptr ? std::numeric_limits<model::TimeMs>::min() : store->oldest_time();
}

Result<model::AppendReport> LateStore::append(const model::FloatBatch& batch) {
  model::Appender* store = appender_.load(std::memory_order_acquire);
  if (store == nullptr) return not_ready();
  return store->append(batch);
}

Result<std::unique_ptr<model::Querier>> LateStore::querier(model::TimeRange range) {
  model::Queryable* store = queryable_.load(std::memory_order_acquire);
  if (store == nullptr) return not_ready();
  return store->querier(range);
}

void LateStore::close() {
  appender_.store(nullptr, std::memory_order_release);
  queryable_.store(nullptr, std::memory_order_release);
}

}  // namespace narthex::server
