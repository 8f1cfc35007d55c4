// Finding series and listing labels. The lock is held for a slice of a list at a time, never while
// a matcher runs; texts, pairs and label arrays need none.
//
// A selection goes from what is cheap and short to what is not: the lists of plain equalities,
// shortest first; then the other matchers that a series without the label fails; then those that it
// passes. A matcher looks at the values of its label or at the series found so far, whichever are
// fewer.
#include <algorithm>
#include <unordered_set>

#include "base/str.h"
#include "tsdb/head/registry.h"

namespace narthex::tsdb {
namespace {

constexpr PairId kAllSeries = 0xFFFFFFFF;           // names the list of all slots
constexpr std::size_t kSlotsPerHold = 16 * 1024;    // tuned: some tens of microseconds of the lock
constexpr std::size_t kSearchedPerHold = 2 * 1024;  // tuned: the same, where each is looked up
constexpr std::size_t kCostPerCheck = 64;           // tuned: of matches of a slow expression
constexpr std::size_t kSortedRun = 16 * 1024;       // tuned: some milliseconds
constexpr std::size_t kSlotsPerPair = 16;           // tuned: going to a list costs as much
constexpr std::size_t kMergeListsMax = 8;           // tuned: more lists go through a bitmap

bool is_plain(const model::Matcher& matcher) {
  return matcher.type() == model::MatchType::kEqual && !matcher.value().empty();
}

struct Counted {
  std::string_view name;
  std::string_view value;
  std::uint64_t count = 0;
};

// The `limit` largest, largest first, ties by name and value; without a value by name alone.
std::vector<NameCount> top(std::vector<Counted> counts, std::size_t limit) {
  const auto before = [](const Counted& a, const Counted& b) {
    if (a.count != b.count) return a.count > b.count;
    return a.name != b.name ? a.name < b.name : a.value < b.value;
  };
  const std::size_t kept = std::min(limit, counts.size());
  std::ranges::partial_sort(counts, counts.begin() + static_cast<std::ptrdiff_t>(kept), before);
  std::vector<NameCount> out;
  for (const Counted& c : std::span(counts).first(kept)) {
    out.push_back({c.value.empty() ? std::string(c.name) : concat(c.name, "=", c.value), c.count});
  }
  return out;
}

using Pace = Pacer<StopToken>;

// For Pacer::tick() before a text of `bytes` bytes is matched.
constexpr std::size_t cost_of_match(std::size_t bytes) {
  return 1 + bytes / 64;
}

// Sorts runs, then merges them. An error leaves the items in any order.
template <typename T, typename Less>
Result<void> sort_paced(std::vector<T>& items, Less less, Pace& pace) {
  const std::size_t count = items.size();
  const auto at = [&items](std::size_t i) {
    return items.begin() + static_cast<std::ptrdiff_t>(i);
  };
  for (std::size_t i = 0; i < count; i += kSortedRun) {
    NX_TRY(pace.ask());
    std::sort(at(i), at(std::min(i + kSortedRun, count)), less);
  }
  if (count <= kSortedRun) return {};
  std::vector<T> merged(count);
  for (std::size_t width = kSortedRun; width < count; width *= 2) {
    for (std::size_t start = 0; start < count; start += 2 * width) {
      const std::size_t middle = std::min(start + width, count);
      const std::size_t end = std::min(middle + width, count);
      std::size_t left = start;
      std::size_t right = middle;
      for (std::size_t out = start; out < end; ++out) {
        NX_TRY(pace.tick());
        const bool is_right = left == middle || (right < end && less(items[right], items[left]));
        merged[out] = items[is_right ? right++ : left++];
      }
    }
    items.swap(merged);
  }
  return {};
}

// The first symbols that are added, each once.
class FirstSeen {
 public:
  explicit FirstSeen(std::size_t limit) : limit_(limit) {}
  /// False once there is room for no more.
  bool add(Symbol symbol) {
    symbols_.insert(symbol);
    return limit_ == 0 || symbols_.size() < limit_;
  }
  const std::unordered_set<Symbol>& symbols() const { return symbols_; }

