// Label sets of rows, and grouping by them.
//
// Labels are what queries spend their memory on, so they are made as late as possible. Rows from a
// store know only their series; grouping by label names works on the store's numbers of values,
// without a text being built; dropping names is a flag until somebody asks for the labels. Once
// built they are shared by all copies, and copied only when one of those changes them
// (own_labels()).
#include "query/rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <unordered_set>
#include <utility>

#include <xxhash.h>

#include "base/check.h"
#include "model/labels.h"

namespace narthex::query {
namespace {

// Appends the chosen labels in a form that is equal only for equal choices.
void append_key(std::string& key, const model::Labels& labels, const LabelChoice& choice) {
  const auto append = [&](std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    key.append(std::string_view(std::bit_cast<std::array<char, 4>>(size).data(), 4));
    key.append(text);
  };
  for (const auto label : labels) {
    const bool named = std::ranges::find(choice.names, label.name) != choice.names.end();
    if (choice.without ? named || label.name == model::kMetricName : !named) continue;
    append(label.name);
    append(label.value);
  }
}

// Numbers keys by first appearance.
template <typename Key, typename Hash = std::hash<Key>>
class Numbering {
 public:
  std::uint32_t of(const Key& key) {
    return ids_.try_emplace(key, static_cast<std::uint32_t>(ids_.size())).first->second;
  }
  std::size_t count() const { return ids_.size(); }

