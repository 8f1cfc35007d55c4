// Reads a page in any format, entry by entry: samples, metadata, comments. Each format is a Reader
// of its own, accepting exactly what upstream 3.14 accepts; who reads a page sees only this.
//
// An entry has a *key*: bytes that say everything of it but value and time. Keys lie one behind the
// other in keys(), so a key is a place and a length there. A caller that has seen a key before
// recognises it by comparing bytes at position(), and skips its parsing with take_sample(). Of text
// the keys are the page itself: a sample's goes from the start of its line to the first byte of its
// value. A format whose entries are no text may write keys as it likes, if equal keys mean equal
// labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/metadata.h"
#include "model/time.h"

namespace narthex::scrape::exposition {

/// What the response's Content-Type said, or the job's fallback.
enum class Format : unsigned char { kPrometheus, kOpenMetrics };

/// Samples, the three kinds of metadata, and lines that only must be recognised again.
enum class EventKind : unsigned char { kSample, kHelp, kType, kUnit, kComment };

/// The time of a sample whose timestamp is a number, but not one of milliseconds: no store takes
/// it.
inline constexpr model::TimeMs kTimeOutOfRange = std::numeric_limits<model::TimeMs>::min();

/// One entry, as next() or take_sample() left it. Views into the page. A field that does not belong
/// to the kind keeps what it had: make one and reuse it.
struct Event {
  EventKind kind = EventKind::kComment;
  bool has_time = false;
  model::MetricType type = model::MetricType::kUnknown;  // of kType
  std::size_t start = 0;                                 // where the key begins in keys()
  std::size_t key_bytes = 0;  // of text other than samples: the whole line
  double value = 0;           // NaN is the normal one
  model::TimeMs time = 0;
  std::string_view family;  // of kHelp, kType and kUnit: the name, without quotes
  std::string_view text;    // of kHelp and kUnit: as written, see decode_help()
};

/// Labels as a page says them, in its order.
using ExposedLabels = std::vector<std::pair<std::string, std::string>>;

/// One page. Not thread-safe; the page's bytes outlive it.
class Reader {
 public:
  virtual ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// False at the end and on an error; status() tells them apart.
  virtual bool next(Event& event) = 0;
  /// kInvalid, with the place: of text line number and byte offset.
  virtual Result<void> status() const = 0;

  /// Where the key of the next entry begins.
  virtual std::size_t position() = 0;
  /// At position() stands a sample's known key of `key_bytes`: reads what follows it. False changes
  /// nothing: the entry is something else, or wrong, and next() will tell.
  virtual bool take_sample(std::size_t key_bytes, Event& event) = 0;
  /// At position() stands the known key of what is no sample; `type` is that of a kType.
  virtual void skip(std::size_t key_bytes, std::optional<model::MetricType> type) = 0;

  /// Guesses the length of the key at `start` without checking it; 0 when unsure.
  virtual std::size_t scan_key(std::size_t start) const = 0;
  /// Where the key begins that follows the one at `start`; npos when there is none.
  virtual std::size_t key_behind(std::size_t start, std::size_t key_bytes) const = 0;

  /// Of the sample next() returned last: names and values decoded, `le` and `quantile` in their
  /// normal form, the metric name under __name__ first. Values may be empty, names may repeat.
  virtual void labels(ExposedLabels& out) const = 0;
  /// The same of a sample's key that was read before, under `type`. kInternal: it is none.
  virtual Result<void> labels_of(std::string_view key, model::MetricType type,
                                 ExposedLabels& out) const = 0;
  /// What of a key upstream compares when it asks whether an entry came before.
  virtual std::string_view identity_of(std::string_view key) const = 0;
  /// The text of a kHelp with its escapes resolved.
  virtual std::string decode_help(std::string_view text) const = 0;

  /// All keys; a key is a place and a length in it. Lives as long as the page.
  std::string_view keys() const { return keys_; }
  /// Whether that sample's labels depend on the type in force.
  bool depends_on_type() const { return depends_on_type_; }
  /// The type in force: that of the last kType.
  model::MetricType type() const { return type_; }

 protected:
  explicit Reader(std::string_view keys) : keys_(keys) {}

  std::string_view keys_;
  model::MetricType type_ = model::MetricType::kUnknown;
  bool depends_on_type_ = false;
};

/// Makes `page` ready for its reader: adds what the format wants at the end, and zero bytes to read
/// ahead into. Returns the size without these.
std::size_t pad_body(Format format, std::string& page);

/// `page` is the first part of what pad_body() left, of the size it returned.
std::unique_ptr<Reader> open_page(Format format, std::string_view page);

/// Adds what the known key of a kHelp, kType or kUnit says, by family. `key` is scratch afterwards.
void add_metadata(Format format, std::string& key,
                  std::map<std::string, model::Metadata, std::less<>>& out);

}  // namespace narthex::scrape::exposition
