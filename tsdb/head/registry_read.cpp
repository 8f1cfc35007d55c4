// Finding series and listing labels, without a lock: over lists as they are when they are walked.
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

constexpr std::size_t kCostPerCheck = 64;      // tuned: of matches of a slow expression
constexpr std::size_t kSortedRun = 16 * 1024;  // tuned: some milliseconds

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
  return pair == 0 ? std::string_view() : symbols().text(symbols().pair(pair).value);
}

Symbol SeriesRegistry::find_symbol(std::string_view text) const {
  const Guard guard(*this);
  return symbols().find(text);
}

std::span<const PairId> SeriesRegistry::values_of(std::string_view name) const {
  const LabelName* found = symbols().find_name(name);
  return found == nullptr ? std::span<const PairId>() : found->pairs.view();
}

SlotList SeriesRegistry::unite_lists(const std::vector<PairId>& pairs) const {
  SlotList out;
  if (pairs.size() == 1) {
    symbols().pair(pairs.front()).series.append_to(out);
    return out;
  }
  if (pairs.empty()) return out;
  SlotBitmap bitmap(slot_end());
  for (const PairId pair : pairs) symbols().pair(pair).series.add_to(bitmap);
  return bitmap.slots();
}

// The series that all plain equalities accept; nothing when there is none of these.
std::optional<SlotList> SeriesRegistry::select_equal(const model::Matchers& matchers) const {
  std::vector<std::pair<std::size_t, PairId>> lists;
  for (const model::Matcher& matcher : matchers) {
    if (!is_plain(matcher)) continue;
    const PairId pair = symbols().find_pair(matcher.name(), matcher.value());
    lists.emplace_back(symbols().pair(pair).series.size(), pair);
  }
  if (lists.empty()) return std::nullopt;
  std::ranges::sort(lists);
  SlotList found;
  symbols().pair(lists.front().second).series.append_to(found);
  for (std::size_t i = 1; i < lists.size() && !found.empty(); ++i) {
    found = symbols().pair(lists[i].second).series.intersect(found);
  }
  return found;
}

Result<SlotList> SeriesRegistry::keep_matching(const SlotList& found, const model::Matcher& matcher,
                                               const StopToken& stop) const {
  const Symbol name = symbols().find(matcher.name());
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
  if (found && found->size() <= values_of(matcher.name()).size()) {
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
  if (accepts_missing && !found) all_.append_to(found.emplace());
  if (accepts_missing) return subtract(*found, listed);
  return found ? intersect(*found, listed) : listed;
}

Result<SlotList> SeriesRegistry::select(const model::Matchers& matchers,
                                        const StopToken& stop) const {
  const Guard guard(*this);
  return select_guarded(matchers, stop);
}

Result<SlotList> SeriesRegistry::select_guarded(const model::Matchers& matchers,
                                                const StopToken& stop) const {
  std::optional<SlotList> found = select_equal(matchers);
  for (const bool accepts_missing : {false, true}) {
    for (const model::Matcher& matcher : matchers) {
      if (is_plain(matcher) || matcher.matches("") != accepts_missing) continue;
      if (found && found->empty()) return SlotList();
      NX_TRY_ASSIGN(found, narrow(std::move(found), matcher, stop));
    }
  }
  if (!found) all_.append_to(found.emplace());
  Pace pace(stop, kCostPerCheck);
  NX_TRY(sort_paced(*found, [this](Slot a, Slot b) { return ref(a) < ref(b); }, pace));
  return *std::move(found);
}

Result<std::vector<std::string>> SeriesRegistry::label_values(
    const std::string& name, const model::Matchers& matchers,
    const model::LabelHints& hints) const {
  const Guard guard(*this);
  Pace pace(hints.stop, kCostPerCheck);
  FirstSeen values(hints.limit);
  const auto asks_other = [&name](const model::Matcher& m) { return m.name() != name; };
  if (std::ranges::none_of(matchers, asks_other)) {  // the values themselves say which match
    for (const PairId pair : values_of(name)) {
      if (symbols().pair(pair).series.size() == 0) continue;  // on its way out
      const std::string_view text = value_text(pair);
      NX_TRY(matchers.empty() ? pace.tick() : pace.tick(cost_of_match(text.size())));
      const auto accepts = [text](const model::Matcher& matcher) { return matcher.matches(text); };
      if (!std::ranges::all_of(matchers, accepts)) continue;
      if (!values.add(symbols().pair(pair).value)) break;
    }
  } else if (const Symbol symbol = symbols().find(name); symbol != 0) {
    NX_TRY_ASSIGN(const SlotList slots, select_guarded(matchers, hints.stop));
    for (const Slot slot : slots) {
      NX_TRY(pace.tick());
      const PairId pair = pair_of(slot, symbol);
      if (pair != 0 && !values.add(symbols().pair(pair).value)) break;
    }
  }
  return sorted_texts(values.symbols(), symbols(), pace);
}

Result<std::vector<std::string>> SeriesRegistry::label_names(const model::Matchers& matchers,
                                                             const model::LabelHints& hints) const {
  const Guard guard(*this);
  Pace pace(hints.stop, kCostPerCheck);
  FirstSeen names(0);
  if (matchers.empty()) {
    for (const LabelName* name : symbols().names()) {
      if (!name->pairs.view().empty()) names.add(name->symbol);
    }
  } else {
    NX_TRY_ASSIGN(const SlotList slots, select_guarded(matchers, hints.stop));
    for (const Slot slot : slots) {
      NX_TRY(pace.tick());
      for (const PairId pair : pairs(slot)) names.add(symbols().pair(pair).name);
    }
  }
  NX_TRY_ASSIGN(auto texts, sorted_texts(names.symbols(), symbols(), pace));
  if (hints.limit != 0 && texts.size() > hints.limit) texts.resize(hints.limit);
  return texts;
}

Result<RegistryStatistics> SeriesRegistry::statistics(std::size_t limit,
                                                      const StopToken& stop) const {
  const Guard guard(*this);
  Pace pace(stop, kCostPerCheck);
  RegistryStatistics out;
  out.series = series_count();
  out.label_pairs = symbols().pair_count();
  std::vector<Counted> metrics;
  std::vector<Counted> values;
  std::vector<Counted> bytes;
  std::vector<Counted> pairs;
  for (const LabelName* entry : symbols().names()) {
    const std::string_view name = symbols().text(entry->symbol);
    std::uint64_t name_bytes = 0;
    std::uint64_t value_count = 0;
    for (const PairId id : entry->pairs.view()) {
      NX_TRY(pace.tick());
      const std::string_view value = value_text(id);
      const std::uint64_t count = symbols().pair(id).series.size();
      if (count == 0) continue;  // on its way out
      ++value_count;
      name_bytes += value.size() * count;
      pairs.push_back({name, value, count});
      if (name == model::kMetricName) metrics.push_back({value, {}, count});
    }
    if (value_count == 0) continue;
    values.push_back({name, {}, value_count});
    bytes.push_back({name, {}, name_bytes});
  }
  out.series_by_metric_name = top(std::move(metrics), limit);
  out.values_by_label_name = top(std::move(values), limit);
  out.bytes_by_label_name = top(std::move(bytes), limit);
  out.series_by_label_pair = top(std::move(pairs), limit);
  return out;
}

}  // namespace narthex::tsdb
