// One node's store: opens a data directory, recovers the head from the WAL, takes batches, opens
// queriers. Implements all of model/storage.h. Thread-safe after open().
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "model/storage.h"
#include "tsdb/config.h"
#include "tsdb/replay_control.h"
#include "tsdb/statistics.h"

namespace narthex::tsdb {

/// The store. resolve(), append() and the queriers are contracts of model/storage.h.
class Db final : public model::Appender, public model::Queryable, public model::ChunkQueryable {
  struct State;

 public:
  /// Everything passed by reference must outlive the store. Errors: kUnavailable when another
  /// process holds the directory; kIo; kCorrupt; kInvalid when the directory holds data this
  /// version cannot read (blocks); kCancelled when `control.stop` ended the replay, which leaves
  /// the directory as it was.
  static Result<std::unique_ptr<Db>> open(Options options, FileSystem& fs, const Clock& clock,
                                          Metrics& metrics, Log& log,
                                          const ReplayControl& control = {});
  /// Only for open().
  explicit Db(std::unique_ptr<State> state);
  ~Db() override;

  Result<model::SeriesHandle> resolve(const model::Labels& labels,
                                      model::SeriesOwner owner) override;
  model::TimeMs oldest_time() const override;
  Result<model::AppendReport> append(const model::FloatBatch& batch) override;
  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override;
  Result<std::unique_ptr<model::ChunkSource>> chunks(const model::Matchers& matchers,
                                                     const model::SelectHints& hints) override;

  /// Makes everything appended before the call durable. Call every few seconds (docs/promises.md,
  /// D2), not on an I/O thread.
  Result<void> sync();

  /// Syncs and gives the directory back. Appends fail afterwards; queriers must be gone.
  Result<void> close();

  /// The `limit` largest of each kind. Errors: those of `stop`.
  Result<DbStatistics> statistics(std::size_t limit, const StopToken& stop = {}) const;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace narthex::tsdb
