// Reading a page against the template, as the header describes. The hot path is read_in_order():
// two memcmp(), a number, three push_back(). Everything that costs more is reached by a miss and
// kept in functions of its own.
#include "scrape/ingest/page_stager.h"

#include "base/budget.h"
#include "model/sample.h"

namespace narthex::scrape {
namespace {

constexpr std::size_t kSamplesMax = 5'000'000;           // docs/limits.md
constexpr model::DurationMs kAheadMax = 10 * 60 * 1000;  // upstream's limit on times of their own
constexpr std::size_t kHashLines = 16;  // looked up together, so that their cache misses overlap

}  // namespace

PageStager::PageStager(model::TimeMs time, const SeriesLabels& labels, Template& lines,
                       model::Appender& appender, Batch& batch)
    : labels_(labels),
      template_(lines),
      appender_(appender),
      batch_(batch),
      reader_(*batch.page),
      time_(time),
      oldest_(appender.oldest_time()),
      before_(batch.page->keys().data()),
      samples_max_(rules().limits.samples == 0 ? kSamplesMax : rules().limits.samples) {}

Result<ScrapeCounts> PageStager::run() {
  const Result<void> read = template_.hash_mode() ? read_by_hash() : read_in_order();
  batch_.counts = counts_;
  NX_TRY(read);
  if (over_limit_) return Error(Code::kLimit, "sample limit exceeded", Cause::kSampleLimit);
  stage_vanished();
  if (!batch_.times.empty()) batch_.times.resize(batch_.series.size(), time_);
  counts_.lines = batch_.refs.size();
  return counts_;
}

Result<void> PageStager::read_in_order() {
  const std::string_view keys = reader_.keys();
  const std::size_t lines = template_.size();
  for (;;) {
    const std::size_t start = reader_.position();
    const std::string_view rest = keys.substr(start);
    // After a jump back, what comes next may have been met already: then it is a repetition.
    const bool open = expected_ < lines && (batch_.seen.empty() || !batch_.seen[expected_]);
    if (open && template_.matches(expected_, before_, rest) &&
        take_known(static_cast<std::uint32_t>(expected_), start)) {
      before_ = rest.data();
      ++expected_;
      continue;
    }
    NX_TRY_ASSIGN(const bool more, read_unexpected(rest));
    if (!more) return reader_.status();
  }
}

// The line at the reader's position begins with the key of `index`. False: it does not go on as it
// should.
bool PageStager::take_known(std::uint32_t index, std::size_t start) {
  const LineEntry& line = template_.line(index);
  const std::size_t key_bytes = template_.key_bytes(index);
  bool keep = true;
  if (line.kind() == exposition::EventKind::kSample) {
    if (line.has(LineEntry::kTyped) && line.type() != reader_.type()) return false;
    if (!reader_.take_sample(key_bytes, event_)) return false;
    keep = stage_sample(line);
  } else if (line.kind() == exposition::EventKind::kType) {
    reader_.skip(key_bytes, line.type());
  } else {
    reader_.skip(key_bytes, std::nullopt);
  }
  if (!batch_.seen.empty()) batch_.seen[index] = true;
  if (!keep) return true;
  batch_.refs.push_back(LineRef{.start = static_cast<std::uint32_t>(start),
                                .key_bytes = static_cast<std::uint32_t>(key_bytes),
                                .entry = index});
  return true;
}

// From here on, which lines were seen is no longer "all before `expected`".
void PageStager::mark_seen() {
  if (!batch_.seen.empty() || template_.size() == 0) return;
  batch_.seen.assign(template_.size(), false);
  for (const LineRef& ref : batch_.refs) batch_.seen[ref.entry] = true;
}

// False at the end of the body or on an error, which the reader keeps.
Result<bool> PageStager::read_unexpected(std::string_view rest) {
  if (expected_ < template_.size()) {
    const std::uint32_t near = template_.find_near(expected_, before_, rest, batch_.scratch);
    if (near != kNoLine) {
      mark_seen();
      if (!batch_.seen[near] && take_known(near, reader_.position())) {
        ++counts_.misplaced;
        before_ = rest.data();
        expected_ = near + 1;
        return true;
      }
    }
  }
  return read_unknown();
}

// Parses the next line in full and looks its key up.
Result<bool> PageStager::read_unknown() {
  if (!reader_.next(event_)) {
    NX_TRY(reader_.status());
    return false;
  }
  // Each new line costs memory; a page full of them is stopped here, between two lines.
  if (const MemoryAccount* account = MemoryScope::current()) NX_TRY(account->check());
  mark_seen();
  const std::string_view key = reader_.keys().substr(event_.start, event_.key_bytes);
  std::uint32_t found = kNoLine;
  if (template_.size() != 0) found = template_.find(key, batch_.scratch);
  NX_TRY_ASSIGN(const bool moved, take_event(found));
  if (moved) {
    expected_ = found + 1;
    before_ = key.data();
  }
  return true;
}

// A fully parsed line, which may be entry `found`. True when it is, and the lines behind it are
// expected next.
Result<bool> PageStager::take_event(std::uint32_t found) {
  ++counts_.misplaced;
  const bool is_sample = event_.kind == exposition::EventKind::kSample;
  const bool is_known =
      found != kNoLine && !(is_sample && template_.line(found).has(LineEntry::kTyped) &&
                            template_.line(found).type() != reader_.type());
  if (!is_known) {
    NX_TRY(add_line());
    return false;
  }
  const LineEntry& line = template_.line(found);
  if (batch_.seen[found]) {
    if (is_sample) stage_sample(line, true);
    return false;
  }
  batch_.seen[found] = true;
  if (is_sample && !stage_sample(line)) return true;
  batch_.refs.push_back(LineRef{.start = static_cast<std::uint32_t>(event_.start),
                                .key_bytes = static_cast<std::uint32_t>(event_.key_bytes),
                                .entry = found});
  return true;
}

Result<void> PageStager::add_line() {
  LineEntry entry;
  entry.set(event_.kind, reader_.type());
  if (event_.kind == exposition::EventKind::kSample) {
    NX_TRY(add_sample(entry));
    if (!entry.series.valid() && !entry.has(LineEntry::kDropped)) return {};  // try again next time
  }
  batch_.refs.push_back(
      LineRef{.start = static_cast<std::uint32_t>(event_.start),
              .key_bytes = static_cast<std::uint32_t>(event_.key_bytes),
              .entry = kNewLine + static_cast<std::uint32_t>(batch_.fresh.size())});
  batch_.fresh.push_back(entry);
  return {};
}

// A sample whose key was never seen: labels, relabelling, limits, and its series in the store.
// Leaves `entry` without series when there is nothing to remember.
Result<void> PageStager::add_sample(LineEntry& entry) {
  entry.flags = reader_.depends_on_type() ? LineEntry::kTyped : 0;
  reader_.labels(batch_.labels);
  model::Labels labels;
  const Result<bool> keep = labels_.make(batch_.labels, batch_.builder, labels);
  if (!keep) {
    ++counts_.scraped;
    return std::unexpected(keep.error());
  }
  if (!*keep) {
    entry.set(LineEntry::kDropped, true);
    ++counts_.scraped;
    return {};
  }
  if (staged_ >= samples_max_) {  // no series for samples that will not be written
    ++counts_.scraped;
    ++counts_.added;
    over_limit_ = true;
    return {};
  }
  const bool has_time = event_.has_time && rules().honor_timestamps;
  // No series for a sample that the store does not take.
  if (has_bad_time() || (has_time ? event_.time : time_) < oldest_) {
    ++staged_;
    ++counts_.scraped;
    ++counts_.added;
    ++counts_.out_of_bounds;
    return {};
  }
  Result<model::SeriesHandle> series = resolve(labels);
  if (!series) {
    if (series.error().code() != Code::kLimit) return std::unexpected(std::move(series).error());
    ++counts_.scraped;
    ++counts_.refused;
    return {};
  }
  collect_slots();
  entry.series = *series;
  if (stage_sample(entry)) {
    ++counts_.series_added;
  } else {
    entry.series = model::SeriesHandle();
  }
  return {};
}

// The store's memory is not the scrape's: it outlives it, and must not be refused halfway.
Result<model::SeriesHandle> PageStager::resolve(const model::Labels& labels) {
  const MemoryScope uncharged(nullptr);
  return appender_.resolve(labels, labels_.owner());
}

// From here on every row's series is noted, because a new key may be another spelling of a known
// series.
void PageStager::collect_slots() {
  if (collects_slots_) return;
  collects_slots_ = true;
  for (const LineRef& ref : batch_.refs) {
    if ((ref.entry & kNewLine) != 0) continue;  // comments and dropped series so far
    const LineEntry& line = template_.line(ref.entry);
    if (line.series.valid()) batch_.slots.insert(line.series.slot);
  }
}

// From here on every line's text is noted: it tells a repetition from another spelling.
void PageStager::collect_texts() {
  if (collects_texts_) return;
  collects_texts_ = true;
  for (const LineRef& ref : batch_.refs) {
    batch_.texts.insert(reader_.identity_of(reader_.keys().substr(ref.start, ref.key_bytes)));
  }
}

// Has this body had the sample's text before? Upstream knows lines by it, and a second one without
// a time is a duplicate; lines that only mean the same series are told apart by the store.
bool PageStager::repeats_text(const LineEntry& entry) {
  const bool was_shared = entry.has(LineEntry::kShared);
  const bool is_shared = !batch_.slots.insert(entry.series.slot);
  if (is_shared && !was_shared) collect_texts();
  if (!collects_texts_ && !was_shared) return false;
  const std::string_view text =
      reader_.identity_of(reader_.keys().substr(event_.start, event_.key_bytes));
  if (!batch_.texts.insert(text).second) return true;
  if (is_shared && !was_shared) batch_.shared_slots.insert(entry.series.slot);
  return false;
}

// Upstream refuses these before its store sees them.
bool PageStager::has_bad_time() const {
  if (!event_.has_time || !rules().honor_timestamps) return false;
  return event_.time == exposition::kTimeOutOfRange || event_.time > time_ + kAheadMax;
}

// `repeats`: this body has had the key. False: the line is not to be remembered.
bool PageStager::stage_sample(const LineEntry& entry, bool repeats) {
  ++counts_.scraped;
  if (entry.has(LineEntry::kDropped)) return true;
  ++counts_.added;
  const bool has_time = event_.has_time && rules().honor_timestamps;
  const bool noted = collects_slots_ || entry.has(LineEntry::kShared);
  if (noted && !repeats) repeats = repeats_text(entry);
  if (repeats && !has_time) {
    ++counts_.duplicates;
    return false;
  }
  if (staged_ >= samples_max_) [[unlikely]] {
    over_limit_ = true;
    return !repeats;
  }
  ++staged_;
  const bool refused = has_bad_time();
  if (refused) ++counts_.out_of_bounds;
  const auto source = repeats ? kNoLine : static_cast<std::uint32_t>(batch_.refs.size());
  if (has_time || !batch_.times.empty()) [[unlikely]] {
    const model::TimeMs time = has_time ? event_.time : time_;
    if (!refused) batch_.push_at(entry.series, event_.value, source, time, time_);
  } else {
    batch_.push(entry.series, event_.value, source);
  }
  const bool tracked = !refused && (!has_time || rules().track_timestamps_staleness);
  const bool was_tracked = entry.has(LineEntry::kTracked);
  // A line that was tracked and shares its series with none is the only one that goes on with it.
  if (noted && tracked && (!was_tracked || entry.has(LineEntry::kShared))) {
    batch_.tracked_slots.insert(entry.series.slot);
  }
  if (tracked != was_tracked && !repeats) [[unlikely]] {
    batch_.retracked.push_back(source);
    if (!tracked) batch_.lapsed.push_back(entry.series);
  }
  return !repeats;
}

// One marker for a series, and none when a line of this body goes on with it.
void PageStager::stage_stale(model::SeriesHandle series) {
  if (!batch_.tracked_slots.insert(series.slot)) return;
  if (batch_.times.empty())
    batch_.push(series, model::stale_nan(), kNoLine);
  else
    batch_.push_at(series, model::stale_nan(), kNoLine, time_, time_);
}

// Stale markers for entries that no line of this body was, and, as upstream, for series that began
// to bring their own times: they end as the series without.
void PageStager::stage_vanished() {
  const std::size_t first = batch_.seen.empty() ? expected_ : 0;
  for (std::size_t i = first; i < template_.size(); ++i) {
    const LineEntry& line = template_.line(i);
    if ((!batch_.seen.empty() && batch_.seen[i]) || !line.has(LineEntry::kTracked)) continue;
    stage_stale(line.series);
  }
  for (const model::SeriesHandle series : batch_.lapsed) stage_stale(series);
}

// Lines come in any order: look up kHashLines at a time.
Result<void> PageStager::read_by_hash() {
  struct Guess {
    std::size_t start;
    std::size_t key_bytes;
    std::uint32_t hash;
  };
  const std::string_view keys = reader_.keys();
  mark_seen();
  for (;;) {
    // Where lines probably begin, from looking for line ends only. Reading decides: once it comes
    // to another place, a line that was not as it seemed, the rest of the guesses is thrown away.
    Guess guesses[kHashLines];
    std::size_t count = 0;
    for (std::size_t at = reader_.position(); count < kHashLines;) {
      const std::size_t bytes = reader_.scan_key(at);
      if (bytes == 0) break;
      guesses[count++] = Guess{at, bytes, template_.prefetch(keys.substr(at, bytes))};
      at = reader_.key_behind(at, bytes);
      if (at == std::string_view::npos) break;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Guess& guess = guesses[i];
      if (reader_.position() != guess.start) break;
      const std::string_view key = keys.substr(guess.start, guess.key_bytes);
      const std::uint32_t found = template_.find(key, guess.hash, batch_.scratch);
      if (found == kNoLine || batch_.seen[found] || !take_known(found, guess.start)) {
        NX_TRY_ASSIGN(const bool more, read_unknown());
        if (!more) return {};
      } else if (found != expected_) {
        ++counts_.misplaced;
      }
      if (found != kNoLine) expected_ = found + 1;
    }
    if (count == 0) {
      NX_TRY_ASSIGN(const bool more, read_unknown());
      if (!more) return {};
    }
  }
}

}  // namespace narthex::scrape
