// The engine as its callers see it: limits, errors, cancellation, shapes of results, metrics.
#include "query/engine.h"

#include <limits>
#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/sample.h"
#include "tests/support/counting.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

namespace narthex::query {
namespace {

using testing::HasSubstr;

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    for (int i = 0; i < 10; ++i) {
      const TimeMs time = i * 60'000;
      store_.add({{"__name__", "a"}, {"x", "1"}}, time, i);
      store_.add({{"__name__", "a"}, {"x", "2"}}, time, 10 * i);
      store_.add({{"__name__", "b"}, {"x", "1"}}, time, 2);
    }
  }

  Result<QueryResult> instant(std::string expression, TimeMs at = 540'000) {
    return engine_.run(store_, {.expression = std::move(expression), .start = at, .end = at});
  }
  Result<QueryResult> range(std::string expression) {
    return engine_.run(
        store_, {.expression = std::move(expression), .start = 0, .end = 540'000, .step = 60'000});
  }
  static std::string error_of(const Result<QueryResult>& result) {
    return result ? "" : result.error().message();
  }
  static EngineOptions options() {
    EngineOptions out;
    out.samples_max = 1000;
    out.parser.experimental_functions = true;
    return out;
  }

  test::FakeClock clock_;
  Metrics metrics_;
  test::MemoryStore store_;
  Engine engine_{options(), clock_, metrics_};
};

TEST_F(EngineTest, GivesEachTypeOfResult) {
  EXPECT_EQ(result_type_name(instant("a")->value), "vector");
  EXPECT_EQ(result_type_name(instant("1")->value), "scalar");
  EXPECT_EQ(result_type_name(instant("a[5m]")->value), "matrix");
  EXPECT_EQ(result_type_name(instant("a[5m:1m]")->value), "matrix");
  EXPECT_EQ(result_type_name(instant("\"x\"")->value), "string");
  EXPECT_EQ(result_type_name(range("a")->value), "matrix");
  EXPECT_EQ(result_type_name(range("1")->value), "matrix");
}

TEST_F(EngineTest, SortsRangeResultsByLabels) {
  const Result<QueryResult> result = range("{__name__=~\"a|b\"}");

  ASSERT_TRUE(result);
  const auto& series = std::get<MatrixValue>(result->value).series;
  ASSERT_EQ(series.size(), 3U);
  EXPECT_EQ(series[0].labels.to_string(), "a{x=\"1\"}");
  EXPECT_EQ(series[1].labels.to_string(), "a{x=\"2\"}");
  EXPECT_EQ(series[2].labels.to_string(), "b{x=\"1\"}");
  EXPECT_EQ(series[2].times.size(), 10U);
}

// Upstream's times wrap around, so that a range may end before it starts.
TEST_F(EngineTest, AnswersNothingForARangeWithoutSteps) {
  for (const char* expression : {"a", "1", "absent(nope)"}) {
    SCOPED_TRACE(expression);
    const Result<QueryResult> result =
        engine_.run(store_, {.expression = expression, .start = 60'000, .end = 0, .step = 60'000});
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::get<MatrixValue>(result->value).series.empty());
  }
}

TEST_F(EngineTest, FindsNothingInALookbackOfZero) {
  const auto series_with = [&](std::optional<DurationMs> lookback) {
    const auto result = engine_.run(
        store_, {.expression = "a", .start = 60'000, .end = 60'000, .lookback_ms = lookback});
    return std::get<VectorValue>(result->value).labels.size();
  };
  EXPECT_EQ(series_with(std::nullopt), 2U);
  EXPECT_EQ(series_with(1), 2U);
  EXPECT_EQ(series_with(0), 0U);
}

TEST_F(EngineTest, CallsBadDurationsABadQuery) {
  const Result<QueryResult> result = instant("a[1m - 1m]");

  EXPECT_EQ(result.error().code(), Code::kInvalid);
  EXPECT_EQ(error_of(result), "2:9: duration must be greater than 0");
}

TEST_F(EngineTest, RefusesRangeQueriesOfRanges) {
  const Result<QueryResult> result = range("a[5m]");

  EXPECT_EQ(result.error().code(), Code::kInvalid);
  EXPECT_EQ(error_of(result),
            "invalid expression type \"range vector\" for range query, must be Scalar or instant "
            "Vector");
}

