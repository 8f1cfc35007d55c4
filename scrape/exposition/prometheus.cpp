// The Prometheus text format, as upstream's lexer reads it (model/textparse/promlex.l): blanks
// between tokens are free, commas between labels are optional, blanks before a metric name belong
// to the name, a NUL where a token could begin ends the input. Odd, but targets were written
// against it.
#include "scrape/exposition/prometheus.h"

#include <charconv>

#include "base/str.h"
#include "base/utf8.h"
#include "scrape/exposition/number.h"
#include "scrape/exposition/scan.h"

namespace narthex::scrape::exposition {
namespace {

std::optional<model::MetricType> type_named(std::string_view name) {
  if (name == "counter") return model::MetricType::kCounter;
  if (name == "gauge") return model::MetricType::kGauge;
  if (name == "histogram") return model::MetricType::kHistogram;
  if (name == "summary") return model::MetricType::kSummary;
  if (name == "untyped") return model::MetricType::kUnknown;
  return std::nullopt;
}

}  // namespace

bool PrometheusReader::read_entry(Event& event) {
  const char* line = at_;
  for (;;) {
    while (is_blank(*at_)) ++at_;
    if (*at_ != '\n' || at_ >= end_) break;
    line = ++at_;
  }
  // A NUL ends a page, as it does in upstream's lexer.
  if (at_ >= end_ || *at_ == '\0') return false;
  event.start = offset(line);
  if (*at_ == '#') return comment(event);
  begin_sample();
  if (is_name_start(*at_)) {
    while (is_name(*at_)) ++at_;
    has_name_ = true;
    metric_ = Span{.name = offset(line), .name_bytes = static_cast<std::size_t>(at_ - line)};
    skip_blanks();
    if (*at_ == '{' && !read_labels()) return false;
  } else if (*at_ == '{') {
    if (!read_labels()) return false;
  } else {
    return fail("expected a valid start token");
  }
  if (!has_name_) return fail("metric name not set");
  skip_blanks();
  event.key_bytes = static_cast<std::size_t>(at_ - line);
  if (!read_tail(at_, event)) return false;
  return end_sample(line, event);
}

// Everything between the braces, which stand at at_.
bool PrometheusReader::read_labels() {
  ++at_;
  skip_blanks();
  while (*at_ != '}') {
    bool was_name = false;
    if (!read_label(false, was_name)) return false;
    skip_blanks();
    if (*at_ == ',') {
      ++at_;
      skip_blanks();
    }
  }
  ++at_;
  return true;
}

bool PrometheusReader::comment(Event& event) {
  const char* const line = keys_.data() + event.start;
  ++at_;
  const bool spaced = is_blank(*at_);
  while (is_blank(*at_)) ++at_;
  const std::string_view rest(at_, end_);
  if (spaced && rest.size() > 5 && is_blank(rest[4])) {
    if (rest.starts_with("HELP")) return metadata(event, false);
    if (rest.starts_with("TYPE")) return metadata(event, true);
  }
  for (; at_ < end_ && *at_ != '\n'; ++at_) {
    if (*at_ == '\0' && !spaced) return false;  // ends the input, as upstream's lexer does
  }
  if (at_ >= end_) return false;
  ++at_;
  event.kind = EventKind::kComment;
  event.key_bytes = static_cast<std::size_t>(at_ - line);
  return true;
}

bool PrometheusReader::metadata(Event& event, bool is_type) {
  const char* const line = keys_.data() + event.start;
  at_ += 4;
  skip_blanks();
  if (!family_name(event)) return false;
  const std::string_view rest(at_, end_);
  std::string_view text = rest.substr(0, rest.find('\n'));
  at_ += text.size();
  // Blanks alone are no text; otherwise one byte separates it from the name.
  if (text.find_first_not_of(" \t") == std::string_view::npos) text = {};
  if (!text.empty()) text.remove_prefix(1);
  if (is_type) {
    const auto type = type_named(text);
    if (!type) return fail(concat("invalid metric type ", quote(text)));
    event.kind = EventKind::kType;
    event.type = type_ = *type;
  } else {
    if (!is_valid_utf8(text)) return fail("help text is not a valid utf8 string");
    event.kind = EventKind::kHelp;
    event.text = text;
  }
  if (at_ >= end_) return fail("linebreak expected after metadata");
  ++at_;
  event.key_bytes = static_cast<std::size_t>(at_ - line);
  return true;
}

bool PrometheusReader::read_value(const char*& at, double& value) {
  const char* behind = parse_plain_value(at, value);
  if (behind != nullptr && (*behind == '\n' || is_blank(*behind))) {
    at = behind;
    return true;
  }
  behind = at;
  while (behind < end_ && *behind != '{' && *behind != '\n' && !is_blank(*behind)) ++behind;
  const std::string_view token(at, behind);
  at_ = at;
  if (token.empty()) return fail("expected value after metric");
  if (!parse_value(token, value)) {
    return fail(concat("parsing ", quote(token.substr(0, 64)), ": invalid syntax"));
  }
  at = behind;
  return true;
}

// From the value to the end of the line.
bool PrometheusReader::read_tail(const char* at, Event& event) {
  if (!read_value(at, event.value)) return false;
  if (*at != '\n') [[unlikely]] {
    while (is_blank(*at)) ++at;
    const char* digits = at;
    while (internal::is_digit(*digits)) ++digits;
    if (digits != at) {
      at_ = at;
      const auto [behind, error] = std::from_chars(at, digits, event.time);
      if (error != std::errc()) return fail("timestamp is out of range");
      event.has_time = true;
      at = behind;
      while (is_blank(*at)) ++at;
    }
    at_ = at;
    if (*at != '\n') {
      return fail(event.has_time ? "expected next entry after timestamp"
                                 : "expected timestamp or new record");
    }
  }
  at_ = at + 1;
  return true;
}

std::string PrometheusReader::decode_help(std::string_view text) const {
  return unescape(text, false);
}

}  // namespace narthex::scrape::exposition
