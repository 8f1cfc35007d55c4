// Creating and finding series.
#include "tsdb/head/registry.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <unordered_set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/str.h"
#include "tsdb/head/series_hot.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kLabelBytesMax = std::size_t{16} << 30;  // u32 handles of 4 bytes
constexpr std::size_t kSlotsMax = std::size_t{1} << 30;        // 64 GiB of hot lines

std::uint32_t hash_pairs(std::span<const PairId> pairs) {
  return static_cast<std::uint32_t>(XXH3_64bits(pairs.data(), pairs.size_bytes()));
}

// The `limit` largest, largest first, ties by name.
std::vector<NameCount> top(std::vector<NameCount> counts, std::size_t limit) {
  std::ranges::sort(counts, [](const NameCount& a, const NameCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
  if (counts.size() > limit) counts.resize(limit);
  return counts;
}

}  // namespace

Result<std::unique_ptr<SeriesRegistry>> SeriesRegistry::create(std::size_t series_max) {
  NX_TRY_ASSIGN(SymbolTable symbols, SymbolTable::create());
  NX_TRY_ASSIGN(ReservedMemory labels, ReservedMemory::reserve(kLabelBytesMax));
  NX_TRY_ASSIGN(ReservedMemory refs, ReservedMemory::reserve(kSlotsMax * sizeof(SeriesRef)));
  NX_TRY_ASSIGN(ReservedMemory handles, ReservedMemory::reserve(kSlotsMax * sizeof(std::uint32_t)));
  return std::make_unique<SeriesRegistry>(
      Memory{std::move(symbols), std::move(labels), std::move(refs), std::move(handles)},
      series_max);
}

SeriesRegistry::SeriesRegistry(Memory memory, std::size_t series_max)
    : memory_(std::move(memory)),
      series_max_(series_max == 0 ? kSlotsMax : std::min(series_max, kSlotsMax)) {}

std::span<const PairId> SeriesRegistry::pairs(Slot slot) const {
  const auto* at = reinterpret_cast<const std::uint32_t*>(memory_.labels.data()) + handles()[slot];
  return {at + 1, *at};
}

model::Labels SeriesRegistry::labels(Slot slot) const {
  std::vector<model::LabelView> views;
  for (const PairId id : pairs(slot)) {
    const Pair pair = memory_.symbols.pair(id);
    views.push_back({memory_.symbols.text(pair.name), memory_.symbols.text(pair.value)});
  }
  return model::Labels::from_sorted(views);
}

PairId SeriesRegistry::pair_of(Slot slot, Symbol name) const {
  for (const PairId id : pairs(slot)) {
    if (memory_.symbols.pair(id).name == name) return id;
  }
  return 0;
}

Symbol SeriesRegistry::find_symbol(std::string_view text) const {
  const ReaderLock lock(mutex_);
  return memory_.symbols.find(text);
}

bool SeriesRegistry::intern_locked(const model::Labels& labels, std::vector<PairId>& out) {
  out.clear();
  for (const auto [name, value] : labels) {
    bool is_new = false;
    const PairId id = memory_.symbols.intern_pair(name, value, is_new);
    if (id == 0) return false;
    out.push_back(id);
    if (!is_new) continue;
    const Symbol symbol = memory_.symbols.pair(id).name;
    const auto [at, first] = name_index_.try_emplace(symbol, names_.size());
    if (first) names_.push_back({symbol, {}});
    names_[at->second].second.push_back(id);
  }
  return true;
}

Slot SeriesRegistry::next_slot_locked() {
  Run& run = runs_[std::hash<std::thread::id>{}(std::this_thread::get_id()) % runs_.size()];
  if (run.next == run.end) {
    run = {next_page_slot_, next_page_slot_ + kPageSeries};
    next_page_slot_ += kPageSeries;
  }
  return run.next++;
}

Result<Slot> SeriesRegistry::add_locked(const model::Labels& labels, SeriesRef ref, bool& is_new) {
  if (!intern_locked(labels, scratch_)) return Error(Code::kLimit, "label arena is full");
  const std::span<const PairId> wanted(scratch_);
  const std::uint32_t hash = hash_pairs(wanted);
  const std::uint32_t known = index_.find(
      hash, [&](std::uint32_t id) { return std::ranges::equal(pairs(id - 1), wanted); });
  is_new = known == 0;
  if (!is_new) return known - 1;

  if (slots_.size() >= series_max_) {
    return Error(Code::kLimit, concat("head series limit of ", series_max_, " reached"));
  }
  if ((next_label_ + wanted.size() + 1) * sizeof(PairId) > memory_.labels.size()) {
    return Error(Code::kLimit, "label arena is full");
  }
  const Slot slot = next_slot_locked();
  auto* at = reinterpret_cast<std::uint32_t*>(memory_.labels.data()) + next_label_;
  *at = static_cast<std::uint32_t>(wanted.size());
  std::memcpy(at + 1, wanted.data(), wanted.size_bytes());
  handles()[slot] = static_cast<std::uint32_t>(next_label_);
  next_label_ += wanted.size() + 1;
  if (ref == 0) ref = last_ref_ + 1;
  last_ref_ = std::max(last_ref_, ref);
  refs()[slot] = ref;
  index_.insert(hash, slot + 1);
  for (const PairId id : wanted) postings_.add(id, slot);
  const auto place = slots_.empty() || slots_.back() < slot
                         ? slots_.end()
                         : std::ranges::lower_bound(slots_, slot);
  if (slots_.size() == slots_.capacity()) {
    const auto offset = place - slots_.begin();
    slots_.reserve(slots_.size() + slots_.size() / 4 + 1024);
    slots_.insert(slots_.begin() + offset, slot);
  } else {
    slots_.insert(place, slot);
  }
  return slot;
}

Result<Slot> SeriesRegistry::resolve(const model::Labels& labels, bool& is_new) {
  const WriterLock lock(mutex_);
  Result<Slot> slot = add_locked(labels, 0, is_new);
  if (slot && is_new) unlogged_.push_back(*slot);
  return slot;
}

Result<Slot> SeriesRegistry::restore(const model::Labels& labels, SeriesRef ref) {
  const WriterLock lock(mutex_);
  bool is_new = false;
  Result<Slot> slot = add_locked(labels, ref, is_new);
  last_ref_ = std::max(last_ref_, ref);
  return slot;
}

std::span<const PairId> SeriesRegistry::pairs_of_name_locked(std::string_view name) const {
  const Symbol symbol = memory_.symbols.find(name);
  const auto found = symbol == 0 ? name_index_.end() : name_index_.find(symbol);
  if (found == name_index_.end()) return {};
  return names_[found->second].second;
}

// Series whose value of the matcher's label is not empty and accepted (with `invert`: refused).
SlotList SeriesRegistry::matching_locked(const model::Matcher& matcher, bool invert) const {
  std::vector<std::span<const Slot>> lists;
  for (const PairId id : pairs_of_name_locked(matcher.name())) {
    if (matcher.matches(memory_.symbols.text(memory_.symbols.pair(id).value)) != invert)
      lists.push_back(postings_.of(id));
  }
  return unite(lists, next_page_slot_);
}

SlotList SeriesRegistry::select_locked(const model::Matchers& matchers) const {
  std::optional<SlotList> found;
  const auto narrow = [&found](std::span<const Slot> list) {
    found = found ? intersect(*found, list) : SlotList(list.begin(), list.end());
  };
  for (const model::Matcher& matcher :
       matchers) {  // plain equality first: short lists without a scan of values
    if (matcher.type() != model::MatchType::kEqual || matcher.value().empty()) continue;
    narrow(postings_.of(memory_.symbols.find_pair(matcher.name(), matcher.value())));
    if (found->empty()) return {};
  }
  for (const model::Matcher& matcher : matchers) {
    const bool plain = matcher.type() == model::MatchType::kEqual && !matcher.value().empty();
    if (plain || matcher.matches("")) continue;
    narrow(matching_locked(matcher, false));
    if (found->empty()) return {};
  }
  if (!found) found = slots_;
  for (const model::Matcher& matcher : matchers) {
    if (!matcher.matches("")) continue;
    found = subtract(*found, matching_locked(matcher, true));
  }
  return *std::move(found);
}

SlotList SeriesRegistry::select(const model::Matchers& matchers) const {
  const ReaderLock lock(mutex_);
  SlotList found = select_locked(matchers);
  std::ranges::sort(found, {}, [this](Slot slot) { return ref(slot); });
  return found;
}

std::vector<std::string> SeriesRegistry::label_values(const std::string& name,
                                                      const model::Matchers& matchers) const {
  const ReaderLock lock(mutex_);
  std::vector<std::string> values;
  if (matchers.empty()) {
    for (const PairId id : pairs_of_name_locked(name))
      values.emplace_back(memory_.symbols.text(memory_.symbols.pair(id).value));
  } else {
    const Symbol symbol = memory_.symbols.find(name);
    std::unordered_set<PairId> seen;
    for (const Slot slot : select_locked(matchers)) {
      if (const PairId id = pair_of(slot, symbol); id != 0) seen.insert(id);
    }
    for (const PairId id : seen)
      values.emplace_back(memory_.symbols.text(memory_.symbols.pair(id).value));
  }
  std::ranges::sort(values);
  return values;
}

std::vector<std::string> SeriesRegistry::label_names(const model::Matchers& matchers) const {
  const ReaderLock lock(mutex_);
  std::unordered_set<Symbol> seen;
  if (matchers.empty()) {
    for (const auto& entry : names_) seen.insert(entry.first);
  } else {
    for (const Slot slot : select_locked(matchers)) {
      for (const PairId id : pairs(slot)) seen.insert(memory_.symbols.pair(id).name);
    }
  }
  std::vector<std::string> names;
  for (const Symbol symbol : seen) names.emplace_back(memory_.symbols.text(symbol));
  std::ranges::sort(names);
  return names;
}

std::vector<Slot> SeriesRegistry::take_unlogged() {
  const WriterLock lock(mutex_);
  return std::exchange(unlogged_, {});
}

void SeriesRegistry::return_unlogged(std::vector<Slot> slots) {
  const WriterLock lock(mutex_);
  slots.insert(slots.end(), unlogged_.begin(), unlogged_.end());
  unlogged_ = std::move(slots);
}

std::size_t SeriesRegistry::series_count() const {
  const ReaderLock lock(mutex_);
  return slots_.size();
}

void SeriesRegistry::count_pairs_locked(std::size_t limit, RegistryStatistics& out) const {
  std::vector<NameCount> metrics;
  std::vector<NameCount> values;
  std::vector<NameCount> bytes;
  std::vector<NameCount> pair_counts;
  for (const auto& [symbol, ids] : names_) {
    const std::string name(memory_.symbols.text(symbol));
    std::uint64_t name_bytes = 0;
    for (const PairId id : ids) {
      const std::string_view value = memory_.symbols.text(memory_.symbols.pair(id).value);
      const std::uint64_t series = postings_.of(id).size();
      name_bytes += value.size() * series;
      pair_counts.push_back({concat(name, "=", value), series});
      if (name == model::kMetricName) metrics.push_back({std::string(value), series});
    }
    values.push_back({name, ids.size()});
    bytes.push_back({name, name_bytes});
  }
  out.series_by_metric_name = top(std::move(metrics), limit);
  out.values_by_label_name = top(std::move(values), limit);
  out.bytes_by_label_name = top(std::move(bytes), limit);
  out.series_by_label_pair = top(std::move(pair_counts), limit);
}

RegistryStatistics SeriesRegistry::statistics(std::size_t limit) const {
  const ReaderLock lock(mutex_);
  RegistryStatistics out;
  out.series = slots_.size();
  out.label_pairs = memory_.symbols.pair_count();
  count_pairs_locked(limit, out);
  return out;
}

}  // namespace narthex::tsdb
