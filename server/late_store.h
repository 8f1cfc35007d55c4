// The store as the other parts see it, from before it is open until after it is closed: they are
// made once, with this in hand, and meet kUnavailable while there is none. Thread-safe.
#pragma once

#include <atomic>

#include "model/storage.h"

namespace narthex::server {

/// Passes calls on to a store, or answers kUnavailable "TSDB not ready". Before open() no sample is
/// too old for oldest_time().
class LateStore final : public model::Appender, public model::Queryable {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels& labels,
                                      model::SeriesOwner owner) override;
  model::TimeMs oldest_time() const override;
  Result<model::AppendReport> append(const model::FloatBatch& batch) override;
  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override;

  /// Opens the door to a store, which must outlive close() and every call that began before it.
  template <typename Store>
  void open(Store& store) {
    appender_.store(&store, std::memory_order_release);
    queryable_.store(&store, std::memory_order_release);
  }
  /// From now on there is no store. Calls under way go on: they end before the store may.
  void close();

 private:
  std::atomic<model::Appender*> appender_{nullptr};    // release in open(), acquire by calls
  std::atomic<model::Queryable*> queryable_{nullptr};  // the same
};

}  // namespace narthex::server
