// A store for tests.
#include "tests/support/memory_store.h"

#include <algorithm>
#include <set>

#include "base/str.h"

namespace narthex::test {
namespace {

using Series = MemoryStore::Series;
using Unreadable = MemoryStore::Unreadable;

class MemorySeriesSet final : public model::SeriesSet {
 public:
  explicit MemorySeriesSet(std::vector<const Series*> series) : series_(std::move(series)) {}

  std::size_t size() const override { return series_.size(); }
  model::Labels labels(std::size_t index) const override { return series_[index]->labels; }

  void label_value_ids(std::string_view name, std::span<std::uint32_t> out) const override {
    std::map<std::string, std::uint32_t, std::less<>> ids;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      const std::string_view value = series_[i]->labels.get(name);
      const auto next = static_cast<std::uint32_t>(ids.size() + 1);
      out[i] = value.empty() ? 0 : ids.try_emplace(std::string(value), next).first->second;
    }
  }

  Result<void> read(std::size_t index, model::TimeRange range,
                    model::SampleColumns& out) const override {
    if (const Unreadable* sample = newest_unreadable(index, range)) return refusal(*sample);
    const auto [begin, end] = bounds(index, range);
    const model::SampleColumns& samples = series_[index]->samples;
    if (!samples.histograms.empty()) {
      for (std::size_t i = begin; i < end; ++i) out.push(samples, i);
      return {};
    }
    const auto copy = [&](const auto& from, auto& to) {
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin),
                from.begin() + static_cast<std::ptrdiff_t>(end));
    };
    copy(samples.times, out.times);
    copy(samples.values, out.values);
    return {};
  }

  bool overlaps(std::size_t index, model::TimeRange range) const override {
    const auto [begin, end] = bounds(index, range);
    return begin != end || newest_unreadable(index, range) != nullptr;
  }

  Result<std::optional<model::Sample>> read_newest(std::size_t index,
                                                   model::TimeRange range) const override {
    const auto [begin, end] = bounds(index, range);
    const model::SampleColumns& samples = series_[index]->samples;
    const Unreadable* unreadable = newest_unreadable(index, range);
    if (unreadable != nullptr && (begin == end || samples.times[end - 1] <= unreadable->time)) {
      return refusal(*unreadable);
    }
    if (begin == end) return std::nullopt;
    const model::HistogramPtr* histogram = samples.histograms.find(end - 1);
    return model::Sample{.time = samples.times[end - 1],
                         .value = samples.values[end - 1],
                         .histogram = histogram == nullptr ? nullptr : *histogram};
  }

 private:
  static Error refusal(const Unreadable& sample) {
    return Error(Code::kExecution, concat("not implemented yet: ", sample.what));
  }

  const Unreadable* newest_unreadable(std::size_t index, model::TimeRange range) const {
    const Unreadable* newest = nullptr;
    for (const Unreadable& sample : series_[index]->unreadable) {
      if (sample.time < range.min || sample.time > range.max) continue;
      if (newest == nullptr || newest->time < sample.time) newest = &sample;
    }
    return newest;
  }

  struct Bounds {
    std::size_t begin;
    std::size_t end;
  };
  Bounds bounds(std::size_t index, model::TimeRange range) const {
    const auto& times = series_[index]->samples.times;
    const auto begin = std::ranges::lower_bound(times, range.min);
    const auto end = std::ranges::upper_bound(times, range.max);
    if (end < begin) return {.begin = 0, .end = 0};
    return {.begin = static_cast<std::size_t>(begin - times.begin()),
            .end = static_cast<std::size_t>(end - times.begin())};
  }

  std::vector<const Series*> series_;
};

class MemoryQuerier final : public model::Querier {
 public:
  explicit MemoryQuerier(const std::vector<std::unique_ptr<Series>>& series) : series_(series) {}

  Result<std::unique_ptr<model::SeriesSet>> select(const model::Matchers& matchers,
                                                   const model::SelectHints&) override {
    return std::make_unique<MemorySeriesSet>(matching(matchers));
  }

