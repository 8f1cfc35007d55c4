// The script runner. Comparisons follow upstream promql/promqltest/test.go: a relative difference
// below 1e-6 is equal, NaN equals NaN, a stale marker equals only itself.
#include "tests/promql/script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>

#include "base/metrics.h"
#include "base/regex.h"
#include "base/str.h"
#include "model/histogram_sum.h"
#include "model/merge.h"
#include "model/sample.h"
#include "query/engine.h"
#include "query/promql/ast.h"
#include "query/promql/series.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

namespace narthex::test {
namespace {

using model::Labels;
using model::TimeMs;
using query::SequenceValue;

constexpr double kTolerance = 1e-6;  // fixed by upstream
constexpr std::string_view kNativeHistograms = "native histograms";
constexpr TimeMs kMinuteMs = 60 * 1000;

bool almost_equal(double a, double b) {
  if (model::is_stale(a) || model::is_stale(b)) return model::is_stale(a) && model::is_stale(b);
  if ((std::isnan(a) && std::isnan(b)) || a == b) return true;
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) return difference < kTolerance * kMinNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// `msg:` is the whole text, `regex:` a search, neither matches anything.
struct Pattern {
  enum class Kind : std::uint8_t { kAny, kText, kRegex } kind = Kind::kAny;
  std::string text;

  bool matches(std::string_view message) const {
    if (kind == Kind::kAny) return true;
    if (kind == Kind::kText) return message == text;
    const Result<Regex> regex = Regex::anchored(concat(".*(?:", text, ").*"));
    return regex && regex->matches(message);
  }
};

struct Expected {
  Labels labels;
  std::vector<SequenceValue> values;
};

struct Eval {
  std::size_t line = 0;
  std::string expression;
  bool is_range = false;
  TimeMs start = 0;
  TimeMs end = 0;
  TimeMs step = 0;
  TimeMs at = 0;

  std::optional<Pattern> fail;
  std::vector<Pattern> warnings;
  std::vector<Pattern> infos;
  bool no_warnings = false;
  bool no_infos = false;
  bool ordered = false;
  bool expects_range_vector = false;
  std::optional<double> scalar;
  std::optional<std::string> string;
  std::vector<Expected> series;
};

// Words of a line, and the text after them.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(trim(line)) {}

  std::string_view word() {
    const std::size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
    const std::string_view found = rest_.substr(0, end);
    rest_ = trim(rest_.substr(end));
    return found;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

std::optional<TimeMs> duration(std::string_view text) {
  const Result<model::DurationMs> parsed = model::parse_duration(text);
  return parsed ? std::optional<TimeMs>(*parsed) : std::nullopt;
}

std::string show(const std::vector<SequenceValue>& values) {
  std::string out;
  for (const SequenceValue& v : values) {
    out += v.omitted ? "_ " : v.histogram ? "{{}} " : concat(v.value, " ");
  }
  return out;
}

// Reads and runs a script line by line.
// Stores as one.
class MergedStore final : public model::Queryable {
 public:
  explicit MergedStore(std::vector<MemoryStore>& stores) : stores_(stores) {}
  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange range) override {
    std::vector<std::unique_ptr<model::Querier>> queriers;
    for (MemoryStore& store : stores_) {
      NX_TRY_ASSIGN(auto querier, store.querier(range));
      queriers.push_back(std::move(querier));
    }
    return model::merge_queriers(std::move(queriers));
  }

 private:
  std::vector<MemoryStore>& stores_;
};

class Runner {
 public:
  Runner(std::string_view text, std::size_t stores) : lines_(split(text, '\n')), stores_(stores) {
    for (std::string_view& line : lines_) {
      line = trim(line);
      if (line.starts_with('#')) line = {};
    }
  }

  ScriptReport run() {
    while (at_ < lines_.size() && report_.broken.empty()) {
      const std::string_view line = lines_[at_];
      const std::string command = to_lower_ascii(LineReader(line).word());
      if (command == "clear") {
        for (MemoryStore& store : stores_) store.clear();
        ++at_;
      } else if (command.starts_with("load")) {
        load();
      } else if (command.starts_with("eval")) {
        eval();
      } else if (line.empty()) {
        ++at_;
      } else {
        broken("unknown command");
      }
    }
    return std::move(report_);
  }

