// The interfaces between a store and all who use it: Appender writes batches of columns, Querier
// yields series sets whose samples come as columns. No call here is made per sample. tsdb
// implements them; remote/fanout wraps them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parallel.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "model/time.h"

namespace narthex::model {

/// A series of the store's head. Slots are reused after a series is gone; the generation tells a
/// reuse apart.
struct SeriesHandle {
  std::uint32_t slot = 0xFFFFFFFF;
  std::uint32_t generation = 0;
  bool valid() const { return slot != 0xFFFFFFFF; }
  friend bool operator==(const SeriesHandle&, const SeriesHandle&) = default;
};

/// Whose series one is: those of one owner, a target say, lie together in a store, so that what an
/// owner leaves behind is freed whole. A hint, which changes no answer.
using SeriesOwner = std::uint32_t;
inline constexpr SeriesOwner kNoOwner = 0;

/// What became of one row.
enum class RowVerdict : unsigned char {
  kAppended,
  kSameAgain,   // accepted, nothing stored: the newest sample once more, or not newer than a row of
                // this series before it in the batch
  kDuplicate,   // same time as the newest sample, another value
  kOutOfOrder,  // older than the newest sample
  kOutOfBounds,  // older than the head accepts, or more than ten minutes ahead of the clock
  kGone,         // the handle's series no longer exists: resolve again
};

/// One atomic write, e.g. a whole scrape. Columns are row-aligned. Rows of one series are taken in
/// row order.
struct FloatBatch {
  std::span<const SeriesHandle> series;
  std::span<const double> values;
  TimeMs time = 0;                  // of every row, unless `times` is given
  std::span<const TimeMs> times{};  // empty, or one per row
  /// Rows that are native histograms, whose value counts for nothing: each passed
  /// check_histogram(). Mostly none.
  const HistogramLane* histograms = nullptr;
};

struct AppendReport {
  std::size_t appended = 0;
  std::size_t duplicate = 0;
  std::size_t out_of_order = 0;
  std::size_t out_of_bounds = 0;
  std::size_t gone = 0;
  /// One per row, in row order.
  std::vector<RowVerdict> verdicts;
};

/// Writes. Thread-safe.
class Appender {
 public:
  virtual ~Appender() = default;

  /// The series with these labels, created when new (its WAL record is written before the next
  /// batch's samples). Errors: kLimit when the head accepts no new series; kUnavailable while
  /// closing.
  virtual Result<SeriesHandle> resolve(const Labels& labels, SeriesOwner owner) = 0;

  /// Rows of a new series that are older than this are out of bounds. Who asks for a series on the
  /// sight of such a row makes one that stays empty, so ask first. The lowest time: there is no
  /// bound.
  virtual TimeMs oldest_time() const = 0;

  /// Writes the batch to the WAL, then makes all its good rows visible at once. Rows that cannot be
  /// appended are told apart in the report and do not disturb the others. Errors (kIo,
  /// kUnavailable): nothing is visible.
  virtual Result<AppendReport> append(const FloatBatch& batch) = 0;
};

/// Closed: [min, max].
struct TimeRange {
  TimeMs min = 0;
  TimeMs max = 0;
};

/// What a selection is for.
enum class SelectPurpose : unsigned char {
  kSamples,  // all samples of a range: read()
  kNewest,   // one sample of each series: read_newest()
  kListing,  // labels of those that overlap() a range: no samples
};

/// What the reader will do with a selection; a store may use it to read less, never to answer
/// differently.
struct SelectHints {
  TimeRange range;  // times that will be read
  SelectPurpose purpose = SelectPurpose::kSamples;
  DurationMs step = 0;                           // 0: instant
  std::string_view function{};                   // surrounding function, empty if none
  std::span<const std::string> labels_needed{};  // empty: all
  StopToken stop{};                              // asked while series are looked for and read
};

/// How much of a listing of labels is wanted.
struct LabelHints {
  std::size_t limit = 0;  // 0: all
  StopToken stop{};       // asked while series are looked for
};

/// Series of one selection in the store's order (that of creation for one source, label order after
/// a merge), with one consistent view of the data. Thread-safe for reading different series at
/// once; must not outlive its Querier.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  virtual std::size_t size() const = 0;