 private:
  std::size_t limit_;
  std::unordered_set<Symbol> symbols_;
};

Result<std::vector<std::string>> sorted_texts(const std::unordered_set<Symbol>& symbols,
                                              const SymbolTable& table, Pace& pace) {
  std::vector<std::string_view> texts;
  texts.reserve(symbols.size());
  for (const Symbol symbol : symbols) texts.push_back(table.text(symbol));
  NX_TRY(sort_paced(texts, std::less<>(), pace));
  std::vector<std::string> out;
  out.reserve(texts.size());
  for (const std::string_view text : texts) {
    NX_TRY(pace.tick());
    out.emplace_back(text);
  }
  return out;
}

}  // namespace

std::string_view SeriesRegistry::value_text(PairId pair) const {
  return pair == 0 ? std::string_view() : memory_.symbols.text(memory_.symbols.pair(pair).value);
}

Symbol SeriesRegistry::find_symbol(std::string_view text) const {
  const ReaderLock lock(mutex_);
  return memory_.symbols.find(text);
}

std::size_t SeriesRegistry::series_count() const {
  const ReaderLock lock(mutex_);
  return slots_.size();
}

// The slots of a list from `from` on.
std::span<const Slot> SeriesRegistry::list_locked(PairId pair, Slot from) const {
  const std::span<const Slot> list = pair == kAllSeries ? slots_ : postings_.of(pair);
  if (from == 0) return list;
  return list.subspan(
      static_cast<std::size_t>(std::ranges::lower_bound(list, from) - list.begin()));
}

std::span<const PairId> SeriesRegistry::values_locked(std::string_view name) const {
  const Symbol symbol = memory_.symbols.find(name);
  const auto found = symbol == 0 ? name_index_.end() : name_index_.find(symbol);
  if (found == name_index_.end()) return {};
  return names_[found->second].second;
}

std::size_t SeriesRegistry::value_count(std::string_view name) const {
  const ReaderLock lock(mutex_);
  return values_locked(name).size();
}

std::vector<PairId> SeriesRegistry::values_of(std::string_view name) const {
  std::vector<PairId> out;
  for (bool more = true; more;) {
    const ReaderLock lock(mutex_);
    const std::span<const PairId> rest = values_locked(name).subspan(out.size());
    if (out.empty()) out.reserve(rest.size());
    const auto part = rest.first(std::min(rest.size(), kSlotsPerHold));
    out.insert(out.end(), part.begin(), part.end());
    more = part.size() < rest.size();
  }
  return out;
}

SlotList SeriesRegistry::copy_list(PairId pair) const {
  SlotList out;
  for (bool more = true; more;) {
    const ReaderLock lock(mutex_);
    const std::span<const Slot> rest = list_locked(pair, out.empty() ? 0 : out.back() + 1);
    if (out.empty()) out.reserve(rest.size());
    const auto part = rest.first(std::min(rest.size(), kSlotsPerHold));
    out.insert(out.end(), part.begin(), part.end());
    more = part.size() < rest.size();
  }
  return out;
}

SlotList SeriesRegistry::intersect_list(const SlotList& found, PairId pair) const {
  SlotList out;
  for (std::size_t at = 0; at < found.size();) {
    const auto part = std::span(found).subspan(at, std::min(kSearchedPerHold, found.size() - at));
    at += part.size();
    const ReaderLock lock(mutex_);
    const std::span<const Slot> list = list_locked(pair, part.front());
    const auto end = std::ranges::upper_bound(list, part.back());
    const SlotList both = intersect(part, {list.begin(), end});
    out.insert(out.end(), both.begin(), both.end());
  }
  return out;
}

SlotList SeriesRegistry::unite_lists(const std::vector<PairId>& pairs) const {
  if (pairs.size() <= kMergeListsMax) {
    std::vector<SlotList> lists;
    for (const PairId pair : pairs) lists.push_back(copy_list(pair));
    if (lists.size() == 1) return std::move(lists.front());
    return unite({lists.begin(), lists.end()}, 0);
  }
  SlotBitmap bitmap(series_count());
  Slot from = 0;
  for (std::size_t i = 0; i < pairs.size();) {
    const ReaderLock lock(mutex_);
    for (std::size_t work = 0; i < pairs.size() && work < kSlotsPerHold; work += kSlotsPerPair) {
      const std::span<const Slot> rest = list_locked(pairs[i], from);
      const auto part = rest.first(std::min(rest.size(), kSlotsPerHold));
      bitmap.add(part);
      work += part.size();
      const bool whole = part.size() == rest.size();
      from = whole ? 0 : part.back() + 1;
      if (whole) ++i;
    }
  }
  return bitmap.slots();
}

std::vector<std::uint32_t> SeriesRegistry::series_counts(const std::vector<PairId>& pairs) const {
  std::vector<std::uint32_t> counts;
  counts.reserve(pairs.size());
  while (counts.size() < pairs.size()) {
    const ReaderLock lock(mutex_);
    const std::size_t end = std::min(counts.size() + kSearchedPerHold, pairs.size());
    while (counts.size() < end) {
      const auto list = postings_.of(pairs[counts.size()]);
      counts.push_back(static_cast<std::uint32_t>(list.size()));
    }
  }
  return counts;
}

// The series that all plain equalities accept; nothing when there is none of these.
std::optional<SlotList> SeriesRegistry::select_equal(const model::Matchers& matchers) const {
  std::vector<std::pair<std::size_t, PairId>> lists;
  {
    const ReaderLock lock(mutex_);
    for (const model::Matcher& matcher : matchers) {
      if (!is_plain(matcher)) continue;
      const PairId pair = memory_.symbols.find_pair(matcher.name(), matcher.value());
      lists.emplace_back(postings_.of(pair).size(), pair);
    }
  }
  if (lists.empty()) return std::nullopt;
  std::ranges::sort(lists);
  SlotList found = copy_list(lists.front().second);
  for (std::size_t i = 1; i < lists.size() && !found.empty(); ++i) {
    found = intersect_list(found, lists[i].second);
  }
  return found;
}

Result<SlotList> SeriesRegistry::keep_matching(const SlotList& found, const model::Matcher& matcher,
                                               const StopToken& stop) const {
  const Symbol name = find_symbol(matcher.name());
  SlotList kept;
  Pace pace(stop, kCostPerCheck);
  for (const Slot slot : found) {
    const std::string_view text = value_text(name == 0 ? 0 : pair_of(slot, name));
    NX_TRY(pace.tick(cost_of_match(text.size())));
    if (matcher.matches(text)) kept.push_back(slot);
  }
  return kept;
}

// Those of `found` (nothing: of all series) that the matcher accepts.
Result<SlotList> SeriesRegistry::narrow(std::optional<SlotList> found,
                                        const model::Matcher& matcher,
                                        const StopToken& stop) const {
  if (found && found->size() <= value_count(matcher.name())) {
    return keep_matching(*found, matcher, stop);
  }
  const bool accepts_missing = matcher.matches("");
  std::vector<PairId> wanted;
  Pace pace(stop, kCostPerCheck);
  for (const PairId pair : values_of(matcher.name())) {
    const std::string_view text = value_text(pair);
    NX_TRY(pace.tick(cost_of_match(text.size())));
    if (matcher.matches(text) != accepts_missing) wanted.push_back(pair);
  }
  SlotList listed = unite_lists(wanted);
  if (accepts_missing) return subtract(found ? *found : copy_list(kAllSeries), listed);
  return found ? intersect(*found, listed) : listed;
}

Result<SlotList> SeriesRegistry::select(const model::Matchers& matchers,
                                        const StopToken& stop) const {
  std::optional<SlotList> found = select_equal(matchers);
  for (const bool accepts_missing : {false, true}) {
    for (const model::Matcher& matcher : matchers) {
      if (is_plain(matcher) || matcher.matches("") != accepts_missing) continue;
      if (found && found->empty()) return SlotList();
      NX_TRY_ASSIGN(found, narrow(std::move(found), matcher, stop));
    }
  }
  if (!found) found = copy_list(kAllSeries);
  Pace pace(stop, kCostPerCheck);
  NX_TRY(sort_paced(*found, [this](Slot a, Slot b) { return ref(a) < ref(b); }, pace));
  return *std::move(found);
}

Result<std::vector<std::string>> SeriesRegistry::label_values(
    const std::string& name, const model::Matchers& matchers,
    const model::LabelHints& hints) const {
  Pace pace(hints.stop, kCostPerCheck);
  FirstSeen values(hints.limit);
  const auto asks_other = [&name](const model::Matcher& m) { return m.name() != name; };
  if (std::ranges::none_of(matchers, asks_other)) {  // the values themselves say which match
    for (const PairId pair : values_of(name)) {
      const std::string_view text = value_text(pair);
      NX_TRY(matchers.empty() ? pace.tick() : pace.tick(cost_of_match(text.size())));
      const auto accepts = [text](const model::Matcher& matcher) { return matcher.matches(text); };
      if (!std::ranges::all_of(matchers, accepts)) continue;
      if (!values.add(memory_.symbols.pair(pair).value)) break;
    }
  } else if (const Symbol symbol = find_symbol(name); symbol != 0) {
    NX_TRY_ASSIGN(const SlotList slots, select(matchers, hints.stop));
    for (const Slot slot : slots) {
      NX_TRY(pace.tick());
      const PairId pair = pair_of(slot, symbol);
      if (pair != 0 && !values.add(memory_.symbols.pair(pair).value)) break;
    }
  }
  return sorted_texts(values.symbols(), memory_.symbols, pace);
}

Result<std::vector<std::string>> SeriesRegistry::label_names(const model::Matchers& matchers,
                                                             const model::LabelHints& hints) const {
  Pace pace(hints.stop, kCostPerCheck);
  FirstSeen names(0);
  if (matchers.empty()) {
    const ReaderLock lock(mutex_);
    for (const auto& entry : names_) names.add(entry.first);
  } else {
    NX_TRY_ASSIGN(const SlotList slots, select(matchers, hints.stop));
    for (const Slot slot : slots) {
      NX_TRY(pace.tick());
      for (const PairId pair : pairs(slot)) names.add(memory_.symbols.pair(pair).name);
    }
  }
  NX_TRY_ASSIGN(auto texts, sorted_texts(names.symbols(), memory_.symbols, pace));
  if (hints.limit != 0 && texts.size() > hints.limit) texts.resize(hints.limit);
  return texts;
}

Result<RegistryStatistics> SeriesRegistry::statistics(std::size_t limit,
                                                      const StopToken& stop) const {
  Pace pace(stop, kCostPerCheck);
  RegistryStatistics out;
  std::vector<std::string_view> names;
  {
    const ReaderLock lock(mutex_);
    out.series = slots_.size();
    out.label_pairs = memory_.symbols.pair_count();
    for (const auto& entry : names_) names.push_back(memory_.symbols.text(entry.first));
  }
  std::vector<Counted> metrics;
  std::vector<Counted> values;
  std::vector<Counted> bytes;
  std::vector<Counted> pairs;
  for (const std::string_view name : names) {
    const std::vector<PairId> ids = values_of(name);
    const std::vector<std::uint32_t> counts = series_counts(ids);
    std::uint64_t name_bytes = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      NX_TRY(pace.tick());
      const std::string_view value = value_text(ids[i]);
      name_bytes += value.size() * counts[i];
      pairs.push_back({name, value, counts[i]});
      if (name == model::kMetricName) metrics.push_back({value, {}, counts[i]});
    }
    values.push_back({name, {}, ids.size()});
    bytes.push_back({name, {}, name_bytes});
  }
  out.series_by_metric_name = top(std::move(metrics), limit);
  out.values_by_label_name = top(std::move(values), limit);
  out.bytes_by_label_name = top(std::move(bytes), limit);
  out.series_by_label_pair = top(std::move(pairs), limit);
  return out;
}

}  // namespace narthex::tsdb