 private:
  // Samples at the same time are in the same store, as where a head follows blocks.
  MemoryStore& store(TimeMs time) {
    return stores_[static_cast<std::size_t>(time / 1000) % stores_.size()];
  }

  void broken(std::string_view why) { report_.broken = concat("line ", at_ + 1, ": ", why); }

  void load() {
    LineReader reader(lines_[at_]);
    const bool converts = reader.word() == "load_with_nhcb";
    const std::optional<TimeMs> step = duration(reader.word());
    if (!step) return broken("bad step");
    bool has_start = false;
    for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      // The line says the start timestamps of the next one's samples.
      const bool is_start_line = LineReader(lines_[at_]).word().ends_with("@st");
      if (!is_start_line) {
        const Result<query::SeriesDescription> series = query::parse_series(lines_[at_]);
        if (!series) return broken(series.error().message());
        for (std::size_t i = 0; i < series->values.size(); ++i) {
          const TimeMs time = static_cast<TimeMs>(i) * *step;
          add(series->labels, time, series->values[i], has_start);
          if (converts && !series->values[i].omitted) add_converted(series->labels, time);
        }
      }
      has_start = is_start_line;
    }
  }

  void add(const Labels& labels, TimeMs time, const SequenceValue& value, bool has_start) {
    if (value.omitted) return;
    if (value.histogram) {
      store(time).add(labels, time, value.histogram);
    } else if (has_start) {
      store(time).add_unreadable(labels, time, "start timestamps");
    } else {
      store(time).add(labels, time, value.value);
    }
  }

  // What load_with_nhcb makes of a classic histogram's series: a native one of the base name.
  void add_converted(const Labels& labels, TimeMs time) {
    const std::string_view name = labels.get("__name__");
    for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (!name.ends_with(suffix)) continue;
      model::LabelsBuilder base(labels);
      base.set("__name__", name.substr(0, name.size() - suffix.size()));
      base.remove("le");
      store(time).add_unreadable(base.build(), time, kNativeHistograms);
    }
  }

  void eval() {
    Eval eval{.line = at_ + 1};
    if (!head(eval)) return broken("bad eval command");
    for (++at_; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
      if (!expectation(eval, lines_[at_])) return;
    }
    report_.expectations.push_back(eval.line);
    if (const std::string why = check(eval); !why.empty()) {
      report_.failures.push_back({.line = eval.line, .expression = eval.expression, .why = why});
    }
  }

  bool head(Eval& eval) {
    LineReader reader(lines_[at_]);
    const std::string_view command = reader.word();
    if (command == "eval_fail") eval.fail.emplace();
    if (command == "eval_warn") eval.warnings.emplace_back();
    if (command == "eval_info") eval.infos.emplace_back();
    eval.ordered = command == "eval_ordered";
    eval.is_range = reader.word() == "range";
    if (!eval.is_range) {
      reader.word();  // at
      const std::optional<TimeMs> at = duration(reader.word());
      if (!at) return false;
      eval.start = eval.end = eval.at = *at;
    } else {
      std::array<std::optional<TimeMs>, 3> times;
      for (auto& time : times) {
        reader.word();  // from, to, step
        time = duration(reader.word());
        if (!time) return false;
      }
      eval.start = *times[0], eval.end = *times[1], eval.step = *times[2];
    }
    eval.expression = std::string(reader.rest());
    return true;
  }

  // One line below an eval command. False: the script is broken.
  bool expectation(Eval& eval, std::string_view line) {
    LineReader reader(line);
    const std::string_view word = reader.word();
    if (word == "expected_fail_message" || word == "expected_fail_regexp") {
      const bool text = word == "expected_fail_message";
      eval.fail = {.kind = text ? Pattern::Kind::kText : Pattern::Kind::kRegex,
                   .text = std::string(reader.rest())};
      return true;
    }
    if (word == "expect") return expect(eval, reader);
    double number = 0;
    if (parse_float(line, number)) {
      eval.scalar = number;
      return true;
    }
    Result<query::SeriesDescription> series = query::parse_series(line);
    if (!series) return broken(series.error().message()), false;
    eval.series.push_back({.labels = series->labels, .values = std::move(series->values)});
    return true;
  }

