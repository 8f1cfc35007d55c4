// What the two text formats share: labels, escapes, quoted strings, places of errors. They differ
// in where blanks and line feeds may stand, in metadata, and in what follows a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scrape/exposition/reader.h"

namespace narthex::scrape::exposition {

/// Zero bytes behind a page: readers look up to 16 bytes ahead.
inline constexpr std::size_t kBodyPadding = 32;
/// Of a key, in bytes; a longer one is an error of the page.
inline constexpr std::size_t kLineBytesMax = 16U << 20;  // docs/limits.md

/// Reads in place: kBodyPadding bytes behind the end are readable.
class TextReader : public Reader {
 public:
  bool next(Event& event) final;
  Result<void> status() const final;
  bool take_sample(std::size_t key_bytes, Event& event) final;
  void skip(std::size_t key_bytes, std::optional<model::MetricType> type) final {
    at_ += key_bytes;
    if (type) type_ = *type;
  }
  std::size_t scan_key(std::size_t start) const final;
  std::size_t key_behind(std::size_t start, std::size_t key_bytes) const final;
  void labels(ExposedLabels& out) const final;
  Result<void> labels_of(std::string_view key, model::MetricType type,
                         ExposedLabels& out) const final;
  std::string_view identity_of(std::string_view key) const final;

 protected:
  enum class Blanks : bool { kSingle, kFree };

  TextReader(std::string_view page, Blanks blanks)
      : Reader(page), at_(page.data()), end_(page.data() + page.size()), blanks_(blanks) {}

  struct Span {
    std::size_t name = 0;
    std::size_t name_bytes = 0;
    std::size_t value = 0;
    std::size_t value_bytes = 0;
  };

  virtual bool read_entry(Event& event) = 0;
  /// From a sample's value, at `at`, to the end of its line.
  virtual bool read_tail(const char* at, Event& event) = 0;

  bool read_label(bool exemplar, bool& was_name);
  bool quoted(bool newlines, bool nuls, std::size_t& begin, std::size_t& bytes);
  bool family_name(Event& event);
  bool end_sample(const char* line, Event& event);
  void begin_sample();
  void skip_blanks();
  bool fail(std::string_view what);
  std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - keys_.data()); }

  const char* at_;
  const char* end_;
  bool has_name_ = false;
  Span metric_;  // only the name part
  std::vector<Span> spans_;
  std::vector<Span> exemplar_spans_;

 private:
  const Blanks blanks_;
  std::optional<Error> error_;
};

/// Resolves escaped backslashes and line feeds, quotation marks only if `quotes`; other escapes
/// stay as they are.
std::string unescape(std::string_view raw, bool quotes);

/// `le` and `quantile` values in their normal form: 1 is "1.0". Anything that is not a number is
/// left as it is.
std::string normal_float_label(std::string_view value);

}  // namespace narthex::scrape::exposition