  Result<std::vector<std::string>> label_values(const std::string& name,
                                                const model::Matchers& matchers,
                                                const model::LabelHints& hints) override {
    std::set<std::string> values;
    for (const Series* series : matching(matchers)) {
      if (series->labels.has(name)) values.emplace(series->labels.get(name));
    }
    return cut(values, hints.limit);
  }

  Result<std::vector<std::string>> label_names(const model::Matchers& matchers,
                                               const model::LabelHints& hints) override {
    std::set<std::string> names;
    for (const Series* series : matching(matchers)) {
      for (const auto label : series->labels) names.emplace(label.name);
    }
    return cut(names, hints.limit);
  }

 private:
  std::vector<const Series*> matching(const model::Matchers& matchers) const {
    std::vector<const Series*> found;
    for (const auto& series : series_) {
      if (model::matches_all(matchers, series->labels)) found.push_back(series.get());
    }
    return found;
  }

  static std::vector<std::string> cut(const std::set<std::string>& all, std::size_t limit) {
    std::vector<std::string> out(all.begin(), all.end());
    if (limit != 0 && out.size() > limit) out.resize(limit);
    return out;
  }

  const std::vector<std::unique_ptr<Series>>& series_;
};

}  // namespace

// Of a counter: whether it counts less anywhere than before.
bool MemoryStore::is_reset(const model::FloatHistogram& before, const model::FloatHistogram& now) {
  if (now.count < before.count || now.zero_count < before.zero_count) return true;
  const std::vector<model::HistogramBucket> buckets = now.buckets();
  return std::ranges::any_of(before.buckets(), [&](const model::HistogramBucket& old) {
    const auto same = std::ranges::find(buckets, old.upper, &model::HistogramBucket::upper);
    return same == buckets.end() ? old.count != 0 : same->count < old.count;
  });
}

Series& MemoryStore::series(const model::Labels& labels) {
  Series*& found = by_labels_[labels];
  if (found == nullptr) {
    series_.push_back(std::make_unique<Series>(Series{.labels = labels, .samples = {}}));
    found = series_.back().get();
  }
  return *found;
}

void MemoryStore::add_unreadable(const model::Labels& labels, model::TimeMs time,
                                 std::string_view what) {
  series(labels).unreadable.push_back({.time = time, .what = what});
}

void MemoryStore::add(const model::Labels& labels, model::TimeMs time, double value) {
  model::SampleColumns& samples = series(labels).samples;
  if (samples.times.empty() || samples.times.back() < time) return samples.push(time, value);
  const auto at = std::ranges::lower_bound(samples.times, time);
  const auto index = at - samples.times.begin();
  if (*at == time) {
    samples.values[static_cast<std::size_t>(index)] = value;
    return;
  }
  samples.times.insert(at, time);
  samples.values.insert(samples.values.begin() + index, value);
}

void MemoryStore::add(const model::Labels& labels, model::TimeMs time,
                      model::HistogramPtr histogram) {
  model::SampleColumns& samples = series(labels).samples;
  const auto& before = samples.histograms.values;
  auto hinted = std::make_shared<model::FloatHistogram>(*histogram);
  const bool goes_on = !before.empty() && before.back()->hint != model::CounterResetHint::kGauge &&
                       hinted->hint == model::CounterResetHint::kUnknown;
  if (hinted->hint == model::CounterResetHint::kReset) {
    hinted->hint = model::CounterResetHint::kUnknown;
  } else if (goes_on && !is_reset(*before.back(), *histogram)) {
    hinted->hint = model::CounterResetHint::kNotReset;
  }
  samples.push(time, std::move(hinted));
}

void MemoryStore::clear() {
  by_labels_.clear();
  series_.clear();
}

Result<std::unique_ptr<model::Querier>> MemoryStore::querier(model::TimeRange) {
  return std::make_unique<MemoryQuerier>(series_);
}

}  // namespace narthex::test