  bool expect(Eval& eval, LineReader& reader) {
    const std::string_view what = reader.word();
    if (what == "range") return expect_range(eval, reader);
    if (what == "string") {
      Result<query::ExprPtr> literal = query::parse_expression(reader.rest());
      const auto* text = literal ? (*literal)->as<query::StringLiteral>() : nullptr;
      if (text == nullptr) return broken("bad string"), false;
      eval.string = text->value;
      return true;
    }
    Pattern pattern;
    const std::string_view rest = reader.rest();
    for (const std::string_view form : {"msg:", "regex:"}) {
      if (!rest.starts_with(form)) continue;
      pattern.kind = form == "msg:" ? Pattern::Kind::kText : Pattern::Kind::kRegex;
      pattern.text = std::string(trim(rest.substr(form.size())));
    }
    if (what == "fail") eval.fail = pattern;
    if (what == "warn") eval.warnings.push_back(pattern);
    if (what == "info") eval.infos.push_back(pattern);
    eval.no_warnings = eval.no_warnings || what == "no_warn";
    eval.no_infos = eval.no_infos || what == "no_info";
    eval.ordered = eval.ordered || what == "ordered";
    return true;
  }

  // expect range vector from <a> to <b> step <s>
  bool expect_range(Eval& eval, LineReader& reader) {
    reader.word();  // vector
    std::array<TimeMs, 3> times{};
    for (TimeMs& time : times) {
      reader.word();
      const std::optional<TimeMs> parsed = duration(reader.word());
      if (!parsed) return broken("bad range vector"), false;
      time = *parsed;
    }
    eval.start = times[0], eval.end = times[1], eval.step = times[2];
    eval.at = eval.end;
    eval.expects_range_vector = true;
    return true;
  }

  // Why the expectation fails; empty when it holds.
  std::string check(const Eval& eval) {
    if (eval.is_range) return check_range(eval);
    std::string why = check_instant(eval, eval.expression, eval.at);
    if (!why.empty()) return why;
    const std::optional<std::string> fixed = with_at(eval.expression, eval.at);
    if (!fixed) return {};
    std::vector<TimeMs> times{-10 * eval.at, 0, eval.at / 5, eval.at, 10 * eval.at};
    if (eval.at == 0) times = {-1000, 0, 1000};
    for (const TimeMs time : times) {
      why = check_instant(eval, *fixed, time);
      if (!why.empty()) return concat("as ", *fixed, " at ", time, " ms: ", why);
    }
    return {};
  }

  Result<query::QueryResult> evaluate(const std::string& expression, TimeMs start, TimeMs end,
                                      TimeMs step) {
    MergedStore merged(stores_);
    return engine_.run(merged,
                       {.expression = expression, .start = start, .end = end, .step = step});
  }

  // What is not there yet never counts as an expected failure.
  static bool refused(const Error& error) {
    return error.message().find(kRefusal) != std::string_view::npos;
  }

  // Nothing when the failure or its absence is as expected.
  static std::optional<std::string> failure(const Eval& eval,
                                            const Result<query::QueryResult>& result) {
    if (!result && refused(result.error())) return std::string(result.error().message());
    if (!result && !eval.fail) return concat("failed: ", result.error().message());
    if (!result && !eval.fail->matches(result.error().message())) {
      return concat("failed with other words: ", result.error().message());
    }
    if (result && eval.fail) return "should have failed";
    return std::nullopt;
  }

  std::string check_range(const Eval& eval) {
    const Result<query::QueryResult> result =
        evaluate(eval.expression, eval.start, eval.end, eval.step);
    if (const auto why = failure(eval, result)) return *why;
    if (!result) return {};
    std::string why = check_notes(eval, *result);
    return why.empty() ? compare_matrix(eval, std::get<query::MatrixValue>(result->value)) : why;
  }

