// A store that keeps rows in vectors, for tests of what writes to one.
#pragma once

#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "model/storage.h"

namespace narthex::test {

/// Thread-safe. Accepts everything whose time is not older than the series' newest sample.
class FakeAppender final : public model::Appender {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels& labels,
                                      model::SeriesOwner owner) override;
  model::TimeMs oldest_time() const override;
  Result<model::AppendReport> append(const model::FloatBatch& batch) override;

  /// Samples by the series' text form, in order of arrival.
  using Rows = std::map<std::string, std::vector<model::Sample>>;
  Rows rows() const;
  /// The samples of one series: `up{instance="a"}` and so on. Empty when there is none.
  std::vector<model::Sample> samples(const std::string& series) const;
  /// The newest value, or NaN when there is none.
  double newest(const std::string& series) const;
  std::size_t batches() const;
  std::size_t resolves() const;

  /// The series no longer exists: appends to its handle are kGone, and resolve() gives a new
  /// handle.
  void forget(const std::string& series);
  /// No new series from now on.
  void refuse_new_series(bool on);
  void fail_appends(bool on);
  /// Rows of series without a sample are out of bounds when older. None by default.
  void set_oldest_time(model::TimeMs time);
  /// From now on no memory is left for these: std::bad_alloc. Empty: there is enough.
  void lack_memory_for(std::string series);
  void lack_memory_for_appends(bool on);

 private:
  struct Series {
    std::string text;
    std::uint32_t generation = 0;
    std::size_t batch = 0;  // of the newest sample
    std::vector<model::Sample> samples;
  };
  mutable std::mutex mutex_;
  std::map<std::string, std::uint32_t> slots_;
  std::vector<Series> series_;
  std::size_t batches_ = 0;
  std::size_t resolves_ = 0;
  bool refuse_ = false;
  model::TimeMs oldest_ = std::numeric_limits<model::TimeMs>::min();
  bool fail_ = false;
  bool lacks_append_memory_ = false;
  std::string lacks_memory_for_;
};

}  // namespace narthex::test
