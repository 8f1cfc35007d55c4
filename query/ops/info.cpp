// Info metrics: join labels of target_info and its like to series of the same instance and job,
// step by step, since info series come and go and change.
//
// The problem is that which info series counts may change at every step (the one sampled last),
// while labels are a matter of rows. So for each base row the choice of info rows is made at every
// step, and every distinct choice gets its labels worked out once and becomes a result row, or none
// when data labels are demanded that nobody has. Nearly always that is one choice a row.
//
// Which info series are read is narrowed first by the values of instance and job that occur among
// the base series: a store may have one target_info for each of a hundred thousand targets.
#include "query/ops/info.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/str.h"
#include "model/labels.h"

namespace narthex::query {
namespace {

constexpr std::array<std::string_view, 2> kIdentity{"instance", "job"};  // fixed by upstream

std::string identity(const model::Labels& labels) {
  return concat(labels.get(kIdentity[0]), '\0', labels.get(kIdentity[1]));
}

}  // namespace

Result<void> InfoOp::prepare(QueryContext&) {
  return {};
}

bool InfoOp::is_info(const model::Labels& labels) const {
  const std::string_view name = labels.get(model::kMetricName);
  return std::ranges::all_of(spec_.name_matchers,
                             [&](const model::Matcher& m) { return m.matches(name); });
}

// Reads the info series whose instance and job occur among the base series.
Result<void> InfoOp::load(QueryContext& context, const Table& base) {
  std::array<std::set<std::string, std::less<>>, kIdentity.size()> values;
  const Rows& rows = input(0).rows();
  NX_TRY(rows.build(context.stop));
  Pacer pacer(context.stop);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    NX_TRY(pacer.tick());
    if (!any_bit(base.row_bits(row), base.words()) || is_info(rows.labels(row))) continue;
    for (std::size_t i = 0; i < kIdentity.size(); ++i) {
      const std::string_view value = rows.labels(row).get(kIdentity[i]);
      if (!value.empty()) values[i].emplace(value);
    }
  }
  info_times_ = Table(0, axis_.count);
  info_samples_ = 0;
  if (std::ranges::all_of(values, [](const auto& set) { return set.empty(); })) return {};
  NX_TRY_ASSIGN(const auto set, open_selection(context, spec_.selector, axis_));
  for (std::size_t i = 0; i < set->size(); ++i) {
    NX_TRY(context.stop.check());
    const model::Labels labels = set->labels(i);
    bool wanted = true;
    for (std::size_t k = 0; k < kIdentity.size(); ++k) {
      wanted = wanted && (values[k].empty() || values[k].contains(labels.get(kIdentity[k])));
    }
    if (wanted) NX_TRY(load_series(context, *set, i));
  }
  return {};
}

Result<void> InfoOp::load_series(QueryContext& context, const model::SeriesSet& set,
                                 std::size_t index) {
  model::SampleColumns columns;
  const model::TimeRange needed = spec_.selector.needed(axis_);
  const model::TimeRange range{.min = std::max(needed.min, spec_.clip.min),
                               .max = std::min(needed.max, spec_.clip.max)};
  if (range.min <= range.max) {
    if (Result<void> read = set.read(index, range, columns); !read) {
      return store_error(std::move(read).error());
    }
    NX_TRY(refuse_histograms(columns, "as info metrics"));
  }
  const std::size_t row = info_times_.rows();
  info_times_.add_row();
  std::size_t next = 0;
  for (std::size_t k = 0; k < axis_.count; ++k) {
    const TimeMs time = spec_.selector.shift.reference(axis_, k);
    while (next < columns.size() && columns.times[next] <= time) ++next;
    if (next == 0 || columns.times[next - 1] <= time - spec_.selector.window_ms) continue;
    if (model::is_stale(columns.values[next - 1])) continue;
    info_times_.set(row, k, static_cast<double>(columns.times[next - 1]));
  }
  info_samples_ += count_bits(info_times_.row_bits(row), info_times_.words());
  NX_TRY(context.check_room(info_samples_));
  info_labels_.push_back(set.labels(index));
  const model::Labels& labels = info_labels_.back();
  if (!any_bit(info_times_.row_bits(row), info_times_.words())) return {};
  by_name_[std::string(labels.get(model::kMetricName))][identity(labels)].rows.push_back(row);
  return {};
}

