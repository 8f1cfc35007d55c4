// A store in memory for rule tests: keeps every sample, in order of appending, and answers
// newest-sample reads.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "model/storage.h"

namespace narthex::test {

/// Not thread-safe.
class RuleStore final : public model::Appender, public model::Queryable {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels& labels, model::SeriesOwner) override {
    const auto found = std::ranges::find(labels_, labels);
    if (found == labels_.end()) {
      labels_.push_back(labels);
      samples_.emplace_back();
      generations_.push_back(0);
      return handle(labels_.size() - 1);
    }
    return handle(static_cast<std::size_t>(found - labels_.begin()));
  }

  model::TimeMs oldest_time() const override { return std::numeric_limits<model::TimeMs>::min(); }
  Result<model::AppendReport> append(const model::FloatBatch& batch) override {
    model::AppendReport report;
    for (std::size_t i = 0; i < batch.series.size(); ++i) {
      if (batch.series[i] != handle(batch.series[i].slot)) {
        report.verdicts.push_back(model::RowVerdict::kGone);
        ++report.gone;
        continue;
      }
      auto& samples = samples_[batch.series[i].slot];
      const bool late = !samples.empty() && samples.back().time > batch.time;
      const bool again = !samples.empty() && samples.back().time == batch.time;
      report.verdicts.push_back(late    ? model::RowVerdict::kOutOfOrder
                                : again ? model::RowVerdict::kDuplicate
                                        : model::RowVerdict::kAppended);
      if (!late && !again) samples.push_back({batch.time, batch.values[i]});
    }
    return report;
  }

  /// All series lose their samples, and handles to them are gone.
  void forget() {
    for (std::uint32_t& generation : generations_) ++generation;
    for (auto& samples : samples_) samples.clear();
  }

  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange) override {
    return std::make_unique<StoreQuerier>(*this);
  }

  /// The samples of the series written `{...}` as Labels::to_string() does; stale markers read as
  /// "stale".
  std::string text_of(const std::string& series) const {
    std::string out;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (labels_[i].to_string() != series) continue;
      for (const model::Sample& sample : samples_[i]) {
        const std::string value = model::is_stale(sample.value)
                                      ? "stale"
                                      : std::to_string(static_cast<long>(sample.value));
        out += (out.empty() ? "" : " ") + value + "@" + std::to_string(sample.time / 1000);
      }
    }
    return out;
  }

  std::vector<std::string> series() const {
    std::set<std::string> names;
    for (const model::Labels& labels : labels_) names.insert(labels.to_string());
    return {names.begin(), names.end()};
  }

 private:
  model::SeriesHandle handle(std::size_t slot) const {
    return {.slot = static_cast<std::uint32_t>(slot), .generation = generations_[slot]};
  }

  class Set final : public model::SeriesSet {
   public:
    Set(const RuleStore& store, std::vector<std::size_t> found)
        : store_(store), found_(std::move(found)) {}
    std::size_t size() const override { return found_.size(); }
    model::Labels labels(std::size_t index) const override { return store_.labels_[found_[index]]; }
    void label_value_ids(std::string_view, std::span<std::uint32_t>) const override {}
    Result<void> read(std::size_t, model::TimeRange, model::SampleColumns&) const override {
      return {};
    }
    bool overlaps(std::size_t, model::TimeRange) const override { return true; }
    Result<std::optional<model::Sample>> read_newest(std::size_t index,
                                                     model::TimeRange range) const override {
      const auto& samples = store_.samples_[found_[index]];
      for (auto it = samples.rbegin(); it != samples.rend(); ++it) {
        if (it->time >= range.min && it->time <= range.max) return std::optional(*it);
      }
      return std::optional<model::Sample>();
    }

   private:
    const RuleStore& store_;
    std::vector<std::size_t> found_;
  };

  class StoreQuerier final : public model::Querier {
   public:
    explicit StoreQuerier(const RuleStore& store) : store_(store) {}
    Result<std::unique_ptr<model::SeriesSet>> select(const model::Matchers& matchers,
                                                     const model::SelectHints&) override {
      std::vector<std::size_t> found;
      for (std::size_t i = 0; i < store_.labels_.size(); ++i) {
        if (model::matches_all(matchers, store_.labels_[i])) found.push_back(i);
      }
      return std::make_unique<Set>(store_, std::move(found));
    }
    Result<std::vector<std::string>> label_values(const std::string&, const model::Matchers&,
                                                  const model::LabelHints&) override {
      return std::vector<std::string>();
    }
    Result<std::vector<std::string>> label_names(const model::Matchers&,
                                                 const model::LabelHints&) override {
      return std::vector<std::string>();
    }

   private:
    const RuleStore& store_;
  };

  std::vector<model::Labels> labels_;
  std::vector<std::uint32_t> generations_;
  std::vector<std::vector<model::Sample>> samples_;
};

}  // namespace narthex::test
