// Reading a body against the template and staging its rows.
#include "scrape/ingest/ingest.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/budget.h"
#include "base/check.h"
#include "base/str.h"
#include "model/sample.h"

namespace narthex::scrape {
namespace {

constexpr std::size_t kSamplesMax = 5'000'000;           // docs/limits.md
constexpr model::DurationMs kAheadMax = 10 * 60 * 1000;  // upstream's limit on times of their own
constexpr std::size_t kHashLines = 16;  // looked up together, so that their cache misses overlap

// What upstream knows a line by: its key without the blanks behind.
std::string_view text_of_key(std::string_view body, std::size_t start, std::size_t bytes) {
  const std::string_view key = body.substr(start, bytes);
  return key.substr(0, key.find_last_not_of(" \t") + 1);
}

}  // namespace

/// One walk over one body.
struct Ingest::Pass {
  exposition::Reader reader;
  model::Appender& appender;
  Batch& batch;
  model::TimeMs time;
  model::TimeMs oldest;  // what the store takes of new series
  ScrapeCounts counts;
  exposition::Event event;
  std::size_t expected = 0;      // the entry the next line should be
  const char* before = nullptr;  // where in the body the key of `expected - 1` stands
  std::size_t samples_max = 0;
  std::size_t staged = 0;
  bool over_limit = false;
  bool collects_slots = false;
  bool collects_texts = false;
};

void SlotSet::clear() {
  if (size_ != 0) std::fill(table_.begin(), table_.end(), kNoLine);
  size_ = 0;
}

bool SlotSet::insert(std::uint32_t slot) {
  if ((size_ + 1) * 2 > table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = (slot * 0x9E3779B1U) & mask;
  for (; table_[at] != kNoLine; at = (at + 1) & mask) {
    if (table_[at] == slot) return false;
  }
  table_[at] = slot;
  ++size_;
  return true;
}

bool SlotSet::contains(std::uint32_t slot) const {
  if (size_ == 0) return false;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = (slot * 0x9E3779B1U) & mask; table_[at] != kNoLine; at = (at + 1) & mask) {
    if (table_[at] == slot) return true;
  }
  return false;
}

void SlotSet::grow() {
  std::vector<std::uint32_t> old(std::max<std::size_t>(table_.size() * 2, 64), kNoLine);
  old.swap(table_);
  size_ = 0;
  for (const std::uint32_t slot : old) {
    if (slot != kNoLine) insert(slot);
  }
}

void Batch::reset() {
  series.clear();
  values.clear();
  times.clear();
  sources.clear();
  refs.clear();
  fresh.clear();
  seen.clear();
  slots.clear();
  tracked_slots.clear();
  texts.clear();
  shared_slots.clear();
  lapsed.clear();
  retracked.clear();
  counts = {};
}

void Batch::push(model::SeriesHandle handle, double value, std::uint32_t source) {
  series.push_back(handle);
  values.push_back(value);
  sources.push_back(source);
}

void Batch::push_at(model::SeriesHandle handle, double value, std::uint32_t source,
                    model::TimeMs time, model::TimeMs batch_time) {
  times.resize(series.size(), batch_time);
  times.push_back(time);
  push(handle, value, source);
}

Ingest::Ingest(IngestRules rules, model::Labels target_labels)
    : rules_(std::move(rules)), target_labels_(std::move(target_labels)) {}

void Ingest::adopt(Ingest&& before) {
  template_ = std::move(before.template_);
  report_ = std::move(before.report_);
  has_tracked_ = before.has_tracked_;
}

void Ingest::forget() {
  template_ = Template();
  report_.clear();
  has_tracked_ = false;
}

Result<ScrapeCounts> Ingest::stage(exposition::Format format, std::size_t body_bytes,
                                   model::TimeMs time, model::Appender& appender, Batch& batch) {
  const std::string_view body(batch.body.data(), body_bytes);
  Pass pass{.reader = exposition::Reader(format, body),
            .appender = appender,
            .batch = batch,
            .time = time,
            .oldest = appender.oldest_time()};
  pass.before = body.data();
  pass.samples_max = rules_.limits.samples == 0 ? kSamplesMax : rules_.limits.samples;
  const Result<void> read = template_.hash_mode() ? read_by_hash(pass) : read_in_order(pass);
  batch.counts = pass.counts;
  NX_TRY(read);
  if (pass.over_limit) return Error(Code::kLimit, "sample limit exceeded", Cause::kSampleLimit);
  stage_vanished(pass);
  if (!batch.times.empty()) batch.times.resize(batch.series.size(), time);
  pass.counts.lines = batch.refs.size();
  return pass.counts;
}

Result<void> Ingest::read_in_order(Pass& pass) {
  const std::string_view body = pass.reader.body();
  const std::size_t lines = template_.size();
  for (;;) {
    const std::size_t start = pass.reader.position();
    const std::string_view rest = body.substr(start);
    // After a jump back, what comes next may have been met already: then it is a repetition.
    const bool open =
        pass.expected < lines && (pass.batch.seen.empty() || !pass.batch.seen[pass.expected]);
    if (open && template_.matches(pass.expected, pass.before, rest) &&
        take_known(pass, static_cast<std::uint32_t>(pass.expected), start)) {
      pass.before = rest.data();
      ++pass.expected;
      continue;
    }
    NX_TRY_ASSIGN(const bool more, read_unexpected(pass, rest));
    if (!more) return pass.reader.status();
  }
}

// The line at the reader's position begins with the key of `index`. False: it does not go on as it
// should.
bool Ingest::take_known(Pass& pass, std::uint32_t index, std::size_t start) {
  const LineEntry& line = template_.line(index);
  const std::size_t key_bytes = template_.key_bytes(index);
  bool keep = true;
  if (line.kind() == exposition::EventKind::kSample) {
    if (line.has(LineEntry::kTyped) && line.type() != pass.reader.type()) return false;
    if (!pass.reader.take_sample(key_bytes, pass.event)) return false;
    keep = stage_sample(pass, line);
  } else if (line.kind() == exposition::EventKind::kType) {
    pass.reader.skip_line(key_bytes, line.type());
  } else {
    pass.reader.skip_line(key_bytes, std::nullopt);
  }
  if (!pass.batch.seen.empty()) pass.batch.seen[index] = true;
  if (!keep) return true;
  pass.batch.refs.push_back(LineRef{.start = static_cast<std::uint32_t>(start),
                                    .key_bytes = static_cast<std::uint32_t>(key_bytes),
                                    .entry = index});
  return true;
}

// From here on, which lines were seen is no longer "all before `expected`".
void Ingest::mark_seen(Pass& pass) {
  if (!pass.batch.seen.empty() || template_.size() == 0) return;
  pass.batch.seen.assign(template_.size(), false);
  for (const LineRef& ref : pass.batch.refs) pass.batch.seen[ref.entry] = true;
}

// False at the end of the body or on an error, which the reader keeps.
Result<bool> Ingest::read_unexpected(Pass& pass, std::string_view rest) {
  if (pass.expected < template_.size()) {
    const std::uint32_t near =
        template_.find_near(pass.expected, pass.before, rest, pass.batch.scratch);
    if (near != kNoLine) {
      mark_seen(pass);
      if (!pass.batch.seen[near] && take_known(pass, near, pass.reader.position())) {
        ++pass.counts.misplaced;
        pass.before = rest.data();
        pass.expected = near + 1;
        return true;
      }
    }
  }
  return read_unknown(pass);
}

// Parses the next line in full and looks its key up.
Result<bool> Ingest::read_unknown(Pass& pass) {
  if (!pass.reader.next(pass.event)) {
    NX_TRY(pass.reader.status());
    return false;
  }
  if (const MemoryAccount* account = MemoryScope::current()) NX_TRY(account->check());
  mark_seen(pass);
  const std::string_view key = pass.reader.body().substr(pass.event.start, pass.event.key_bytes);
  std::uint32_t found = kNoLine;
  if (template_.size() != 0) found = template_.find(key, pass.batch.scratch);
  NX_TRY_ASSIGN(const bool moved, take_event(pass, found));
  if (moved) {
    pass.expected = found + 1;
    pass.before = key.data();
  }
  return true;
}

// A fully parsed line, which may be entry `found`. True when it is, and the lines behind it are
// expected next.
Result<bool> Ingest::take_event(Pass& pass, std::uint32_t found) {
  ++pass.counts.misplaced;
  const bool is_sample = pass.event.kind == exposition::EventKind::kSample;
  const bool is_known =
      found != kNoLine && !(is_sample && template_.line(found).has(LineEntry::kTyped) &&
                            template_.line(found).type() != pass.reader.type());
  if (!is_known) {
    NX_TRY(add_line(pass));
    return false;
  }
  const LineEntry& line = template_.line(found);
  if (pass.batch.seen[found]) {
    if (is_sample) stage_sample(pass, line, true);
    return false;
  }
  pass.batch.seen[found] = true;
  if (is_sample && !stage_sample(pass, line)) return true;
  pass.batch.refs.push_back(LineRef{.start = static_cast<std::uint32_t>(pass.event.start),
                                    .key_bytes = static_cast<std::uint32_t>(pass.event.key_bytes),
                                    .entry = found});
  return true;
}

Result<void> Ingest::add_line(Pass& pass) {
  LineEntry entry;
  entry.set(pass.event.kind, pass.reader.type());
  if (pass.event.kind == exposition::EventKind::kSample) {
    NX_TRY(add_sample(pass, entry));
    if (!entry.series.valid() && !entry.has(LineEntry::kDropped)) return {};  // try again next time
  }
  pass.batch.refs.push_back(
      LineRef{.start = static_cast<std::uint32_t>(pass.event.start),
              .key_bytes = static_cast<std::uint32_t>(pass.event.key_bytes),
              .entry = kNewLine + static_cast<std::uint32_t>(pass.batch.fresh.size())});
  pass.batch.fresh.push_back(entry);
  return {};
}

// A sample whose key was never seen: labels, relabelling, limits, and its series in the store.
// Leaves `entry` without series when there is nothing to remember.
Result<void> Ingest::add_sample(Pass& pass, LineEntry& entry) {
  entry.flags = pass.reader.depends_on_type() ? LineEntry::kTyped : 0;
  pass.reader.labels(pass.batch.labels);
  model::Labels labels;
  const Result<bool> keep = target_series(pass.batch, labels);
  if (!keep) {
    ++pass.counts.scraped;
    return std::unexpected(keep.error());
  }
  if (!*keep) {
    entry.set(LineEntry::kDropped, true);
    ++pass.counts.scraped;
    return {};
  }
  if (pass.staged >= pass.samples_max) {  // no series for samples that will not be written
    ++pass.counts.scraped;
    ++pass.counts.added;
    pass.over_limit = true;
    return {};
  }
  const bool has_time = pass.event.has_time && rules_.honor_timestamps;
  // No series for a sample that the store does not take.
  if (has_bad_time(pass) || (has_time ? pass.event.time : pass.time) < pass.oldest) {
    ++pass.staged;
    ++pass.counts.scraped;
    ++pass.counts.added;
    ++pass.counts.out_of_bounds;
    return {};
  }
  Result<model::SeriesHandle> series = resolve(pass, labels);
  if (!series) {
    if (series.error().code() != Code::kLimit) return std::unexpected(std::move(series).error());
    ++pass.counts.scraped;
    ++pass.counts.refused;
    return {};
  }
  collect_slots(pass);
  entry.series = *series;
  if (stage_sample(pass, entry)) {
    ++pass.counts.series_added;
  } else {
    entry.series = model::SeriesHandle();
  }
  return {};
}

// The store's memory is not the scrape's: it outlives it, and must not be refused halfway.
Result<model::SeriesHandle> Ingest::resolve(Pass& pass, const model::Labels& labels) {
  const MemoryScope uncharged(nullptr);
  return pass.appender.resolve(labels);
}

// From here on every row's series is noted, because a new key may be another spelling of a known
// series.
void Ingest::collect_slots(Pass& pass) {
  if (pass.collects_slots) return;
  pass.collects_slots = true;
  for (const LineRef& ref : pass.batch.refs) {
    if ((ref.entry & kNewLine) != 0) continue;  // comments and dropped series so far
    const LineEntry& line = template_.line(ref.entry);
    if (line.series.valid()) pass.batch.slots.insert(line.series.slot);
  }
}

// From here on every line's text is noted: it tells a repetition from another spelling.
void Ingest::collect_texts(Pass& pass) {
  if (pass.collects_texts) return;
  pass.collects_texts = true;
  for (const LineRef& ref : pass.batch.refs) {
    pass.batch.texts.insert(text_of_key(pass.reader.body(), ref.start, ref.key_bytes));
  }
}

// Has this body had the sample's text before? Upstream knows lines by it, and a second one without
// a time is a duplicate; lines that only mean the same series are told apart by the store.
bool Ingest::repeats_text(Pass& pass, const LineEntry& entry) {
  Batch& batch = pass.batch;
  const bool was_shared = entry.has(LineEntry::kShared);
  const bool is_shared = !batch.slots.insert(entry.series.slot);
  if (is_shared && !was_shared) collect_texts(pass);
  if (!pass.collects_texts && !was_shared) return false;
  const std::string_view text =
      text_of_key(pass.reader.body(), pass.event.start, pass.event.key_bytes);
  if (!batch.texts.insert(text).second) return true;
  if (is_shared && !was_shared) batch.shared_slots.insert(entry.series.slot);
  return false;
}

// Upstream refuses these before its store sees them.
bool Ingest::has_bad_time(const Pass& pass) const {
  if (!pass.event.has_time || !rules_.honor_timestamps) return false;
  return pass.event.time == exposition::kTimeOutOfRange || pass.event.time > pass.time + kAheadMax;
}

// `repeats`: this body has had the key. False: the line is not to be remembered.
bool Ingest::stage_sample(Pass& pass, const LineEntry& entry, bool repeats) {
  Batch& batch = pass.batch;
  ++pass.counts.scraped;
  if (entry.has(LineEntry::kDropped)) return true;
  ++pass.counts.added;
  const bool has_time = pass.event.has_time && rules_.honor_timestamps;
  const bool noted = pass.collects_slots || entry.has(LineEntry::kShared);
  if (noted && !repeats) repeats = repeats_text(pass, entry);
  if (repeats && !has_time) {
    ++pass.counts.duplicates;
    return false;
  }
  if (pass.staged >= pass.samples_max) [[unlikely]] {
    pass.over_limit = true;
    return !repeats;
  }
  ++pass.staged;
  const bool refused = has_bad_time(pass);
  if (refused) ++pass.counts.out_of_bounds;
  const auto source = repeats ? kNoLine : static_cast<std::uint32_t>(batch.refs.size());
  if (has_time || !batch.times.empty()) [[unlikely]] {
    const model::TimeMs time = has_time ? pass.event.time : pass.time;
    if (!refused) batch.push_at(entry.series, pass.event.value, source, time, pass.time);
  } else {
    batch.push(entry.series, pass.event.value, source);
  }
  const bool tracked = !refused && (!has_time || rules_.track_timestamps_staleness);
  const bool was_tracked = entry.has(LineEntry::kTracked);
  // A line that was tracked and shares its series with none is the only one that goes on with it.
  if (noted && tracked && (!was_tracked || entry.has(LineEntry::kShared))) {
    batch.tracked_slots.insert(entry.series.slot);
  }
  if (tracked != was_tracked && !repeats) [[unlikely]] {
    batch.retracked.push_back(source);
    if (!tracked) batch.lapsed.push_back(entry.series);
  }
  return !repeats;
}

// One marker for a series, and none when a line of this body goes on with it.
void Ingest::stage_stale(Pass& pass, model::SeriesHandle series) {
  Batch& batch = pass.batch;
  if (!batch.tracked_slots.insert(series.slot)) return;
  if (batch.times.empty())
    batch.push(series, model::stale_nan(), kNoLine);
  else
    batch.push_at(series, model::stale_nan(), kNoLine, pass.time, pass.time);
}

// Stale markers for entries that no line of this body was, and, as upstream, for series that began
// to bring their own times: they end as the series without.
void Ingest::stage_vanished(Pass& pass) {
  Batch& batch = pass.batch;
  const std::size_t first = batch.seen.empty() ? pass.expected : 0;
  for (std::size_t i = first; i < template_.size(); ++i) {
    const LineEntry& line = template_.line(i);
    if ((!batch.seen.empty() && batch.seen[i]) || !line.has(LineEntry::kTracked)) continue;
    stage_stale(pass, line.series);
  }
  for (const model::SeriesHandle series : batch.lapsed) stage_stale(pass, series);
}

void Ingest::stage_failure(Batch& batch) {
  if (!has_tracked_) return;
  has_tracked_ = false;
  for (std::size_t i = 0; i < template_.size(); ++i) {
    LineEntry& line = template_.line(i);
    if (!line.has(LineEntry::kTracked)) continue;
    line.set(LineEntry::kTracked, false);
    batch.push(line.series, model::stale_nan(), kNoLine);
  }
}

// Lines come in any order: look up kHashLines at a time.
Result<void> Ingest::read_by_hash(Pass& pass) {
  struct Guess {
    std::size_t start;
    std::size_t key_bytes;
    std::uint32_t hash;
  };
  const std::string_view body = pass.reader.body();
  mark_seen(pass);
  for (;;) {
    Guess guesses[kHashLines];
    std::size_t count = 0;
    for (std::size_t at = pass.reader.position(); count < kHashLines;) {
      const std::size_t bytes = pass.reader.scan_key(at);
      if (bytes == 0) break;
      guesses[count++] = Guess{at, bytes, template_.prefetch(body.substr(at, bytes))};
      if (body[at] == '#') {
        at += bytes;
        continue;
      }
      const std::size_t newline = body.find('\n', at + bytes);
      if (newline == std::string_view::npos) break;
      at = newline + 1;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Guess& guess = guesses[i];
      if (pass.reader.position() != guess.start) break;
      const std::string_view key = body.substr(guess.start, guess.key_bytes);
      const std::uint32_t found = template_.find(key, guess.hash, pass.batch.scratch);
      if (found == kNoLine || pass.batch.seen[found] || !take_known(pass, found, guess.start)) {
        NX_TRY_ASSIGN(const bool more, read_unknown(pass));
        if (!more) return {};
      } else if (found != pass.expected) {
        ++pass.counts.misplaced;
      }
      if (found != kNoLine) pass.expected = found + 1;
    }
    if (count == 0) {
      NX_TRY_ASSIGN(const bool more, read_unknown(pass));
      if (!more) return {};
    }
  }
}

// Lines that share a series look for each other from now on.
void Ingest::mark_shared(Batch& batch) {
  for (const LineRef& ref : batch.refs) {
    LineEntry& line =
        (ref.entry & kNewLine) != 0 ? batch.fresh[ref.entry - kNewLine] : template_.line(ref.entry);
    if (line.series.valid() && batch.shared_slots.contains(line.series.slot)) {
      line.set(LineEntry::kShared, true);
    }
  }
}

void Ingest::commit(const ScrapeCounts& counts, Batch& batch) {
  if (!batch.shared_slots.empty()) mark_shared(batch);
  for (const std::uint32_t source : batch.retracked) {
    const std::uint32_t entry = batch.refs[source].entry;
    LineEntry& line =
        (entry & kNewLine) != 0 ? batch.fresh[entry - kNewLine] : template_.line(entry);
    line.set(LineEntry::kTracked, !line.has(LineEntry::kTracked));
    has_tracked_ = true;
  }
  const bool same_lines = batch.fresh.empty() && batch.refs.size() == template_.size();
  const bool was_hash = template_.hash_mode();
  if (template_.size() != 0) template_.note_misses(counts.lines, counts.misplaced);
  const bool same_order = counts.misplaced == 0 || was_hash;
  if (same_lines && same_order && was_hash == template_.hash_mode()) return;
  template_.rebuild(batch.body, batch.refs, batch.fresh);
}

}  // namespace narthex::scrape