// Two info series of one identity, sampled at one time, leave no way to choose.
Result<void> InfoOp::check_duplicates(const Table& base, const Stop& stop) const {
  Pacer pacer(stop);
  for (const auto& [name, by_identity] : by_name_) {
    for (const auto& [id, candidates] : by_identity) {
      if (candidates.rows.size() < 2) continue;
      for (std::size_t k = 0; k < axis_.count; ++k) {
        NX_TRY(pacer.tick(1 + base.rows() / 16));
        bool any_base = false;
        for (std::size_t row = 0; row < base.rows(); ++row) any_base |= base.has(row, k);
        std::map<double, std::size_t> seen;
        for (const std::size_t row : candidates.rows) {
          if (!any_base || !info_times_.has(row, k)) continue;
          const double time = info_times_.value(row, k);
          const auto [at, is_new] = seen.try_emplace(time, row);
          if (is_new) continue;
          return Error(
              Code::kExecution,
              fmt::format("found duplicate series for info metric: existing {} @ {}, new {} @ {}",
                          model::to_braced_string(info_labels_[at->second]), time,
                          model::to_braced_string(info_labels_[row]), time));
        }
      }
    }
  }
  return {};
}

InfoOp::Choice InfoOp::choose(const model::Labels& base, std::size_t step) const {
  Choice choice;
  const std::string id = identity(base);
  for (const auto& [name, by_identity] : by_name_) {
    const auto found = by_identity.find(id);
    if (found == by_identity.end()) continue;
    std::optional<std::size_t> newest;
    for (const std::size_t row : found->second.rows) {
      if (!info_times_.has(row, step)) continue;
      if (!newest || info_times_.value(row, step) > info_times_.value(*newest, step)) newest = row;
    }
    if (newest) choice.push_back(*newest);
  }
  return choice;
}

Result<std::optional<model::Labels>> InfoOp::enriched(const model::Labels& base,
                                                      const Choice& choice) const {
  if (choice.empty()) {
    for (const auto& [label, matchers] : spec_.data_matchers) {
      const auto needs_value = [](const model::Matcher& m) {
        return !m.matches(std::string_view());
      };
      if (std::ranges::any_of(matchers, needs_value)) return std::nullopt;
    }
  }
  model::LabelsBuilder added;
  for (const std::size_t row : choice) {
    for (const auto label : info_labels_[row]) {
      const std::string name(label.name);
      if (name == model::kMetricName ||
          (!spec_.data_matchers.empty() && !spec_.data_matchers.contains(name))) {
        continue;
      }
      const std::string_view before = added.get(name);
      if (!before.empty() && before != label.value) {
        return Error(Code::kExecution, concat("conflicting label: ", name));
      }
      if (!base.has(name)) added.set(name, label.value);
    }
  }
  model::LabelsBuilder builder(base);
  for (const auto& [name, value] : added.pairs()) builder.set(name, value);
  return builder.build();
}

// Conflicts between info metrics of different names are errors, as upstream; a label that the base
// series has wins over both.
Result<void> InfoOp::emit(const Table& base, std::size_t row) {
  const model::Labels& labels = input(0).rows().labels(row);
  const bool unchanged = is_info(labels);
  std::map<Choice, std::optional<std::size_t>> known;  // result row of each choice
  for (std::size_t k = 0; k < axis_.count; ++k) {
    if (!base.has(row, k)) continue;
    const Choice choice = unchanged ? Choice{} : choose(labels, k);
    auto at = known.find(choice);
    if (at == known.end()) {
      std::optional<model::Labels> result = labels;
      if (!unchanged) {
        NX_TRY_ASSIGN(result, enriched(labels, choice));
      }
      std::optional<std::size_t> target;
      if (result) {
        const auto [found, is_new] = row_of_.try_emplace(result->data(), rows_.size());
        target = found->second;
        if (is_new) {
          rows_.add(*std::move(result), input(0).rows().drops_name(row));
          table_.add_row();
        }
      }
      at = known.emplace(choice, target).first;
    }
    if (!at->second) continue;
    if (table_.has(*at->second, k)) return same_labelset_error();
    table_.set(*at->second, k, base.value(row, k));
  }
  return {};
}

Result<void> InfoOp::run(QueryContext& context) {
  NX_TRY_ASSIGN(const Table* base, input(0).materialize(context));
  NX_TRY(load(context, *base));
  NX_TRY(check_duplicates(*base, context.stop));
  rows_ = Rows();
  table_ = Table(0, axis_.count);
  for (std::size_t row = 0; row < base->rows(); ++row) {
    NX_TRY(context.stop.check());
    NX_TRY(emit(*base, row));
  }
  return count_samples(context, *base);
}

// Upstream holds base and info series, the results so far and the elements of a step, and goes on
// counting the info series.
Result<void> InfoOp::count_samples(QueryContext& context, const Table& base) {
  const std::vector<std::uint32_t> bases = base.step_counts();
  const std::vector<std::uint32_t> infos = info_times_.step_counts();
  const std::vector<std::uint32_t> results = table_.step_counts();
  std::uint64_t held = info_samples_;
  for (std::size_t k = 0; k < results.size(); ++k) {
    held += results[k];
    NX_TRY(context.check_room(held + bases[k] + infos[k]));
  }
  count_as(held);
  return {};
}

}  // namespace narthex::query
