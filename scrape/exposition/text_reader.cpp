// What the text formats share: reading names, labels and quoted strings in place, remembering where
// they stand instead of copying them, and resolving escapes only when somebody asks for the labels.
// At most lines nobody does: the template knows them.
//
// Reading relies on the padding: loops over a class of bytes end at its zeros, and only those that
// skip arbitrary bytes look at end_.
#include "scrape/exposition/text_reader.h"

#include <cstring>

#include "base/str.h"
#include "base/utf8.h"
#include "model/labels.h"
#include "scrape/exposition/prometheus.h"
#include "scrape/exposition/scan.h"

namespace narthex::scrape::exposition {

std::string unescape(std::string_view raw, bool quotes) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char next = raw[i] == '\\' && i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (next == '\\' || (next == '"' && quotes)) {
      out += next;
      ++i;
    } else if (next == 'n') {
      out += '\n';
      ++i;
    } else {
      out += raw[i];
    }
  }
  return out;
}

std::string normal_float_label(std::string_view value) {
  double number = 0;
  if (!parse_float(value, number)) return std::string(value);
  std::string out = format_float(number, FloatStyle::kGeneral);
  if (number - number == 0 && out.find_first_of("e.") == std::string::npos) out += ".0";
  return out == "-0.0" ? "0.0" : out;
}

bool TextReader::next(Event& event) {
  if (error_) return false;
  event.has_time = false;
  const bool more = read_entry(event);
  if (more && event.key_bytes > kLineBytesMax) return fail("line is longer than 16 MiB");
  return more;
}

Result<void> TextReader::status() const {
  if (error_) return Error(*error_);
  return {};
}

bool TextReader::take_sample(std::size_t key_bytes, Event& event) {
  const char* const line = at_;
  event.has_time = false;
  if (!read_tail(line + key_bytes, event)) {
    at_ = line;
    error_.reset();
    return false;
  }
  event.kind = EventKind::kSample;
  event.start = offset(line);
  event.key_bytes = key_bytes;
  return true;
}

// Looks for the end of a key without judging it: a comment's is its line; a sample's ends before
// the value, where braces and quotes count. 0 where it cannot be told.
std::size_t TextReader::scan_key(std::size_t start) const {
  const char* const line = keys_.data() + start;
  const char* at = line;
  if (at >= end_) return 0;
  if (*at == '#') {
    const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end_ - at));
    if (newline == nullptr) return 0;
    return static_cast<std::size_t>(static_cast<const char*>(newline) - at) + 1;
  }
  while (at < end_ && *at != '{' && !is_blank(*at) && *at != '\n') ++at;
  if (at < end_ && *at == '{') {
    bool inside = false;
    for (++at; at < end_ && (inside || *at != '}'); ++at) {
      if (*at == '\\' && inside)
        ++at;
      else if (*at == '"')
        inside = !inside;
    }
    if (at >= end_) return 0;
    ++at;
  }
  while (at < end_ && is_blank(*at)) ++at;
  return at < end_ ? static_cast<std::size_t>(at - line) : 0;
}

void TextReader::labels(ExposedLabels& out) const {
  out.clear();
  const std::string_view page = keys_;
  out.emplace_back(model::kMetricName,
                   unescape(page.substr(metric_.name, metric_.name_bytes), true));
  for (const Span& span : spans_) {
    std::string name = unescape(page.substr(span.name, span.name_bytes), true);
    std::string value = unescape(page.substr(span.value, span.value_bytes), true);
    const bool is_float = (type_ == model::MetricType::kHistogram && name == "le") ||
                          (type_ == model::MetricType::kSummary && name == "quantile");
    if (is_float) value = normal_float_label(value);
    out.emplace_back(std::move(name), std::move(value));
  }
}

// A string in double quotes at at_, any byte behind a backslash skipped; `begin` and `bytes` leave
// the quotes out.
bool TextReader::quoted(bool newlines, bool nuls, std::size_t& begin, std::size_t& bytes) {
  const char* at = at_ + 1;
  begin = offset(at);
  for (; at < end_; ++at) {
    if (*at == '"') {
      bytes = offset(at) - begin;
      at_ = at + 1;
      return true;
    }
    if (*at == '\\') {
      ++at;
      while (nuls && at < end_ && *at == '\0') ++at;
      if (at >= end_ || *at == '\n' || *at == '\0') return false;
    } else if ((*at == '\n' && !newlines) || (*at == '\0' && !nuls)) {
      return false;
    }
  }
  return false;
}

