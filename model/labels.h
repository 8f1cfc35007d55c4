// Label sets. A Labels is one string: for each label, name and value, each behind its length (one
// byte, or 0xFF and three bytes little-endian). That is upstream's `stringlabels` layout, so hash()
// equals upstream's Labels.Hash and equality is one memcmp. Names ascend bytewise, no name repeats,
// no value is empty.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace narthex::model {

/// The label that holds a metric's name; it sorts among the others like any.
inline constexpr std::string_view kMetricName = "__name__";

/// A longer name or value has no form in the layout: a length has three bytes.
inline constexpr std::size_t kLabelTextBytesMax = (std::size_t{1} << 24) - 1;

/// How large labels that outside input decides may become. Going past it is an error of the scrape,
/// query, rule or file they belong to.
struct LabelLimits {
  std::size_t text_bytes = std::size_t{1} << 20;  // docs/limits.md; a name or a value
  std::size_t set_bytes = std::size_t{4} << 20;   // docs/limits.md; all of a set
};

/// One name and value, borrowed from a Labels.
struct LabelView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const LabelView&, const LabelView&) = default;
};

/// Immutable once built; thread-safe to read. No text is longer than kLabelTextBytesMax: what makes
/// labels of outside input goes through LabelsBuilder::build_within().
class Labels {
 public:
  /// Forward over the labels in order. A LabelView lives as long as the Labels, the iterator no
  /// longer.
  class Iterator {
   public:
    using value_type = LabelView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    /// Decodes at every call: take it once.
    LabelView operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const char* at_ = nullptr;
  };

  Labels() = default;
  /// Any order; empty values are left out; of a repeated name the last wins.
  Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs);
  static Labels from_pairs(std::vector<std::pair<std::string, std::string>> pairs);
  /// Names ascending and unique, values not empty: the caller has checked. Much cheaper than the
  /// others.
  static Labels from_sorted(std::span<const LabelView> labels);
  /// Takes bytes already in the layout above, as another Labels' data() gave them. They are not
  /// checked: bytes from a disk or a peer must be decoded, not passed here.
  static Labels from_data(std::string data);

  /// In order of names.
  Iterator begin() const { return Iterator(data_.data()); }
  Iterator end() const { return Iterator(data_.data() + data_.size()); }

  /// The value of `name`, empty when absent. Lives as long as this object.
  std::string_view get(std::string_view name) const;
  /// Present, and so not empty.
  bool has(std::string_view name) const;
  /// Number of labels. Linear.
  std::size_t size() const;
  bool empty() const { return data_.empty(); }

  /// xxHash64, seed 0, of the layout.
  std::uint64_t hash() const;
  /// The layout itself: what from_data() takes back, and a key for maps.
  const std::string& data() const { return data_; }

  /// As `{name="value", ...}` with the metric name in front when it is a plain identifier:
  /// upstream's String form of a metric in PromQL results.
  std::string to_string() const;

  /// Name then value, pairwise, bytewise; a prefix sorts first.
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b);
  friend bool operator==(const Labels& a, const Labels& b) { return a.data_ == b.data_; }

 private:
  std::string data_;
};

/// `{__name__="m", name="value"}`, the metric name without a place of its own: upstream's
/// Labels.String, which errors show.
std::string to_braced_string(const Labels& labels);

/// Collects changes to a label set. Not thread-safe.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base) { reset(base); }

  /// Begins again from `base`, with the memory of before.
  void reset(const Labels& base);
  /// An empty value removes the label.
  LabelsBuilder& set(std::string_view name, std::string_view value);
  /// Nothing when it is not there.
  LabelsBuilder& remove(std::string_view name);
  /// Removes every label but these.
  LabelsBuilder& keep(const std::vector<std::string>& names);
  /// Empty when absent; valid until the next change.
  std::string_view get(std::string_view name) const;
  /// The pairs as they are now, sorted by name; valid until the next change.
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }
  /// For labels known to be small enough: a text beyond kLabelTextBytesMax ends the process. The
  /// builder stays as it is.
  Labels build() const;

  /// kLimit, naming the label, when a text or the set is larger than `limits`.
  Result<void> check(const LabelLimits& limits = {}) const;
  /// check() and build() in one.
  Result<Labels> build_within(const LabelLimits& limits = {}) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;  // sorted by name, values not empty
};

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
bool is_legacy_metric_name(std::string_view name);
/// `[a-zA-Z_][a-zA-Z0-9_]*`.
bool is_legacy_label_name(std::string_view name);
/// Not empty and valid UTF-8: what upstream 3 accepts by default.
bool is_valid_name(std::string_view name);

}  // namespace narthex::model

template <>
struct std::hash<narthex::model::Labels> {
  std::size_t operator()(const narthex::model::Labels& labels) const { return labels.hash(); }
};