TEST_F(EngineTest, PassesParseErrorsOn) {
  const Result<QueryResult> result = instant("a +");

  EXPECT_EQ(result.error().code(), Code::kInvalid);
  EXPECT_THAT(error_of(result), HasSubstr("parse error"));
}

TEST_F(EngineTest, SaysWhatIsNotThereYet) {
  const Result<QueryResult> result = instant("histogram_count(a)");

  EXPECT_EQ(result.error().code(), Code::kExecution);
  EXPECT_THAT(error_of(result), HasSubstr("not implemented yet: "));
}

TEST_F(EngineTest, TripsOverTooManySamples) {
  for (int i = 0; i < 2000; ++i) {
    store_.add({{"__name__", "many"}, {"i", std::to_string(i)}}, 540'000, 1);
  }

  for (const char* text : {"many", "sum(many)", "count_over_time(many[5m:1s])", "many[5m]"}) {
    SCOPED_TRACE(text);
    const Result<QueryResult> result = instant(text);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Code::kLimit);
    EXPECT_EQ(error_of(result),
              "query processing would load too many samples into memory in query execution");
  }
}

// As upstream's --query.max-samples=0: not even a number.
TEST_F(EngineTest, AnswersNothingWhenNoSampleIsAllowed) {
  EngineOptions none;
  none.samples_max = 0;
  Metrics metrics;
  Engine engine(none, clock_, metrics);

  for (const char* text : {"1", "vector(1)", "time()", "a", "1 + 1"}) {
    SCOPED_TRACE(text);
    const auto result = engine.run(store_, {.expression = text, .start = 540'000, .end = 540'000});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Code::kLimit);
  }
  EXPECT_TRUE(engine.run(store_, {.expression = "\"text\"", .start = 540'000, .end = 540'000}));
}

TEST_F(EngineTest, BoundsTheStepsOfSubqueries) {
  const Result<QueryResult> result = instant("count_over_time(vector(1)[10000d:1ms])");

  EXPECT_EQ(result.error().code(), Code::kLimit);
}

// Times at the ends of their type: an answer or an error, and no overflow on the way (the sanitizer
// would end the test).
TEST_F(EngineTest, TakesTimesAtTheEndsOfTheirType) {
  constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min();
  constexpr TimeMs kMax = std::numeric_limits<TimeMs>::max();
  for (const char* text : {"a",
                           "a offset 292y",
                           "a offset -292y",
                           "rate(a[292y])",
                           "a @ 9.2e18",
                           "a @ -9.2e18",
                           "rate(a[292y] @ -9.2e18 offset 292y)",
                           "sum_over_time(a[292y:292y])",
                           "a[292y]",
                           "sum_over_time(rate(a[292y] offset 292y)[292y:146y] offset 292y)",
                           "timestamp(a)",
                           "sum_over_time(a[292y:292y] @ 9.2e18)",
                           "a @ end() offset -292y",
                           "time()",
                           "vector(1)",
                           "day_of_year()",
                           "a[292y:292y] offset -292y",
                           "rate(a[range()+1s])",
                           "a offset -range()",
                           "absent_over_time(a[292y])",
                           "info(a @ -9.2e18 offset 292y)"}) {
    for (const TimeMs start : {kMin, kMin + 1, TimeMs{0}, kMax - 1, kMax}) {
      SCOPED_TRACE(text);
      (void)engine_.run(store_, {.expression = text, .start = start, .end = start});
      for (const DurationMs step : {kMax, kMax / 2, kMax / 1000}) {
        (void)engine_.run(store_, {.expression = text, .start = start, .end = kMax, .step = step});
      }
    }
  }
}

TEST_F(EngineTest, EvaluatesLongDurations) {
  std::string text = "count_over_time(a[1m";
  for (int i = 1; i < 40'000; ++i) text += "*1";

  const Result<QueryResult> result = instant(text + "])");

  ASSERT_TRUE(result) << error_of(result);
}

// Each level doubles the label: 800 bytes of query once made 16 MiB of it and ended the process.
TEST_F(EngineTest, LimitsLabelsThatFunctionsMake) {
  store_.add({{"__name__", "long"}, {"a", "sixteen bytes..."}}, 540'000, 1);
  std::string replaced = "long";
  std::string joined = "long";
  for (int i = 0; i < 20; ++i) {
    replaced = "label_replace(" + replaced + R"q(, "a", "$1$1", "a", "(.*)"))q";
    joined = "label_join(" + joined + R"q(, "a", "", "a", "a"))q";
  }
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "${1}";
  for (const std::string& text :
       {replaced, joined, R"q(label_replace(long, "a", ")q" + many + R"q(", "a", "(.*)"))q"}) {
    SCOPED_TRACE(text.substr(0, 40));
    const Result<QueryResult> result = instant(text);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), Code::kLimit) << error_of(result);
  }
  EXPECT_TRUE(instant("label_replace(long, \"a\", \"$1$1\", \"a\", \"(.*)\")"));
}