  std::string check_instant(const Eval& eval, const std::string& expression, TimeMs time) {
    const Result<query::QueryResult> result = evaluate(expression, time, time, 0);
    if (const auto why = failure(eval, result)) return *why;
    if (!result) return {};
    std::string why = check_notes(eval, *result);
    if (!why.empty()) return why;
    why = compare(eval, result->value);
    if (!why.empty() || eval.expects_range_vector || eval.string || eval.ordered) return why;
    for (const std::string_view word : {"start()", "end()", "range()", "step()"}) {
      if (expression.find(word) != std::string::npos) return {};
    }
    return check_as_range(eval, expression, time);
  }

  // The middle step of a range query must say the same.
  std::string check_as_range(const Eval& eval, const std::string& expression, TimeMs time) {
    const Result<query::QueryResult> result =
        evaluate(expression, time - kMinuteMs, time + kMinuteMs, kMinuteMs);
    if (!result) return concat("in range mode: ", result.error().message());
    query::VectorValue vector{.time = time, .labels = {}, .values = {}};
    for (const query::MatrixSeries& series : std::get<query::MatrixValue>(result->value).series) {
      const auto at = std::ranges::find(series.times, time);
      const auto at_histogram = std::ranges::find(series.histogram_times, time);
      if (at_histogram != series.histogram_times.end()) {
        vector.histograms.resize(vector.labels.size());
        vector.histograms.push_back(series.histograms[static_cast<std::size_t>(
            at_histogram - series.histogram_times.begin())]);
        vector.labels.push_back(series.labels);
        vector.values.push_back(0);
      }
      if (at == series.times.end()) continue;
      vector.labels.push_back(series.labels);
      vector.values.push_back(series.values[static_cast<std::size_t>(at - series.times.begin())]);
    }
    if (!vector.histograms.empty()) vector.histograms.resize(vector.labels.size());
    std::string why;
    if (eval.scalar) {
      if (vector.values.empty()) return "in range mode: no value";
      why = compare(eval, query::ScalarValue{.time = time, .value = vector.values[0]});
    } else {
      why = compare(eval, vector);
    }
    return why.empty() ? why : concat("in range mode: ", why);
  }

  static std::string check_note_list(std::string_view kind, const std::vector<Pattern>& expected,
                                     const std::vector<std::string>& actual) {
    if (expected.empty()) return {};
    if (actual.empty()) return concat("expected ", kind, ", got none");
    for (const Pattern& pattern : expected) {
      const auto fits = [&](const std::string& text) { return pattern.matches(text); };
      if (std::ranges::none_of(actual, fits)) {
        return concat("no ", kind, " like ", pattern.text, "; got ", join(actual, "; "));
      }
    }
    for (const std::string& text : actual) {
      const auto fits = [&](const Pattern& pattern) { return pattern.matches(text); };
      if (std::ranges::none_of(expected, fits)) return concat("unexpected ", kind, ": ", text);
    }
    return {};
  }

  static std::string check_notes(const Eval& eval, const query::QueryResult& result) {
    if (eval.no_warnings && !result.warnings.empty()) {
      return concat("unexpected warning: ", join(result.warnings, "; "));
    }
    if (eval.no_infos && !result.infos.empty()) {
      return concat("unexpected info: ", join(result.infos, "; "));
    }
    std::string why = check_note_list("warning", eval.warnings, result.warnings);
    return why.empty() ? check_note_list("info", eval.infos, result.infos) : why;
  }

  static std::string compare(const Eval& eval, const query::Value& value) {
    if (const auto* scalar = std::get_if<query::ScalarValue>(&value)) {
      if (!eval.scalar) return "got a scalar";
      if (almost_equal(*eval.scalar, scalar->value)) return {};
      return concat("expected ", *eval.scalar, ", got ", scalar->value);
    }
    if (const auto* text = std::get_if<query::StringValue>(&value)) {
      return eval.string && *eval.string == text->value ? "" : concat("got string ", text->value);
    }
    if (const auto* matrix = std::get_if<query::MatrixValue>(&value)) {
      return compare_matrix(eval, *matrix);
    }
    return compare_vector(eval, std::get<query::VectorValue>(value));
  }