  /// The labels of series `index`, index < size().
  virtual Labels labels(std::size_t index) const = 0;

  /// For every series an id of its value of label `name`: equal ids mean equal values, 0 means
  /// absent. Ids hold within this set and for this label only. `out.size() == size()`.
  virtual void label_value_ids(std::string_view name, std::span<std::uint32_t> out) const = 0;

  /// Appends all samples in `range` to `out`, times strictly ascending. kCorrupt, kIo and the
  /// errors of the selection's `stop`: `out` is unspecified.
  virtual Result<void> read(std::size_t index, TimeRange range, SampleColumns& out) const = 0;

  /// Whether the series may have samples in `range`: by the bounds of its chunks, as upstream lists
  /// series. False: it has none.
  virtual bool overlaps(std::size_t index, TimeRange range) const = 0;

  /// Only the newest sample in `range`, often without opening a chunk. Stale markers are returned
  /// as they are.
  virtual Result<std::optional<Sample>> read_newest(std::size_t index, TimeRange range) const = 0;
};

/// How the bytes of a chunk are to be read. The numbers are those of blocks and of remote read.
enum class ChunkEncoding : std::uint8_t {
  kXor = 1,             // floats: docs/formats/chunk_xor.md
  kHistogram = 2,       // integer histograms
  kFloatHistogram = 3,  // float histograms
};

/// Samples of one series as they lie on the disk.
struct Chunk {
  TimeMs min_time = 0;  // of its first and its last sample
  TimeMs max_time = 0;
  ChunkEncoding encoding = ChunkEncoding::kXor;
  std::span<const std::byte> bytes{};  // without length, encoding and checksum
};

/// Chunks of one series, oldest first. Filled again and again: `memory` holds what of their bytes
/// must be copied, so the spans live until the next filling, and no longer than the source.
struct ChunkList {
  std::vector<Chunk> chunks;
  std::vector<std::byte> memory;
};

/// The chunks of one selection with one consistent view of the data: for compaction, streamed
/// remote read and checkpoints, which pass bytes on and look into them only where they must.
/// Series ascend by label order. Thread-safe for reading different series at once.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  virtual std::size_t size() const = 0;
  virtual Labels labels(std::size_t index) const = 0;

  /// Replaces `out` by the chunks of series `index` with samples in `range`. A chunk that reaches
  /// beyond it comes whole; what the view does not show is in none. kCorrupt, kIo: `out` is
  /// unspecified.
  virtual Result<void> read(std::size_t index, TimeRange range, ChunkList& out) const = 0;
};

/// Opens chunk sources. Thread-safe.
class ChunkQueryable {
 public:
  virtual ~ChunkQueryable() = default;
  /// Of the series that match, those that may have samples in `hints.range`. Close it soon: it
  /// holds what it sees in place. Errors: those of the store and of `hints.stop`.
  virtual Result<std::unique_ptr<ChunkSource>> chunks(const Matchers& matchers,
                                                      const SelectHints& hints) = 0;
};

/// Reads over [min, max] of the time it was opened for. Holds what it sees in place: close it soon
/// by destroying it. Thread-compatible.
class Querier {
 public:
  virtual ~Querier() = default;

  /// Errors: those of the store, kCancelled and kTimeout of `hints.stop`.
  virtual Result<std::unique_ptr<SeriesSet>> select(const Matchers& matchers,
                                                    const SelectHints& hints) = 0;

  /// Sorted, without duplicates, of the series that match (all when `matchers` is empty). Of more
  /// than the limit, those values that came first and the names that sort first are kept, as
  /// upstream's head does. Errors: as select().
  virtual Result<std::vector<std::string>> label_values(const std::string& name,
                                                        const Matchers& matchers,
                                                        const LabelHints& hints) = 0;
  virtual Result<std::vector<std::string>> label_names(const Matchers& matchers,
                                                       const LabelHints& hints) = 0;
};

/// Opens queriers. Thread-safe.
class Queryable {
 public:
  virtual ~Queryable() = default;
  virtual Result<std::unique_ptr<Querier>> querier(TimeRange range) = 0;
};

}  // namespace narthex::model
