// Merging sets and queriers. Which series are the same is found once, when the sets are put
// together: a map by labels gives for every merged series its parts, in the order of the sources.
// Reading a series then reads its parts one after the other and merges them by time; parts that
// follow each other, as blocks and a head do, are only appended.
//
// The map costs the labels of all series once. Merging sorted streams would hold fewer, but sources
// number their series and are read at random.
#include "model/merge.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/check.h"

namespace narthex::model {
namespace {

// One source's series of a merged one.
struct Part {
  std::uint32_t source;
  std::uint32_t index;
};

// Which parts make up a merged series, series in label order.
struct Plan {
  std::vector<Part> parts;        // of one series after the other, in the order of the sources
  std::vector<std::size_t> ends;  // of each series' parts
};

Result<Plan> plan_merge(const std::vector<std::unique_ptr<SeriesSet>>& sets,
                        const StopToken& stop) {
  std::map<Labels, std::vector<Part>> by_labels;
  Pacer pacer(stop);
  for (std::size_t s = 0; s < sets.size(); ++s) {
    for (std::size_t i = 0; i < sets[s]->size(); ++i) {
      NX_TRY(pacer.tick());
      by_labels[sets[s]->labels(i)].push_back(
          {static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(i)});
    }
  }
  Plan plan;
  plan.ends.reserve(by_labels.size());
  for (const auto& [labels, parts] : by_labels) {
    plan.parts.insert(plan.parts.end(), parts.begin(), parts.end());
    plan.ends.push_back(plan.parts.size());
  }
  return plan;
}

class MergedSeriesSet final : public SeriesSet {
 public:
  MergedSeriesSet(std::vector<std::unique_ptr<SeriesSet>> sets, Plan plan)
      : sets_(std::move(sets)), plan_(std::move(plan)) {}

  std::size_t size() const override { return plan_.ends.size(); }
  Labels labels(std::size_t index) const override {
    const Part first = parts(index).front();
    return sets_[first.source]->labels(first.index);
  }

  void label_value_ids(std::string_view name, std::span<std::uint32_t> out) const override {
    NX_CHECK(out.size() == size());
    std::vector<std::vector<std::uint32_t>> own(sets_.size());
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      own[s].resize(sets_[s]->size());
      sets_[s]->label_value_ids(name, own[s]);
    }
    // A source's ids mean nothing to another one: each is looked up by its text, once.
    std::vector<std::map<std::uint32_t, std::uint32_t>> mapped(sets_.size());
    std::map<std::string, std::uint32_t, std::less<>> by_text;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Part first = parts(i).front();
      const std::uint32_t id = own[first.source][first.index];
      if (id == 0) {
        out[i] = 0;
        continue;
      }
      const auto [known, is_new] = mapped[first.source].try_emplace(id, 0);
      if (is_new) {
        const Labels labels = sets_[first.source]->labels(first.index);
        const auto next = static_cast<std::uint32_t>(by_text.size() + 1);
        known->second = by_text.try_emplace(std::string(labels.get(name)), next).first->second;
      }
      out[i] = known->second;
    }
  }

  Result<void> read(std::size_t index, TimeRange range, SampleColumns& out) const override {
    const std::size_t from = out.size();
    SampleColumns part;
    for (const Part& p : parts(index)) {
      part.clear();
      NX_TRY(sets_[p.source]->read(p.index, range, part));
      merge_samples(part, from, out);
    }
    return {};
  }

  bool overlaps(std::size_t index, TimeRange range) const override {
    return std::ranges::any_of(
        parts(index), [&](const Part& p) { return sets_[p.source]->overlaps(p.index, range); });
  }

  Result<std::optional<Sample>> read_newest(std::size_t index, TimeRange range) const override {
    std::optional<Sample> newest;
    for (const Part& p : parts(index)) {
      NX_TRY_ASSIGN(const std::optional<Sample> sample,
                    sets_[p.source]->read_newest(p.index, range));
      if (sample && (!newest || sample->time > newest->time)) newest = sample;
    }
    return newest;
  }

 private:
  std::span<const Part> parts(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : plan_.ends[index - 1];
    return std::span(plan_.parts).subspan(begin, plan_.ends[index] - begin);
  }

  std::vector<std::unique_ptr<SeriesSet>> sets_;
  Plan plan_;
};

class MergedQuerier final : public Querier {
 public:
  explicit MergedQuerier(std::vector<std::unique_ptr<Querier>> queriers)
      : queriers_(std::move(queriers)) {}

  Result<std::unique_ptr<SeriesSet>> select(const Matchers& matchers,
                                            const SelectHints& hints) override {
    std::vector<std::unique_ptr<SeriesSet>> sets;
    for (const auto& querier : queriers_) {
      NX_TRY_ASSIGN(auto set, querier->select(matchers, hints));
      sets.push_back(std::move(set));
    }
    return merge_series_sets(std::move(sets), hints.stop);
  }

  Result<std::vector<std::string>> label_values(const std::string& name, const Matchers& matchers,
                                                const LabelHints& hints) override {
    return collect(hints, [&](Querier& q) { return q.label_values(name, matchers, hints); });
  }
  Result<std::vector<std::string>> label_names(const Matchers& matchers,
                                               const LabelHints& hints) override {
    return collect(hints, [&](Querier& q) { return q.label_names(matchers, hints); });
  }

 private:
  template <typename LookUp>
  Result<std::vector<std::string>> collect(const LabelHints& hints, const LookUp& look_up) {
    std::vector<std::string> all;
    for (const auto& querier : queriers_) {
      NX_TRY_ASSIGN(const std::vector<std::string> found, look_up(*querier));
      all.insert(all.end(), found.begin(), found.end());
    }
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    if (hints.limit != 0 && all.size() > hints.limit) all.resize(hints.limit);
    return all;
  }

  std::vector<std::unique_ptr<Querier>> queriers_;
};

}  // namespace

Result<std::unique_ptr<SeriesSet>> merge_series_sets(std::vector<std::unique_ptr<SeriesSet>> sets,
                                                     const StopToken& stop) {
  NX_CHECK(!sets.empty());
  if (sets.size() == 1) return std::move(sets.front());
  NX_TRY_ASSIGN(Plan plan, plan_merge(sets, stop));
  return std::make_unique<MergedSeriesSet>(std::move(sets), std::move(plan));
}

std::unique_ptr<Querier> merge_queriers(std::vector<std::unique_ptr<Querier>> queriers) {
  NX_CHECK(!queriers.empty());
  if (queriers.size() == 1) return std::move(queriers.front());
  return std::make_unique<MergedQuerier>(std::move(queriers));
}

}  // namespace narthex::model
