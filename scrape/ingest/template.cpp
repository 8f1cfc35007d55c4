// The positional template: keys front-coded into one string, entries of 20 bytes beside it, and a
// hash table that exists only while lines are not where they were. The header says why; here is
// how.
//
// A line is known again by its suffix in the template and its prefix in the body itself, against
// the line before. So matching needs the place of that line (`before`), not its text. Where a whole
// key is needed (look-ups, metadata) it is put together from the last restart on, at most
// kRestartLines entries back.
#include "scrape/ingest/template.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <xxhash.h>

namespace narthex::scrape {
namespace {

static_assert(sizeof(LineEntry) == 20, "one for every series of every target");

// At least this share of lines out of place makes a scrape a bad one; three in a row change to hash
// mode, four without any change back (docs/adr/0001-scrape-template.md).
constexpr std::size_t kBadSharePercent = 5;
constexpr std::uint8_t kBadScrapes = 3;
constexpr std::uint8_t kGoodScrapes = 4;

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min({a.size(), b.size(), std::size_t{0xFFFF}});
  std::size_t i = 0;
  for (; i + 8 <= most; i += 8) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (x != y) return i + static_cast<std::size_t>(std::countr_zero(x ^ y)) / 8;
  }
  while (i < most && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

std::uint32_t hash_key(std::string_view key) {
  return static_cast<std::uint32_t>(XXH3_64bits(key.data(), key.size()));
}

bool Template::matches(std::size_t index, const char* before, std::string_view rest) const {
  const LineEntry& line = lines_[index];
  const std::size_t shared = line.shared_bytes;
  if (rest.size() < shared + line.suffix_bytes) return false;
  return std::memcmp(rest.data() + shared, keys_.data() + line.suffix, line.suffix_bytes) == 0 &&
         std::memcmp(rest.data(), before, shared) == 0;
}

std::uint32_t Template::find_near(std::size_t index, const char* before, std::string_view rest,
                                  std::string& scratch) const {
  const std::size_t last = std::min(index + kWindowLines + 1, lines_.size());
  for (std::size_t i = index; i < last; ++i) {
    const LineEntry& line = lines_[i];
    if (i == index)
      scratch.assign(before, line.shared_bytes);
    else
      scratch.resize(line.shared_bytes);
    scratch.append(keys_, line.suffix, line.suffix_bytes);
    if (i > index && rest.starts_with(scratch)) return static_cast<std::uint32_t>(i);
  }
  return kNoLine;
}

void Template::key(std::size_t index, std::string& out) const {
  std::size_t first = index;
  while (lines_[first].shared_bytes != 0) --first;
  out.clear();
  for (std::size_t i = first; i <= index; ++i) {
    out.resize(lines_[i].shared_bytes);
    out.append(keys_, lines_[i].suffix, lines_[i].suffix_bytes);
  }
}

bool Template::equals(std::size_t index, std::string_view key_text, std::string& scratch) const {
  const LineEntry& line = lines_[index];
  if (line.shared_bytes + std::size_t{line.suffix_bytes} != key_text.size()) return false;
  const std::string_view suffix(keys_.data() + line.suffix, line.suffix_bytes);
  if (key_text.substr(line.shared_bytes) != suffix) return false;
  if (line.shared_bytes == 0) return true;
  key(index, scratch);
  return scratch == key_text;
}

void Template::build_table() {
  table_.assign(std::bit_ceil(std::max<std::size_t>(lines_.size() * 3 / 2, 8)), Slot{});
  const std::size_t mask = table_.size() - 1;
  std::string whole;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    whole.resize(lines_[i].shared_bytes);
    whole.append(keys_, lines_[i].suffix, lines_[i].suffix_bytes);
    const std::uint32_t hash = hash_key(whole);
    std::size_t at = hash & mask;
    while (table_[at].line != kNoLine && table_[at].hash != hash) at = (at + 1) & mask;
    if (table_[at].line == kNoLine)
      // Of two keys with one hash the first is in the table. The other one is then new at every
      // page, which is slow and right.
      table_[at] = Slot{.hash = hash, .line = static_cast<std::uint32_t>(i)};
  }
}

std::uint32_t Template::find(std::string_view key_text, std::string& scratch) {
  if (table_.empty()) build_table();
  return find(key_text, hash_key(key_text), scratch);
}

std::uint32_t Template::prefetch(std::string_view key_text) {
  if (table_.empty()) build_table();
  const std::uint32_t hash = hash_key(key_text);
  __builtin_prefetch(&table_[hash & (table_.size() - 1)]);
  return hash;
}

std::uint32_t Template::find(std::string_view key_text, std::uint32_t hash,
                             std::string& scratch) const {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask; table_[at].line != kNoLine; at = (at + 1) & mask) {
    if (table_[at].hash != hash) continue;
    return equals(table_[at].line, key_text, scratch) ? table_[at].line : kNoLine;
  }
  return kNoLine;
}

void Template::append(std::string_view key_text, std::string_view before, LineEntry entry) {
  const bool restart = hash_mode_ || lines_.size() % kRestartLines == 0;
  const std::size_t shared = restart ? 0 : common_prefix(key_text, before);
  entry.shared_bytes = static_cast<std::uint16_t>(shared);
  entry.suffix = static_cast<std::uint32_t>(keys_.size());
  entry.suffix_bytes = static_cast<std::uint32_t>(key_text.size() - shared);
  keys_.append(key_text.substr(shared));
  lines_.push_back(entry);
}

void Template::rebuild(std::string_view body, const std::vector<LineRef>& refs,
                       const std::vector<LineEntry>& fresh) {
  Template next;
  next.hash_mode_ = hash_mode_;
  next.pinned_ = pinned_;
  next.bad_scrapes_ = bad_scrapes_;
  next.lines_.reserve(refs.size());
  next.keys_.reserve(keys_.size() + keys_.size() / 16);
  std::string_view before;
  for (const LineRef& ref : refs) {
    const bool is_new = (ref.entry & kNewLine) != 0;
    const LineEntry& entry = is_new ? fresh[ref.entry - kNewLine] : lines_[ref.entry];
    const std::string_view key_text = body.substr(ref.start, ref.key_bytes);
    next.append(key_text, before, entry);
    before = key_text;
  }
  next.keys_.shrink_to_fit();
  *this = std::move(next);
}

// Into hash mode after several bad scrapes in a row, out of it after several without a miss: a page
// that changes its order once must not flip the mode, nor one that shuffles it keep trying the
// order.
void Template::note_misses(std::size_t lines, std::size_t misses) {
  if (pinned_) return;
  const bool bad = misses * 100 > lines * kBadSharePercent;
  if (hash_mode_) {
    good_scrapes_ = misses == 0 ? static_cast<std::uint8_t>(good_scrapes_ + 1) : 0;
    if (good_scrapes_ >= kGoodScrapes) {
      hash_mode_ = false;
      bad_scrapes_ = 0;
    }
    return;
  }
  bad_scrapes_ = bad ? static_cast<std::uint8_t>(bad_scrapes_ + 1) : 0;
  if (bad_scrapes_ >= kBadScrapes) {
    hash_mode_ = true;
    good_scrapes_ = 0;
  }
  // The table served one odd scrape; nobody needs it while lines come in order.
  if (misses == 0 && !table_.empty()) {
    table_.clear();
    table_.shrink_to_fit();
  }
}

std::size_t Template::memory_bytes() const {
  return lines_.capacity() * sizeof(LineEntry) + keys_.capacity() +
         table_.capacity() * sizeof(Slot);
}

}  // namespace narthex::scrape
