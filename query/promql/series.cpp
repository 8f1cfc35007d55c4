// Series lines: a metric, then items like 0+10x5, _, stale, each of which becomes a run of values.
// Items are read by hand rather than by the query lexer, whose idea of numbers and blanks is
// another one.
#include "query/promql/series.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/str.h"
#include "model/histogram_sum.h"
#include "model/sample.h"
#include "query/promql/parser.h"

namespace narthex::query {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Where the metric ends: after its braces, or at the first blank.
std::size_t metric_end(std::string_view text) {
  char quoted = 0;
  bool in_braces = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted != 0) {
      if (c == '\\' && quoted != '`') ++i;
      if (c == quoted) quoted = 0;
    } else if (c == '"' || c == '\'' || c == '`') {
      quoted = c;
    } else if (c == '{') {
      in_braces = true;
    } else if (c == '}') {
      return i + 1;
    } else if (is_blank(c) && !in_braces) {
      // `name {label="x"}`: the braces may stand apart.
      const std::size_t next = text.find_first_not_of(" \t", i);
      const bool braces =
          next != std::string_view::npos && text[next] == '{' && text.substr(next, 2) != "{{";
      if (!braces) return i;
    }
  }
  return text.size();
}

// Reads one item of a sequence, from left to right.
class ItemReader {
 public:
  explicit ItemReader(std::string_view item) : item_(item), rest_(item) {}

  Result<void> append_to(std::vector<SequenceValue>& out) {
    if (accept("{{")) return histogram(out);
    if (accept("_")) return repeat(out, {.omitted = true}, 0, 0);
    if (rest_ == "stale") {
      out.push_back({.value = model::stale_nan()});
      return {};
    }
    const std::optional<double> first = signed_number();
    if (!first) return bad();
    double delta = 0;
    if (!rest_.empty() && (rest_[0] == '+' || rest_[0] == '-')) {
      const std::optional<double> step = signed_number();
      if (!step || rest_.empty()) return bad();
      delta = *step;
    }
    return repeat(out, {.value = *first}, delta, 1);
  }

 private:
  Error bad() const { return Error(Code::kInvalid, concat("bad series value ", quote(item_))); }

