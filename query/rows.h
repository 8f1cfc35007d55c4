// The label sets of an operator's rows. Rows that come straight from a store keep their SeriesSet,
// so that grouping works on the store's value ids and label text is built only if somebody asks for
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "model/storage.h"
#include "query/context.h"

namespace narthex::query {

/// `__name__`, `__type__` and `__unit__`: what operators that change a value's meaning take away.
bool is_metadata_label(std::string_view name);
/// `labels` without those three.
model::Labels drop_metadata(const model::Labels& labels);

/// Which labels make a group or a match.
struct LabelChoice {
  std::vector<std::string> names;
  bool without = false;  // all labels but `names` and the metric name
};

/// Thread-compatible. Cheap to copy: copies share the labels. What walks over all rows asks `stop`
/// on the way and gives back its error.
class Rows {
 public:
  Rows() = default;
  /// Rows that are the series of `source`, or have these labels; none of them drops its name.
  explicit Rows(std::shared_ptr<const model::SeriesSet> source);
  explicit Rows(std::vector<model::Labels> labels);

  std::size_t size() const { return size_; }
  /// Builds the label sets, once; before labels() is called.
  Result<void> build(const Stop& stop) const;
  /// Of a row that was built, or added. Lives as long as these rows stay as they are.
  const model::Labels& labels(std::size_t row) const { return (*labels_)[row]; }

  /// Is the name to go at the end of the query? Only with delayed removal, or for rows that add()
  /// said so of.
  bool drops_name(std::size_t row) const { return drop_.empty() ? drop_all_ : drop_[row] != 0; }

  /// The rows of an operator that drops names: at once, or with a flag when removal is delayed to
  /// the end.
  Result<Rows> without_name(bool delayed, const Stop& stop) const;
  /// Rows `order`, in that order.
  Result<Rows> select(std::span<const std::size_t> order, const Stop& stop) const;
  /// A row at the end. Rows from a store must have been built before.
  void add(model::Labels labels, bool drops_name);
  /// Changes the flag of one row; the others keep theirs.
  void set_drops_name(std::size_t row, bool value);

  /// A group number per row, numbered by first appearance; `count` is how many there are.
  Result<std::vector<std::uint32_t>> group(const LabelChoice& choice, std::size_t& count,
                                           const Stop& stop) const;
  /// The labels that all rows of `row`'s group have in common.
  model::Labels group_labels(std::size_t row, const LabelChoice& choice) const;
  /// Whether two rows could have the same labels. False is certain and cheap; true is exact too.
  Result<bool> has_duplicates(const Stop& stop) const;
  /// The metric name of every row as a number; equal numbers are equal names, 0 is none.
  Result<std::vector<std::uint32_t>> name_ids(const Stop& stop) const;

 private:
  using LabelSets = std::vector<model::Labels>;
  Result<std::vector<std::uint32_t>> group_by_ids(const std::vector<std::string>& names,
                                                  std::size_t& count, const Stop& stop) const;
  LabelSets& own_labels();

  std::size_t size_ = 0;
  std::shared_ptr<const model::SeriesSet> source_;
  bool name_dropped_ = false;                  // from source_, when labels are built
  bool drop_all_ = false;                      // of all rows, while drop_ is empty
  std::vector<std::uint8_t> drop_;             // one per row, or empty
  mutable std::shared_ptr<LabelSets> labels_;  // null until built; shared by copies
};

}  // namespace narthex::query