  static std::string compare_vector(const Eval& eval, const query::VectorValue& vector) {
    if (eval.scalar) return "expected a scalar, got a vector";
    std::map<Labels, std::size_t> position;
    for (std::size_t i = 0; i < eval.series.size(); ++i) position[eval.series[i].labels] = i;
    std::map<Labels, bool> seen;
    for (std::size_t i = 0; i < vector.labels.size(); ++i) {
      const Labels& labels = vector.labels[i];
      const auto at = position.find(labels);
      if (at == position.end()) {
        return concat("unexpected metric ", labels.to_string(), " = ", vector.values[i]);
      }
      if (eval.ordered && at->second != i) {
        return concat(labels.to_string(), " is at position ", i + 1);
      }
      if (!seen.emplace(labels, true).second) return concat(labels.to_string(), " comes twice");
      const std::vector<SequenceValue>& values = eval.series[at->second].values;
      if (values.size() == 1 && values[0].histogram && vector.histogram(i) != nullptr) {
        std::string why = compare_histograms(*values[0].histogram, *vector.histogram(i));
        if (!why.empty()) return concat(labels.to_string(), ": ", why);
        continue;
      }
      if (values.size() != 1 || values[0].omitted || values[0].histogram ||
          vector.histogram(i) != nullptr || !almost_equal(values[0].value, vector.values[i])) {
        return concat("expected ", show(values), "for ", labels.to_string(), ", got ",
                      vector.values[i]);
      }
    }
    for (const auto& [labels, index] : position) {
      if (!seen.contains(labels))
        return concat("expected metric ", labels.to_string(), " not found");
    }
    return {};
  }

  static std::string compare_matrix(const Eval& eval, const query::MatrixValue& matrix) {
    if (eval.scalar) return "expected a scalar, got a matrix";
    if (eval.ordered) return "expected an order, got a matrix";
    std::map<Labels, const Expected*> expected;
    for (const Expected& series : eval.series) expected[series.labels] = &series;
    if (!std::ranges::is_sorted(matrix.series, {}, &query::MatrixSeries::labels)) {
      return "matrix is not sorted by labels";
    }
    for (const query::MatrixSeries& series : matrix.series) {
      const auto at = expected.find(series.labels);
      if (at == expected.end()) {
        return concat("unexpected metric ", series.labels.to_string(), " in result");
      }
      std::string why = compare_series(eval, at->second->values, series);
      if (!why.empty()) return concat(series.labels.to_string(), ": ", why);
      expected.erase(at);
    }
    for (const auto& [labels, series] : expected) {
      return concat("expected metric ", labels.to_string(), " not found");
    }
    return {};
  }