  bool accept(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  std::optional<double> signed_number() {
    const bool negative = accept("-");
    if (!negative) accept("+");
    std::size_t end = 0;
    while (end < rest_.size() && (is_digit(rest_[end]) || rest_[end] == '.')) ++end;
    if (end == 0 && rest_.size() >= 3) {
      end = 3;  // Inf, NaN
    } else if (end < rest_.size() && (rest_[end] == 'e' || rest_[end] == 'E')) {
      ++end;
      if (end < rest_.size() && (rest_[end] == '+' || rest_[end] == '-')) ++end;
      while (end < rest_.size() && is_digit(rest_[end])) ++end;
    }
    double value = 0;
    if (!parse_float(rest_.substr(0, end), value)) return std::nullopt;
    rest_.remove_prefix(end);
    return negative ? -value : value;
  }

  // `extra`: how many values there are besides the repeated ones.
  Result<void> repeat(std::vector<SequenceValue>& out, SequenceValue value, double delta,
                      std::size_t extra) {
    std::size_t times = rest_.empty() ? 1 - extra : 0;
    if (!rest_.empty()) {
      if (!accept("x")) return bad();
      const char* end = rest_.data() + rest_.size();
      const auto parsed = std::from_chars(rest_.data(), end, times);
      if (parsed.ec != std::errc{} || parsed.ptr != end) return bad();
    }
    if (times > kSeriesValuesMax - std::min(out.size(), kSeriesValuesMax)) {
      return Error(Code::kLimit, concat("more than ", kSeriesValuesMax, " series values"));
    }
    for (std::size_t i = 0; i < times + extra; ++i) {
      out.push_back(value);
      value.value += delta;
    }
    return {};
  }

  // `{{...}}`, `{{...}}x3`, `{{...}}+{{...}}x3`: the second is added once more each time.
  Result<void> histogram(std::vector<SequenceValue>& out) {
    NX_TRY_ASSIGN(model::FloatHistogram first, description());
    std::optional<model::FloatHistogram> step;
    if (!rest_.empty() && (rest_[0] == '+' || rest_[0] == '-')) {
      const bool negative = rest_[0] == '-';
      rest_.remove_prefix(1);
      if (!accept("{{")) return bad();
      NX_TRY_ASSIGN(step, description());
      if (negative) negate(*step);
      if (rest_.empty()) return bad();
    }
    const std::size_t start = out.size();
    NX_TRY(repeat(out, {}, 0, 1));
    model::HistogramSum sum(first);
    for (std::size_t i = start; i < out.size(); ++i) {
      const bool grows = step && i != start;
      if (grows && sum.add(*step) == model::HistogramSum::Added::kIncompatible) return bad();
      out[i].histogram =
          std::make_shared<model::FloatHistogram>(step && i != start ? sum.result() : first);
    }
    return {};
  }

  // What stands between `{{`, which was read, and `}}`.
  Result<model::FloatHistogram> description() {
    const std::size_t end = rest_.find("}}");
    if (end == std::string_view::npos) return bad();
    std::string_view fields = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    model::FloatHistogram out;
    std::int32_t offset = 0;
    std::int32_t negative_offset = 0;
    while (!(fields = trim(fields)).empty()) {
      const std::size_t colon = fields.find(':');
      if (colon == std::string_view::npos) return bad();
      const std::string_view key = fields.substr(0, colon);
      fields.remove_prefix(colon + 1);
      const bool is_list = fields.starts_with('[');
      const std::size_t stop = is_list ? fields.find(']') : fields.find(' ');
      std::string_view value = fields.substr(0, stop);
      fields.remove_prefix(std::min(value.size() + (is_list ? 1 : 0), fields.size()));
      if (is_list) value.remove_prefix(1);
      if (!field(key, value, out, offset, negative_offset)) return bad();
    }
    const auto span = [](std::int32_t from, const std::vector<double>& buckets) {
      return std::vector<model::BucketSpan>(buckets.empty() ? 0 : 1,
                                            {from, static_cast<std::uint32_t>(buckets.size())});
    };
    out.positive_spans = span(offset, out.positive_buckets);
    out.negative_spans = span(negative_offset, out.negative_buckets);
    return out;
  }

  static bool field(std::string_view key, std::string_view text, model::FloatHistogram& out,
                    std::int32_t& offset, std::int32_t& negative_offset) {
    if (key == "buckets") return list(text, out.positive_buckets);
    if (key == "n_buckets") return list(text, out.negative_buckets);
    if (key == "custom_values") return list(text, out.custom_bounds);
    if (key == "counter_reset_hint") return hint(text, out.hint);
    double number = 0;
    if (!parse_float(text, number)) return false;
    if (key == "sum") return out.sum = number, true;
    if (key == "count") return out.count = number, true;
    if (key == "z_bucket") return out.zero_count = number, true;
    if (key == "z_bucket_w") return out.zero_threshold = number, true;
    const auto whole = static_cast<std::int32_t>(number);
    if (key == "schema") return out.schema = whole, true;
    if (key == "offset") return offset = whole, true;
    if (key == "n_offset") return negative_offset = whole, true;
    return false;
  }

  static bool list(std::string_view text, std::vector<double>& out) {
    for (const std::string_view item : split(text, ' ')) {
      if (!trim(item).empty() && !parse_float(trim(item), out.emplace_back())) return false;
    }
    return true;
  }

  static bool hint(std::string_view text, model::CounterResetHint& out) {
    constexpr std::array<std::string_view, 4> kNames = {"unknown", "reset", "not_reset", "gauge"};
    const auto at = std::ranges::find(kNames, text);
    if (at == kNames.end()) return false;
    out = static_cast<model::CounterResetHint>(at - kNames.begin());
    return true;
  }

  static void negate(model::FloatHistogram& histogram) {
    for (double* one : {&histogram.sum, &histogram.count, &histogram.zero_count}) *one = -*one;
    for (double& bucket : histogram.positive_buckets) bucket = -bucket;
    for (double& bucket : histogram.negative_buckets) bucket = -bucket;
  }

  std::string_view item_;
  std::string_view rest_;
};

// The next item; blanks inside `{{...}}` belong to it.
std::string_view next_item(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return text = {};
  text.remove_prefix(begin);
  std::size_t end = 0;
  while (end < text.size() && !is_blank(text[end])) {
    const bool opens = text.substr(end, 2) == "{{";
    const std::size_t close = opens ? text.find("}}", end) : std::string_view::npos;
    end = close == std::string_view::npos ? end + 1 : close + 2;
  }
  const std::string_view item = text.substr(0, end);
  text.remove_prefix(end);
  return item;
}

}  // namespace

Result<std::vector<SequenceValue>> parse_series_values(std::string_view text) {
  std::vector<SequenceValue> values;
  for (std::string_view item = next_item(text); !item.empty(); item = next_item(text)) {
    NX_TRY(ItemReader(item).append_to(values));
  }
  return values;
}

Result<SeriesDescription> parse_series(std::string_view text) {
  const std::size_t end = metric_end(text);
  SeriesDescription out;
  NX_TRY_ASSIGN(out.labels, parse_metric(text.substr(0, end)));
  NX_TRY_ASSIGN(out.values, parse_series_values(text.substr(end)));
  return out;
}

}  // namespace narthex::query
