// Reads an exposition (Prometheus text 0.0.4 and 1.0.0, OpenMetrics text 1.0) event by event, in
// place, accepting exactly what upstream 3.14 accepts. A sample's *key* is everything from the
// start of its line to the first byte of its value: a caller that has seen a key before skips its
// parsing with take_sample(). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/metadata.h"
#include "model/time.h"

namespace narthex::scrape::exposition {

enum class Format : unsigned char { kPrometheus, kOpenMetrics };

enum class EventKind : unsigned char { kSample, kHelp, kType, kUnit, kComment };

/// The time of a sample whose timestamp is a number, but not one of milliseconds: no store takes
/// it.
inline constexpr model::TimeMs kTimeOutOfRange = std::numeric_limits<model::TimeMs>::min();

struct Event {
  EventKind kind = EventKind::kComment;
  bool has_time = false;
  model::MetricType type = model::MetricType::kUnknown;  // of a TYPE line
  std::size_t start = 0;                                 // where the line begins in the body
  std::size_t key_bytes = 0;  // of a sample: its key; otherwise the whole line
  double value = 0;           // NaN is the normal one
  model::TimeMs time = 0;
  std::string_view family;  // of HELP, TYPE and UNIT: the name, without quotes
  std::string_view text;    // of HELP and UNIT: as written, see decode_help()
};

inline constexpr std::size_t kBodyPadding = 32;
inline constexpr std::size_t kLineBytesMax = 16U << 20;  // docs/limits.md

/// Makes `body` ready for a Reader: adds the last newline that the format wants and zero bytes to
/// read ahead into. Returns the size without them.
std::size_t pad_body(Format format, std::string& body);

class Reader {
 public:
  /// `body` has kBodyPadding readable bytes behind its end, as pad_body() leaves it, and outlives
  /// the reader.
  Reader(Format format, std::string_view body);

  /// False at the end and on an error; status() tells them apart.
  bool next(Event& event);
  /// kInvalid with line number and byte offset.
  Result<void> status() const;

  /// Where the next line begins. Blank lines before it are skipped.
  std::size_t position();
  /// The line at position() begins with a known key of `key_bytes`: reads the rest. False changes
  /// nothing: the line is something else, or wrong, and next() will tell.
  bool take_sample(std::size_t key_bytes, Event& event);
  /// The line at position() is a known metadata or comment line of `bytes`; `type` is a TYPE
  /// line's.
  void skip_line(std::size_t bytes, std::optional<model::MetricType> type) {
    at_ += bytes;
    if (type) type_ = *type;
  }
  /// Guesses the length of the key (or whole comment line) at `start` without checking it; 0 when
  /// unsure.
  std::size_t scan_key(std::size_t start) const;

  /// Where the line behind the one at `start` begins, whose key or comment takes `bytes`; npos when
  /// that one does not end.
  std::size_t line_behind(std::size_t start, std::size_t bytes) const;

  /// Of the sample next() returned last: names and values decoded, `le` and `quantile` in their
  /// normal form, in order of appearance, the metric name under __name__ first. Values may be
  /// empty, names may repeat.
  void labels(std::vector<std::pair<std::string, std::string>>& out) const;
  /// Whether that sample's labels depend on the type in force.
  bool depends_on_type() const { return depends_on_type_; }
  /// The type in force: that of the last TYPE line.
  model::MetricType type() const { return type_; }

  std::string_view body() const { return body_; }

 private:
  struct Span {
    std::size_t name = 0;
    std::size_t name_bytes = 0;
    std::size_t value = 0;
    std::size_t value_bytes = 0;
  };

  bool next_prometheus(Event& event);
  bool next_open_metrics(Event& event);
  bool comment_prometheus(Event& event);
  bool metadata_prometheus(Event& event, bool is_type);
  bool metadata_open_metrics(Event& event);
  bool labels_prometheus();
  bool labels_open_metrics(bool exemplar);
  bool read_label(bool exemplar, bool& was_name);
  bool tail_prometheus(const char* at, Event& event);
  bool tail_open_metrics(const char* at, Event& event);
  bool exemplar_open_metrics(const char*& at);
  bool value_prometheus(const char*& at, double& value);
  bool value_open_metrics(const char*& at, double& value);
  bool quoted(bool newlines, bool nuls, std::size_t& begin, std::size_t& bytes);
  bool family_name(Event& event);
  bool end_sample(const char* line, Event& event);
  void skip_blanks();
  bool fail(std::string_view what);
  std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - body_.data()); }

  Format format_;
  std::string_view body_;
  const char* at_;
  const char* end_;
  model::MetricType type_ = model::MetricType::kUnknown;
  bool has_name_ = false;
  bool depends_on_type_ = false;
  Span metric_;  // only the name part
  std::vector<Span> spans_;
  std::vector<Span> exemplar_spans_;
  std::optional<Error> error_;
};

/// What a key stands for when two lines are compared as upstream compares them: without the blanks
/// behind it.
std::string_view identity_of(std::string_view key);

/// The labels that a known sample's key says, as Reader::labels() gives them; `type` was in force.
/// kInternal: it is none.
Result<void> labels_of_key(std::string_view key, model::MetricType type,
                           std::vector<std::pair<std::string, std::string>>& out);

/// Adds what a known HELP, TYPE or UNIT line says, by family. `line` is scratch afterwards.
void add_metadata(Format format, std::string& line,
                  std::map<std::string, model::Metadata, std::less<>>& out);

/// The text of a HELP line with its escapes resolved.
std::string decode_help(Format format, std::string_view raw);

/// `le` and `quantile` values in their normal form: 1 is "1.0". Anything that is not a number is
/// left as it is.
std::string normal_float_label(std::string_view value);

}  // namespace narthex::scrape::exposition