  static std::string compare_series(const Eval& eval, const std::vector<SequenceValue>& expected,
                                    const query::MatrixSeries& actual) {
    std::size_t i = 0;
    std::size_t h = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      if (expected[k].omitted) continue;
      const TimeMs time = eval.start + static_cast<TimeMs>(k) * eval.step;
      const bool is_histogram = expected[k].histogram != nullptr;
      const std::vector<TimeMs>& times = is_histogram ? actual.histogram_times : actual.times;
      const std::size_t at = is_histogram ? h++ : i++;
      if (at >= times.size()) return concat("expected ", show(expected), "but got fewer points");
      if (times[at] != time) return concat("expected a point at ", time, ", got ", times[at]);
      if (is_histogram) {
        std::string why = compare_histograms(*expected[k].histogram, *actual.histograms[at]);
        if (!why.empty()) return concat("at ", time, ": ", why);
      } else if (!almost_equal(expected[k].value, actual.values[at])) {
        return concat("expected ", expected[k].value, " at ", time, ", got ", actual.values[at]);
      }
    }
    if (i == actual.times.size() && h == actual.histogram_times.size()) return {};
    return concat("expected ", show(expected), "but got ",
                  actual.times.size() + actual.histogram_times.size(), " points");
  }

  // Counts and sums up to a small difference, the rest exactly; empty buckets are none.
  static std::string compare_histograms(const model::FloatHistogram& expected,
                                        const model::FloatHistogram& actual) {
    const model::FloatHistogram want = model::HistogramSum(expected).result();
    const model::FloatHistogram got = model::HistogramSum(actual).result();
    const auto differs = [](std::string_view what) { return concat("another ", what); };
    if (want.schema != got.schema) return differs("schema");
    const bool says_hint = want.hint != model::CounterResetHint::kUnknown;
    if (says_hint && want.hint != got.hint) return differs("counter reset hint");
    if (!almost_equal(want.count, got.count)) {
      return concat("expected count ", want.count, ", got ", got.count);
    }
    if (!almost_equal(want.sum, got.sum)) {
      return concat("expected sum ", want.sum, ", got ", got.sum);
    }
    if (want.zero_threshold != got.zero_threshold) return differs("zero threshold");
    if (!almost_equal(want.zero_count, got.zero_count)) return differs("zero count");
    if (want.custom_bounds != got.custom_bounds) return differs("set of bounds");
    if (want.positive_spans != got.positive_spans || want.negative_spans != got.negative_spans) {
      return differs("set of buckets");
    }
    const auto same = [](const std::vector<double>& a, const std::vector<double>& b) {
      return std::ranges::equal(a, b, almost_equal);
    };
    const bool equal = same(want.positive_buckets, got.positive_buckets) &&
                       same(want.negative_buckets, got.negative_buckets);
    return equal ? "" : differs("count of a bucket");
  }

  // The expression with every selector and outermost subquery fixed at `time`. None if it depends
  // on time anyway.
  static std::optional<std::string> with_at(const std::string& expression, TimeMs time) {
    Result<query::ExprPtr> parsed = query::parse_expression(expression, kParser);
    if (!parsed) return std::nullopt;
    constexpr auto kTimeDependent = std::to_array<std::string_view>(
        {"days_in_month", "day_of_month", "day_of_week", "day_of_year", "end", "hour", "minute",
         "month", "year", "predict_linear", "range", "start", "step", "time", "timestamp"});
    std::vector<query::Expr*> pending{parsed->get()};
    while (!pending.empty()) {
      query::Expr& expr = *pending.back();
      pending.pop_back();
      if (const auto* call = expr.as<query::CallNode>()) {
        const auto at = std::ranges::find(kTimeDependent, call->function->name);
        if (at != kTimeDependent.end()) return std::nullopt;
      }
      const auto fix = [&](query::TimeModifiers& modifiers) {
        if (!modifiers.at) modifiers.at = time;
        modifiers.at_edge = query::Token::kEof;
      };
      if (auto* vector = expr.as<query::VectorSelector>()) fix(vector->time);
      if (auto* matrix = expr.as<query::MatrixSelector>()) fix(matrix->selector.time);
      if (auto* sub = expr.as<query::SubqueryNode>()) {
        fix(sub->time);
        if (uses_time(*expr.children[0], kTimeDependent)) return std::nullopt;
        continue;  // what is inside follows the subquery
      }
      for (const query::ExprPtr& child : expr.children) pending.push_back(child.get());
    }
    return query::to_string(**parsed);
  }

  template <typename Names>
  static bool uses_time(const query::Expr& root, const Names& names) {
    for (const query::Expr* expr : query::post_order(root)) {
      const auto* call = expr->as<query::CallNode>();
      if (call != nullptr && std::ranges::find(names, call->function->name) != names.end()) {
        return true;
      }
    }
    return false;
  }

  static constexpr query::ParserOptions kParser{
      .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};

  static query::EngineOptions engine_options() {
    query::EngineOptions options;
    options.samples_max = query::kSamplesUnlimited;
    options.delayed_name_removal = true;
    options.parser = kParser;
    return options;
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  ScriptReport report_;
  FakeClock clock_;
  Metrics metrics_;
  std::vector<MemoryStore> stores_;
  query::Engine engine_{engine_options(), clock_, metrics_};
};

}  // namespace

ScriptReport run_script(std::string_view text, std::size_t stores) {
  return Runner(text, stores).run();
}

}  // namespace narthex::test