// What does not fit is refused before it is had, and the next query finds all there is.
TEST_F(EngineTest, RefusesQueriesMoreMemoryThanTheirs) {
  SKIP_WITHOUT_COUNTING();
  for (int i = 0; i < 200; ++i) {
    store_.add({{"__name__", "many"}, {"i", std::to_string(i)}}, 540'000, 1);
  }
  EngineOptions small = options();
  small.samples_max = kSamplesUnlimited;
  small.query_memory_max = std::size_t{8} << 20;
  Engine engine(small, clock_, metrics_);
  const auto run = [&](const std::string& text, DurationMs step) {
    return engine.run(store_, {.expression = text, .start = 0, .end = 11'000'000, .step = step});
  };

  for (const char* text :
       {"many", "many * on (i) many", "many or many", "sum by (i) (many)", "-many or many",
        "count_values by (i) (\"v\", many)", "quantile by (i) (0.5, many)", "sort(many)",
        "many @ 540", "label_join(many, \"a\", \"i\")"}) {
    SCOPED_TRACE(text);
    const Result<QueryResult> result = run(text, 1000);
    ASSERT_FALSE(result);
    EXPECT_EQ(error_of(result), "query needs more memory than one query may use (8 MiB)");
    EXPECT_EQ(result.error().code(), Code::kLimit);
    EXPECT_TRUE(run(text, 1'000'000)) << "with fewer steps";
  }
  EXPECT_FALSE(run("sum_over_time(sum by (i) (many)[3h:1s])", 1'000'000));
  EXPECT_EQ(engine.memory(Lane::kApi).taken(), 0U);
}

TEST_F(EngineTest, SharesMemoryAmongQueriesAndKeepsThatOfRulesApart) {
  SKIP_WITHOUT_COUNTING();
  EngineOptions small = options();
  small.samples_max = kSamplesUnlimited;
  small.memory_max = std::size_t{4} << 20;
  Engine engine(small, clock_, metrics_);
  const QueryRequest large{.expression = "a or b", .start = 0, .end = 540'000'000, .step = 1000};
  MemoryAccount another(engine.memory(Lane::kApi), 0);
  ASSERT_TRUE(another.try_charge(std::size_t{3} << 20));

  const Result<QueryResult> api = engine.run(store_, large);
  const Result<QueryResult> rule = engine.run(store_, large, {}, Lane::kRules);

  ASSERT_FALSE(api);
  EXPECT_EQ(error_of(api), "query needs more memory than all queries together may use (4 MiB)");
  EXPECT_TRUE(rule) << error_of(rule);
}

// Loops over rows ask often enough whether the query is still wanted: once in some thousand rows
// for every walk over them, whatever the operator.
TEST_F(EngineTest, AsksInEveryWalkOverRows) {
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) {
    store_.add({{"__name__", i % 2 == 0 ? "big" : "large"}, {"i", std::to_string(i)}}, 540'000, i);
  }
  EngineOptions wide = options();
  wide.samples_max = kSamplesUnlimited;
  test::CountingClock clock;
  Engine engine(wide, clock, metrics_);
  const std::string all = R"({__name__=~"big|large"})";
  for (const std::string& text : std::vector<std::string>{
           all, "label_replace(" + all + R"q(, "j", "$1", "i", "(.*)"))q",
           "label_join(" + all + R"q(, "j", "-", "i", "i"))q", "sort(" + all + ")",
           "sort_by_label(" + all + ", \"i\")", all + " or big", all + " and big",
           "big * on (i) big", "sum by (i) (" + all + ")", "sum without (x) (" + all + ")",
           "topk(10000, " + all + ")", "quantile by (i) (0.5, " + all + ")",
           "count_values(\"v\", " + all + ")", "abs(" + all + ")", "limit_ratio(0.5, " + all + ")",
           "absent(" + all + ")", "rate(" + all + "[5m])"}) {
    SCOPED_TRACE(text);
    const std::int64_t before = clock.reads;
    const Result<QueryResult> whole =
        engine.run(store_, {.expression = text, .start = 540'000, .end = 540'000});
    ASSERT_TRUE(whole) << error_of(whole);
    const std::int64_t reads = clock.reads - before;
    EXPECT_GE(reads, kRows / 1024);
    for (const std::int64_t part : {1, 2, 3}) {  // stopped on the way, it ends there
      const StopToken stop(clock, clock.reads + reads * part / 4);
      const Result<QueryResult> cut =
          engine.run(store_, {.expression = text, .start = 540'000, .end = 540'000}, stop);
      ASSERT_FALSE(cut);
      EXPECT_EQ(cut.error().code(), Code::kTimeout);
    }
  }
}

// Cells of groups that it does not come to are never touched: filling them all took seconds in
// which nobody asked.
TEST_F(EngineTest, AStoppedAggregationTouchesLittleMemory) {
  SKIP_WITHOUT_COUNTING();  // the thread sanitizer touches shadows of what is allocated
  constexpr long kTouchedKbMax = 400 * 1024;  // of 640 MB in each table; sanitizers add an eighth
  for (int i = 0; i < 20'000; ++i) {
    store_.add({{"__name__", "big"}, {"i", std::to_string(i)}}, 540'000, i);
  }
  EngineOptions wide = options();
  wide.samples_max = kSamplesUnlimited;
  test::CountingClock clock;
  Engine engine(wide, clock, metrics_);
  const auto peak_kb = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = peak_kb();
  for (const char* text : {"sum by (i) (big)", "avg by (i) (big)", "stddev by (i) (big)",
                           "count by (i) (big)", "max by (i) (big)"}) {
    for (const std::int64_t checks : {40, 200, 400}) {
      SCOPED_TRACE(text);
      const StopToken stop(clock, clock.reads + checks);
      const Result<QueryResult> cut = engine.run(
          store_, {.expression = text, .start = 0, .end = 3'999'000, .step = 1000}, stop);
      ASSERT_FALSE(cut);
      EXPECT_EQ(cut.error().code(), Code::kTimeout);
    }
  }
  EXPECT_LT(peak_kb() - before, kTouchedKbMax);
}

TEST_F(EngineTest, StopsWhenCancelled) {
  const StopToken stop(clock_, std::numeric_limits<std::int64_t>::max());
  stop.cancel();

  const Result<QueryResult> result = engine_.run(store_, {.expression = "a"}, stop);

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kCancelled);
}

// An API that is full to the last place holds up no alert.
TEST_F(EngineTest, RulesDoNotWaitForTheApi) {
  EngineOptions full = options();
  full.concurrency_max = 0;
  full.queue_max = 0;
  Metrics metrics;
  Engine engine(full, clock_, metrics);
  const QueryRequest request{.expression = "a", .start = 540'000, .end = 540'000};

  EXPECT_FALSE(engine.run(store_, request));
  EXPECT_TRUE(engine.run(store_, request, {}, Lane::kRules));
}

TEST_F(EngineTest, ReportsDuplicateLabelSets) {
  const Result<QueryResult> result = instant("abs({__name__=~\"a|b\"})");

  ASSERT_FALSE(result);
  EXPECT_EQ(error_of(result), "vector cannot contain metrics with the same labelset");
  EXPECT_TRUE(instant("abs({__name__=~\"a|b\", x=\"2\"})"));
}

TEST_F(EngineTest, HintsAtCountersWithOddNames) {
  const Result<QueryResult> result = instant("rate(a[5m])");

  ASSERT_TRUE(result);
  EXPECT_EQ(result->infos, std::vector<std::string>{
                               "PromQL info: metric might not be a counter, name does not end "
                               "in _total/_sum/_count/_bucket: \"a\" (1:6)"});
  EXPECT_TRUE(result->warnings.empty());
}

TEST_F(EngineTest, CountsSamples) {
  const Result<QueryResult> selector = range("a");
  const Result<QueryResult> window = instant("sum_over_time(a[5m])");

  EXPECT_EQ(selector->statistics.samples_total, 20U);
  EXPECT_EQ(window->statistics.samples_total, 10U);
  EXPECT_GE(selector->statistics.samples_peak, 20U);
}

// Ten thousand operands make a tree as deep; neither planning nor running may follow it on the C++
// stack.
TEST_F(EngineTest, EvaluatesLongChains) {
  std::string sum = "1";
  std::string vectors = "a";
  std::string map = "a";
  for (int i = 1; i < 10'000; ++i) sum += "+1", map += "+1";
  for (int i = 1; i < 2'000; ++i) vectors += " or a";
  EngineOptions unlimited = options();
  unlimited.samples_max = kSamplesUnlimited;
  Metrics metrics;
  Engine engine(unlimited, clock_, metrics);

  const Result<QueryResult> scalar = engine.run(store_, {.expression = sum});
  const Result<QueryResult> mapped =
      engine.run(store_, {.expression = map, .start = 540'000, .end = 540'000});
  const Result<QueryResult> joined =
      engine.run(store_, {.expression = vectors, .start = 540'000, .end = 540'000});

  ASSERT_TRUE(scalar) << scalar.error().message();
  EXPECT_EQ(std::get<ScalarValue>(scalar->value).value, 10'000);
  ASSERT_TRUE(mapped) << mapped.error().message();
  EXPECT_EQ(std::get<VectorValue>(mapped->value).values[0], 9 + 9'999);
  ASSERT_TRUE(joined) << joined.error().message();
  EXPECT_EQ(std::get<VectorValue>(joined->value).values.size(), 2U);
}

// Strips of 256 steps and blocks of 64 rows must not show in results.
TEST_F(EngineTest, CrossesTileBordersUnseen) {
  for (int s = 0; s < 130; ++s) {
    for (int i = 0; i < 700; ++i) {
      store_.add({{"__name__", "wide"}, {"s", std::to_string(s)}}, i * 1000, i + s);
    }
  }
  EngineOptions unlimited = options();
  unlimited.samples_max = kSamplesUnlimited;
  Metrics metrics;
  Engine engine(unlimited, clock_, metrics);
  const auto run = [&](std::string expression) {
    return engine.run(
        store_, {.expression = std::move(expression), .start = 0, .end = 699'000, .step = 1000});
  };

  const Result<QueryResult> sum = run("sum(wide)");
  const Result<QueryResult> rate = run("sum(increase(wide[10s]))");
  const Result<QueryResult> plain = run("wide");

  ASSERT_TRUE(sum);
  const MatrixSeries& series = std::get<MatrixValue>(sum->value).series[0];
  ASSERT_EQ(series.values.size(), 700U);
  for (std::size_t i = 0; i < 700; ++i) {
    EXPECT_EQ(series.values[i], 130.0 * static_cast<double>(i) + 130 * 129 / 2.0);
  }
  const MatrixSeries& rates = std::get<MatrixValue>(rate->value).series[0];
  ASSERT_EQ(rates.values.size(), 699U);
  for (std::size_t i = 20; i < 699; ++i) EXPECT_DOUBLE_EQ(rates.values[i], 1300);
  EXPECT_EQ(std::get<MatrixValue>(plain->value).series.size(), 130U);
}

TEST_F(EngineTest, PublishesItsMetrics) {
  ASSERT_TRUE(instant("a"));

  const std::string text = metrics_.expose();

  EXPECT_THAT(text, HasSubstr("prometheus_engine_queries 0"));
  EXPECT_THAT(text, HasSubstr("prometheus_engine_queries_concurrent_max 20"));
  EXPECT_THAT(text,
              HasSubstr("prometheus_engine_query_duration_seconds_count{slice=\"inner_eval\"} 1"));
}

// Two infinities and a sum that would overflow: the corners of compensated addition.
TEST_F(EngineTest, AddsAsUpstreamAdds) {
  const auto add = [&](const char* name, std::initializer_list<double> values) {
    int i = 0;
    for (const double v : values) {
      store_.add({{"__name__", name}, {"i", std::to_string(i++)}}, 540'000, v);
    }
  };
  add("small", {1e100, 1, -1e100});
  add("large", {1.7e308, 1.7e308, -1.7e308});
  add("infinite", {std::numeric_limits<double>::infinity(), 1});
  const auto value = [&](const char* text) {
    return std::get<VectorValue>(instant(text)->value).values[0];
  };

  EXPECT_EQ(value("sum(small)"), 1);
  EXPECT_EQ(value("avg(small)"), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value("avg(large)"), 1.7e308 / 3);
  EXPECT_EQ(value("sum(infinite)"), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace narthex::query
