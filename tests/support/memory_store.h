// A store for tests: series in memory, in the order in which they came. Implements model/storage.h
// and nothing of tsdb.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/storage.h"

namespace narthex::test {

/// Thread-compatible. Queriers see later additions; do not add while one is open.
class MemoryStore final : public model::Queryable {
 public:
  /// Samples of one series must come in ascending time. A sample at a known time replaces it.
  void add(const model::Labels& labels, model::TimeMs time, double value);
  /// Newer than all of its series. Hints are those that upstream's store gives back: that a counter
  /// goes on, and of the first one after a reset nothing.
  void add(const model::Labels& labels, model::TimeMs time, model::HistogramPtr histogram);
  /// A sample which the model cannot hold yet. Selections see its series, and reading it is the
  /// error "not implemented yet: <what>". `what` must be a constant.
  void add_unreadable(const model::Labels& labels, model::TimeMs time, std::string_view what);
  void clear();
  std::size_t series_count() const { return series_.size(); }

  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override;

  struct Unreadable {
    model::TimeMs time = 0;
    std::string_view what;
  };
  struct Series {
    model::Labels labels;
    model::SampleColumns samples;
    std::vector<Unreadable> unreadable{};
  };

 private:
  static bool is_reset(const model::FloatHistogram& before, const model::FloatHistogram& now);
  Series& series(const model::Labels& labels);

  std::vector<std::unique_ptr<Series>> series_;
  std::unordered_map<model::Labels, Series*> by_labels_;
};

}  // namespace narthex::test
