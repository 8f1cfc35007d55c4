// OpenMetrics text 1.0, as upstream's lexer reads it (model/textparse/openmetricslex.l): single
// spaces only, no blank lines, `# EOF` at the end and nothing behind it. A page without the end
// mark was cut off on its way, and nothing of it counts. Exemplars are checked and dropped.
#include "scrape/exposition/open_metrics.h"

#include <cmath>

#include "base/str.h"
#include "base/utf8.h"
#include "scrape/exposition/number.h"
#include "scrape/exposition/scan.h"

namespace narthex::scrape::exposition {
namespace {

std::optional<model::MetricType> type_named(std::string_view name) {
  using model::MetricType;
  for (const MetricType type : {MetricType::kCounter, MetricType::kGauge, MetricType::kHistogram,
                                MetricType::kGaugeHistogram, MetricType::kSummary,
                                MetricType::kInfo, MetricType::kStateSet, MetricType::kUnknown}) {
    if (model::metric_type_name(type) == name) return type;
  }
  return std::nullopt;
}

bool is_unit_of(std::string_view unit, std::string_view family) {
  return family.size() > unit.size() && family.ends_with(unit) &&
         family[family.size() - unit.size() - 1] == '_';
}

// A time that no millisecond count can hold is the sample's own fault, not the page's.
model::TimeMs to_milliseconds(double seconds) {
  constexpr double kEnd = 0x1p63;
  const double ms = seconds * 1000;
  return ms >= -kEnd && ms < kEnd ? static_cast<model::TimeMs>(ms) : kTimeOutOfRange;
}

}  // namespace

bool OpenMetricsReader::read_entry(Event& event) {
  const char* const line = at_;
  event.start = offset(line);
  if (at_ >= end_) return fail("data does not end with # EOF");
  if (*at_ == '#') return metadata(event);
  begin_sample();
  if (is_name_start(*at_)) {
    while (is_name(*at_)) ++at_;
    has_name_ = true;
    metric_ = Span{.name = offset(line), .name_bytes = static_cast<std::size_t>(at_ - line)};
    if (*at_ == '{' && !read_labels(false)) return false;
  } else if (*at_ == '{') {
    if (!read_labels(false)) return false;
  } else {
    return fail("expected a valid start token");
  }
  if (!has_name_) return fail("metric name not set");
  if (*at_ != ' ') return fail("expected value after metric");
  ++at_;
  event.key_bytes = static_cast<std::size_t>(at_ - line);
  if (!read_tail(at_, event)) return false;
  return end_sample(line, event);
}

bool OpenMetricsReader::read_labels(bool exemplar) {
  ++at_;
  while (*at_ != '}') {
    bool was_name = false;
    if (!read_label(exemplar, was_name)) return false;
    if (*at_ == ',')
      ++at_;
    else if (*at_ != '}')
      return fail("expected comma or brace close");
  }
  ++at_;
  return true;
}

bool OpenMetricsReader::metadata(Event& event) {
  const char* const line = at_;
  const std::string_view rest(at_, end_);
  if (rest == "# EOF" || rest == "# EOF\n") {
    at_ = end_;
    return false;
  }
  // The page must say that it is whole, and end there: half a page is an error.
  if (rest.starts_with("# EOF")) return fail("unexpected data after # EOF");
  const std::string_view word = rest.substr(0, 7);
  if (word == "# HELP ")
    event.kind = EventKind::kHelp;
  else if (word == "# TYPE ")
    event.kind = EventKind::kType;
  else if (word == "# UNIT ")
    event.kind = EventKind::kUnit;
  else
    return fail("expected a valid start token");
  at_ += word.size();
  if (!family_name(event)) return false;
  const std::string_view behind(at_, end_);
  const std::size_t newline = behind.find('\n');
  if (*at_ != ' ' || newline == std::string_view::npos) return fail("expected text in metadata");
  event.text = behind.substr(1, newline - 1);
  if (event.kind == EventKind::kType) {
    const auto type = type_named(event.text);
    if (!type) return fail(concat("invalid metric type ", quote(event.text)));
    // The base keeps it for the samples to come.
    event.type = type_ = *type;
  }
  if (event.kind == EventKind::kHelp && !is_valid_utf8(event.text)) {
    return fail("help text is not a valid utf8 string");
  }
  if (event.kind == EventKind::kUnit && !event.text.empty() &&
      !is_unit_of(event.text, event.family)) {
    return fail(
        concat("unit ", quote(event.text), " not a suffix of metric ", quote(event.family)));
  }
  at_ += newline + 1;
  event.key_bytes = static_cast<std::size_t>(at_ - line);
  return true;
}

bool OpenMetricsReader::read_value(const char*& at, double& value) {
  const char* behind = parse_plain_value(at, value);
  if (behind != nullptr && (*behind == '\n' || *behind == ' ')) {
    at = behind;
    return true;
  }
  behind = at;
  while (behind < end_ && *behind != '\n' && *behind != ' ') ++behind;
  const std::string_view token(at, behind);
  at_ = at;
  if (token.empty()) return fail("expected value");
  if (!parse_value(token, value)) {
    return fail(concat("parsing ", quote(token.substr(0, 64)), ": invalid syntax"));
  }
  at = behind;
  return true;
}

bool OpenMetricsReader::read_tail(const char* at, Event& event) {
  if (!read_value(at, event.value)) return false;
  // A blank, then either a timestamp or an exemplar: the only place where two bytes decide.
  if (*at == ' ' && at[1] != '#') {
    double seconds = 0;
    ++at;
    if (!read_value(at, seconds)) return false;
    at_ = at;
    if (!std::isfinite(seconds)) return fail("invalid timestamp");
    event.time = to_milliseconds(seconds);
    event.has_time = true;
  }
  if (*at == ' ' && !read_exemplar(at)) return false;
  at_ = at;
  if (at >= end_) return fail("data does not end with # EOF");
  if (*at != '\n') return fail("expected next entry after sample");
  at_ = at + 1;
  return true;
}

// ` # {labels} value [timestamp]`, at the first blank.
bool OpenMetricsReader::read_exemplar(const char*& at) {
  at_ = at;
  if (at[1] != '#' || at[2] != ' ' || at[3] != '{') return fail("expected timestamp or exemplar");
  at_ = at + 3;
  exemplar_spans_.clear();
  const bool depends = depends_on_type_;
  if (!read_labels(true)) return false;
  // An exemplar's `le` is a label like any other.
  depends_on_type_ = depends;
  if (*at_ != ' ') return fail("expected value after exemplar labels");
  double number = 0;
  at = at_ + 1;
  if (!read_value(at, number)) return false;
  if (*at != ' ') return true;
  ++at;
  if (!read_value(at, number)) return false;
  if (!std::isfinite(number)) return fail("invalid exemplar timestamp");
  return true;
}

std::string OpenMetricsReader::decode_help(std::string_view text) const {
  return unescape(text, true);
}

}  // namespace narthex::scrape::exposition
