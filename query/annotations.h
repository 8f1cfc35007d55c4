// Warnings and infos of one query, in upstream's words (util/annotations at v3.14). The same text
// is kept once, at the place upstream would meet last (first, where it grows): a note's position
// starts where it is shown and ends where the node that gives it ends. Thread-compatible.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/time.h"
#include "query/promql/token.h"

namespace narthex::query {

/// The notes of one query. Adding costs a look-up by the text: call once for a step or series, not
/// once for a sample.
class Annotations {
 public:
  /// A warning (the result may be wrong) or an info (it may not be what was meant), without the
  /// "PromQL warning: " in front.
  void warn(Position position, std::string text);
  void inform(Position position, std::string text);

  /// Upstream's fixed texts. `metric` may be empty: then the text does not name it.
  void invalid_quantile(Position position, double q);
  void invalid_ratio(Position position, double ratio, double capped);
  void bad_bucket_label(Position position, std::string_view metric, std::string_view label);
  void possible_non_counter(Position position, std::string_view metric);
  void sort_in_range_query(Position position);
  void incompatible_types(Position position, std::string_view left, std::string_view op,
                          std::string_view right);
  /// Of native histograms in an aggregation.
  void mixed_floats_and_histograms(Position position);
  void mixed_bucket_schemas(Position position, std::string_view metric);
  void counter_reset_collision(Position position);
  void mismatched_custom_buckets(Position position);
  /// Repeated notes of one text grow together: the widest span of buckets, time and difference is
  /// reported.
  struct Monotonicity {
    model::TimeMs min_time = 0;
    model::TimeMs max_time = 0;
    double min_bucket = 0;
    double max_bucket = 0;
    double max_difference = 0;
    std::size_t samples = 1;
  };
  /// Upstream's text on classic histograms whose counts fell from one bucket to the next.
  void forced_monotonicity(Position position, std::string_view metric, const Monotonicity& seen);

  /// As the API shows them, with prefix and ` (line:column)` in `query`, the text that positions
  /// count in; in order of first appearance.
  std::vector<std::string> warnings(std::string_view query) const;
  std::vector<std::string> infos(std::string_view query) const;

 private:
  struct Note {
    Position position;
    std::string text;
    bool is_monotonicity = false;
    Monotonicity monotonicity;
  };
  // Notes in order of first appearance, and where each text stands.
  struct Notes {
    std::vector<Note> list;
    std::unordered_map<std::string, std::size_t> index;
  };
  static void add(Notes& notes, Note note);
  static std::vector<std::string> texts(const Notes& notes, std::string_view prefix,
                                        std::string_view query);

  Notes warnings_;
  Notes infos_;
};

}  // namespace narthex::query
