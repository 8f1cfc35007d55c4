// Texts of warnings and infos, letter by letter upstream's: dashboards show them, and tests of
// rules compare them.
//
// The difficulty is not the words but which of many equal notes is kept. Upstream keeps notes in a
// map by their text, so a note from every step and series leaves one, at the place that was written
// last; here operators run in another order and over whole blocks of steps. So a note carries the
// end of its node beside the start that is shown, which says in which order upstream would have met
// it. Notes on monotonicity grow together instead, and keep the place of the first.
#include "query/annotations.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str.h"
#include "query/promql/ast.h"

namespace narthex::query {
namespace {

// Go's %g.
std::string number(double value) {
  return format_float(value, FloatStyle::kGeneral);
}

// Go's %.2g.
std::string two_digits(double value) {
  return std::isfinite(value) ? fmt::format("{:.2g}", value) : number(value);
}

std::string for_metric(std::string_view metric) {
  return metric.empty() ? std::string() : concat(" for metric name ", quote(metric));
}

// Go's RFC3339 of whole seconds.
std::string seconds_text(model::TimeMs time) {
  return model::format_rfc3339(time / 1000 * 1000);
}

}  // namespace

void Annotations::add(Notes& notes, Note note) {
  const auto [at, is_new] = notes.index.try_emplace(note.text, notes.list.size());
  if (is_new) return notes.list.push_back(std::move(note));
  // Upstream evaluates operands from left to right and calls after their arguments, and the last
  // place stays; of notes that grow together it is the first.
  Position& place = notes.list[at->second].position;
  const bool is_later = note.position.end >= place.end;
  if (is_later != note.is_monotonicity) place = note.position;
  if (!note.is_monotonicity) return;
  Monotonicity& held = notes.list[at->second].monotonicity;
  const Monotonicity& seen = note.monotonicity;
  held.min_time = std::min(held.min_time, seen.min_time);
  held.max_time = std::max(held.max_time, seen.max_time);
  held.min_bucket = std::min(held.min_bucket, seen.min_bucket);
  held.max_bucket = std::max(held.max_bucket, seen.max_bucket);
  held.max_difference = std::max(held.max_difference, seen.max_difference);
  held.samples += seen.samples;
}

void Annotations::warn(Position position, std::string text) {
  add(warnings_, {.position = position, .text = std::move(text)});
}

void Annotations::inform(Position position, std::string text) {
  add(infos_, {.position = position, .text = std::move(text)});
}

void Annotations::invalid_quantile(Position position, double q) {
  warn(position, concat("quantile value should be between 0 and 1, got ", number(q)));
}

void Annotations::invalid_ratio(Position position, double ratio, double capped) {
  warn(position, concat("ratio value should be between -1 and 1, got ", number(ratio),
                        ", capping to ", number(capped)));
}

void Annotations::bad_bucket_label(Position position, std::string_view metric,
                                   std::string_view label) {
  warn(position, concat("bucket label \"le\" is missing or has a malformed value of ", quote(label),
                        for_metric(metric)));
}

void Annotations::possible_non_counter(Position position, std::string_view metric) {
  inform(position,
         concat("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ",
                quote(metric)));
}

void Annotations::sort_in_range_query(Position position) {
  warn(position,
       "sort is ineffective for range queries since results are always ordered by labels");
}

void Annotations::mixed_floats_and_histograms(Position position) {
  warn(position, "encountered a mix of histograms and floats for aggregation");
}

void Annotations::mixed_bucket_schemas(Position position, std::string_view metric) {
  warn(position, concat("vector contains a mix of histograms with exponential and custom buckets "
                        "schemas for metric name ",
                        quote(metric)));
}

void Annotations::counter_reset_collision(Position position) {
  warn(position, "conflicting counter resets during histogram aggregation");
}

void Annotations::mismatched_custom_buckets(Position position) {
  inform(position, "mismatched custom buckets were reconciled during aggregation");
}

void Annotations::incompatible_types(Position position, std::string_view left, std::string_view op,
                                     std::string_view right) {
  inform(position, concat("incompatible sample types encountered for binary operator ", quote(op),
                          ": ", left, " ", op, " ", right));
}

void Annotations::forced_monotonicity(Position position, std::string_view metric,
                                      const Monotonicity& seen) {
  constexpr std::string_view kText =
      "input to histogram_quantile needed to be fixed for monotonicity (see "
      "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
  add(infos_, {.position = position,
               .text = concat(kText, for_metric(metric)),
               .is_monotonicity = true,
               .monotonicity = seen});
}

std::vector<std::string> Annotations::texts(const Notes& notes, std::string_view prefix,
                                            std::string_view query) {
  std::vector<std::string> out;
  for (const Note& note : notes.list) {
    std::string text = concat(prefix, note.text);
    if (note.is_monotonicity) {
      const Monotonicity& m = note.monotonicity;
      text += fmt::format(
          ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
          number(m.min_bucket), number(m.max_bucket), two_digits(m.max_difference), m.samples,
          seconds_text(m.min_time), seconds_text(m.max_time));
    }
    out.push_back(concat(text, " (", line_and_column(query, note.position.start), ")"));
  }
  return out;
}

std::vector<std::string> Annotations::warnings(std::string_view query) const {
  return texts(warnings_, "PromQL warning: ", query);
}

std::vector<std::string> Annotations::infos(std::string_view query) const {
  return texts(infos_, "PromQL info: ", query);
}

}  // namespace narthex::query