// The name behind HELP, TYPE or UNIT.
bool TextReader::family_name(Event& event) {
  if (*at_ == '"') {
    std::size_t begin = 0;
    std::size_t bytes = 0;
    if (!quoted(true, false, begin, bytes)) return fail("expected metric name");
    event.family = keys_.substr(begin, bytes);
    return true;
  }
  const char* const begin = at_;
  if (!is_name_start(*at_)) return fail("expected metric name");
  while (is_name(*at_)) ++at_;
  event.family = std::string_view(begin, at_);
  return true;
}

void TextReader::skip_blanks() {
  if (blanks_ == Blanks::kSingle) return;
  while (is_blank(*at_)) ++at_;
}

// One `name="value"`, or with `was_name` set a lone "quoted metric name". Stands behind it.
bool TextReader::read_label(bool exemplar, bool& was_name) {
  Span span;
  was_name = false;
  const bool in_quotes = *at_ == '"';
  if (in_quotes) {
    const bool newlines = !exemplar;
    if (!quoted(newlines, false, span.name, span.name_bytes)) return fail("expected label name");
  } else {
    const char* const begin = at_;
    if (!is_label_start(*at_)) return fail("expected label name");
    while (is_label(*at_)) ++at_;
    span.name = offset(begin);
    span.name_bytes = static_cast<std::size_t>(at_ - begin);
  }
  skip_blanks();
  if (in_quotes && (*at_ == ',' || *at_ == '}')) {
    if (exemplar) return fail("expected label name");
    if (has_name_) return fail("metric name already set");
    has_name_ = true;
    metric_ = span;
    was_name = true;
    return true;
  }
  if (*at_ != '=') return fail("expected equal");
  ++at_;
  skip_blanks();
  // In the older format a label's value may hold a line feed as it is.
  const bool newlines = blanks_ == Blanks::kFree;
  if (*at_ != '"' || !quoted(newlines, true, span.value, span.value_bytes)) {
    return fail("expected label value");
  }
  if (!is_valid_utf8(keys_.substr(span.value, span.value_bytes))) {
    return fail("invalid UTF-8 label value");
  }
  const std::string_view name = keys_.substr(span.name, span.name_bytes);
  if (name == "le" || name == "quantile") depends_on_type_ = true;
  (exemplar ? exemplar_spans_ : spans_).push_back(span);
  return true;
}

void TextReader::begin_sample() {
  spans_.clear();
  has_name_ = false;
  depends_on_type_ = false;
}

bool TextReader::end_sample(const char* line, Event& event) {
  event.kind = EventKind::kSample;
  event.start = offset(line);
  return true;
}

bool TextReader::fail(std::string_view what) {
  const std::string_view before = keys_.substr(0, std::min(offset(at_), keys_.size()));
  // Counting lines only now: a page without errors never does.
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  error_ = Error(Code::kInvalid, concat(what, " at line ", line, ", byte ", before.size()));
  return false;
}

std::size_t TextReader::key_behind(std::size_t start, std::size_t key_bytes) const {
  if (keys_[start] == '#') return start + key_bytes;  // a comment's key is its whole line
  const std::size_t newline = keys_.find('\n', start + key_bytes);
  return newline == std::string_view::npos ? newline : newline + 1;
}

std::string_view TextReader::identity_of(std::string_view key) const {
  return key.substr(0, key.find_last_not_of(" \t") + 1);
}

// Keys of both formats are read alike.
Result<void> TextReader::labels_of(std::string_view key, model::MetricType type,
                                   ExposedLabels& out) const {
  std::string line = concat(key, "0");
  const std::size_t size = pad_body(Format::kPrometheus, line);
  PrometheusReader reader(std::string_view(line).substr(0, size));
  reader.skip(0, type);
  Event event;
  if (!reader.next(event)) return Error(Code::kInternal, "a known key does not parse");
  reader.labels(out);
  return {};
}

}  // namespace narthex::scrape::exposition
