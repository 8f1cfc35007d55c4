// A store of label sets, enough for the series endpoints; and the JSON of an answer, for readable
// tests.
#pragma once

#include <algorithm>
#include <set>

#include "model/storage.h"

namespace narthex::test {

/// Series without samples. Remembers the range it was last opened for.
class FakeStore final : public model::Queryable {
 public:
  explicit FakeStore(std::vector<model::Labels> series) : series_(std::move(series)) {}

  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override {
    last_range = range;
    if (failure) return Error(*failure);
    return std::make_unique<FakeQuerier>(series_);
  }

  model::TimeRange last_range;
  std::optional<Error> failure;

 private:
  class Set final : public model::SeriesSet {
   public:
    explicit Set(std::vector<model::Labels> series) : series_(std::move(series)) {}
    std::size_t size() const override { return series_.size(); }
    model::Labels labels(std::size_t index) const override { return series_[index]; }
    void label_value_ids(std::string_view, std::span<std::uint32_t>) const override {}
    Result<void> read(std::size_t, model::TimeRange, model::SampleColumns&) const override {
      return {};
    }
    bool overlaps(std::size_t, model::TimeRange) const override { return true; }
    Result<std::optional<model::Sample>> read_newest(std::size_t, model::TimeRange) const override {
      return std::optional<model::Sample>();
    }

   private:
    std::vector<model::Labels> series_;
  };

  class FakeQuerier final : public model::Querier {
   public:
    explicit FakeQuerier(const std::vector<model::Labels>& series) : series_(series) {}
    Result<std::unique_ptr<model::SeriesSet>> select(const model::Matchers& matchers,
                                                     const model::SelectHints& hints) override {
      NX_TRY(hints.stop.check());
      return std::make_unique<Set>(matching(matchers));
    }
    Result<std::vector<std::string>> label_values(const std::string& name,
                                                  const model::Matchers& matchers,
                                                  const model::LabelHints& hints) override {
      NX_TRY(hints.stop.check());
      std::set<std::string> values;
      for (const model::Labels& labels : matching(matchers)) {
        if (labels.has(name)) values.emplace(labels.get(name));
      }
      return cut(values, hints.limit);
    }
    Result<std::vector<std::string>> label_names(const model::Matchers& matchers,
                                                 const model::LabelHints& hints) override {
      NX_TRY(hints.stop.check());
      std::set<std::string> names;
      for (const model::Labels& labels : matching(matchers)) {
        for (const model::LabelView label : labels) names.emplace(label.name);
      }
      return cut(names, hints.limit);
    }

   private:
    std::vector<model::Labels> matching(const model::Matchers& matchers) const {
      std::vector<model::Labels> out;
      for (const model::Labels& labels : series_) {
        if (model::matches_all(matchers, labels)) out.push_back(labels);
      }
      return out;
    }
    static std::vector<std::string> cut(const std::set<std::string>& items, std::size_t limit) {
      std::vector<std::string> out(items.begin(), items.end());
      if (limit > 0 && out.size() > limit) out.resize(limit);
      return out;
    }
    const std::vector<model::Labels>& series_;
  };

  std::vector<model::Labels> series_;
};

}  // namespace narthex::test
