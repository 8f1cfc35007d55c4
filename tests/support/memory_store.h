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
  void clear();
  std::size_t series_count() const { return series_.size(); }

  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override;

  struct Series {
    model::Labels labels;
    model::SampleColumns samples;
  };

 private:
  std::vector<std::unique_ptr<Series>> series_;
  std::unordered_map<model::Labels, Series*> by_labels_;
};

}  // namespace narthex::test