 private:
  std::unordered_map<Key, std::uint32_t, Hash> ids_;
};

struct IdsHash {
  std::size_t operator()(const std::vector<std::uint32_t>& ids) const {
    return XXH3_64bits(ids.data(), ids.size() * sizeof ids[0]);
  }
};

}  // namespace

bool is_metadata_label(std::string_view name) {
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

model::Labels drop_metadata(const model::Labels& labels) {
  const auto is_metadata = [](const auto& label) { return is_metadata_label(label.name); };
  if (std::none_of(labels.begin(), labels.end(), is_metadata)) return labels;
  return model::LabelsBuilder(labels)
      .remove(model::kMetricName)
      .remove("__type__")
      .remove("__unit__")
      .build();
}

Rows::Rows(std::shared_ptr<const model::SeriesSet> source)
    : size_(source->size()), source_(std::move(source)) {}

Rows::Rows(std::vector<model::Labels> labels)
    : size_(labels.size()), labels_(std::make_shared<LabelSets>(std::move(labels))) {}

Result<void> Rows::build(const Stop& stop) const {
  if (labels_) return {};
  auto built = std::make_shared<LabelSets>();
  built->reserve(size_);
  Pacer pacer(stop);
  for (std::size_t i = 0; i < size_; ++i) {
    NX_TRY(pacer.tick());
    const model::Labels labels = source_->labels(i);
    built->push_back(name_dropped_ ? drop_metadata(labels) : labels);
  }
  labels_ = std::move(built);
  return {};
}

// The label sets to change, no other rows' any more.
Rows::LabelSets& Rows::own_labels() {
  if (!labels_) labels_ = std::make_shared<LabelSets>();
  if (labels_.use_count() > 1) labels_ = std::make_shared<LabelSets>(*labels_);
  return *labels_;
}

Result<Rows> Rows::without_name(bool delayed, const Stop& stop) const {
  Rows out = *this;
  if (delayed) {
    out.drop_all_ = true;
    out.drop_.clear();
    return out;
  }
  out.name_dropped_ = true;
  if (!labels_) return out;
  auto changed = std::make_shared<LabelSets>();
  changed->reserve(size_);
  Pacer pacer(stop);
  for (const model::Labels& labels : *labels_) {
    NX_TRY(pacer.tick());
    changed->push_back(drop_metadata(labels));
  }
  out.labels_ = std::move(changed);
  return out;
}

Result<Rows> Rows::select(std::span<const std::size_t> order, const Stop& stop) const {
  NX_TRY(build(stop));
  Rows out;
  Pacer pacer(stop);
  for (const std::size_t row : order) {
    NX_TRY(pacer.tick());
    out.add(labels(row), drops_name(row));
  }
  return out;
}

void Rows::add(model::Labels labels, bool drops_name) {
  NX_CHECK(labels_ || !source_);
  own_labels().push_back(std::move(labels));
  source_.reset();
  const bool was_uniform = drop_.empty() && (size_ == 0 || drop_all_ == drops_name);
  ++size_;
  if (was_uniform) {
    drop_all_ = drops_name;
  } else {
    set_drops_name(size_ - 1, drops_name);
  }
}

void Rows::set_drops_name(std::size_t row, bool value) {
  drop_.resize(size_, drop_all_ ? 1 : 0);
  drop_all_ = false;
  drop_[row] = value ? 1 : 0;
}

Result<std::vector<std::uint32_t>> Rows::group_by_ids(const std::vector<std::string>& names,
                                                      std::size_t& count, const Stop& stop) const {
  std::vector<std::vector<std::uint32_t>> columns(names.size(), std::vector<std::uint32_t>(size_));
  for (std::size_t n = 0; n < names.size(); ++n) {
    NX_TRY(stop.check());
    source_->label_value_ids(names[n], columns[n]);
  }
  std::vector<std::uint32_t> groups(size_);
  Numbering<std::vector<std::uint32_t>, IdsHash> numbering;
  std::vector<std::uint32_t> key(names.size());
  Pacer pacer(stop);
  for (std::size_t row = 0; row < size_; ++row) {
    NX_TRY(pacer.tick());
    for (std::size_t n = 0; n < names.size(); ++n) key[n] = columns[n][row];
    groups[row] = numbering.of(key);
  }
  count = numbering.count();
  return groups;
}

Result<std::vector<std::uint32_t>> Rows::group(const LabelChoice& choice, std::size_t& count,
                                               const Stop& stop) const {
  if (!choice.without && choice.names.empty()) {
    count = size_ == 0 ? 0 : 1;
    return std::vector<std::uint32_t>(size_, 0);
  }
  const bool uses_metadata = std::ranges::any_of(choice.names, is_metadata_label);
  if (source_ && !choice.without && !(name_dropped_ && uses_metadata)) {
    return group_by_ids(choice.names, count, stop);
  }
  NX_TRY(build(stop));
  std::vector<std::uint32_t> groups(size_);
  Numbering<std::string> numbering;
  std::string key;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < size_; ++row) {
    key.clear();
    append_key(key, labels(row), choice);
    NX_TRY(pacer.tick(cost_of_bytes(key.size())));
    groups[row] = numbering.of(key);
  }
  count = numbering.count();
  return groups;
}

model::Labels Rows::group_labels(std::size_t row, const LabelChoice& choice) const {
  if (!choice.without && choice.names.empty()) return {};
  model::LabelsBuilder builder(labels_ ? labels(row) : source_->labels(row));
  if (!labels_ && name_dropped_) {
    builder.remove(model::kMetricName).remove("__type__").remove("__unit__");
  }
  if (!choice.without) return builder.keep(choice.names).build();
  for (const std::string& name : choice.names) builder.remove(name);
  return builder.remove(model::kMetricName).build();
}

Result<std::vector<std::uint32_t>> Rows::name_ids(const Stop& stop) const {
  std::vector<std::uint32_t> ids(size_, 0);
  if (source_ && !name_dropped_) {
    source_->label_value_ids(model::kMetricName, ids);
    return ids;
  }
  NX_TRY(build(stop));
  Numbering<std::string> numbering;
  Pacer pacer(stop);
  for (std::size_t row = 0; row < size_; ++row) {
    NX_TRY(pacer.tick());
    const std::string_view name = labels(row).get(model::kMetricName);
    ids[row] = name.empty() ? 0 : numbering.of(std::string(name)) + 1;
  }
  return ids;
}

Result<bool> Rows::has_duplicates(const Stop& stop) const {
  if (size_ < 2) return false;
  if (source_) {
    if (!name_dropped_) return false;
    // A store's series differ; without their name they differ still unless there are several names.
    bool same = true;
    for (const std::string_view name :
         {model::kMetricName, std::string_view("__type__"), std::string_view("__unit__")}) {
      std::vector<std::uint32_t> ids(size_);
      source_->label_value_ids(name, ids);
      same = same && std::ranges::all_of(ids, [&](std::uint32_t id) { return id == ids[0]; });
    }
    if (same) return false;
  }
  NX_TRY(build(stop));
  std::unordered_set<std::string_view> seen;
  seen.reserve(size_);
  Pacer pacer(stop);
  for (const model::Labels& labels : *labels_) {
    NX_TRY(pacer.tick());
    if (!seen.insert(labels.data()).second) return true;
  }
  return false;
}

}  // namespace narthex::query
