// What counts against --query.max-samples: each query needs exactly so many, and one less is too
// few. The first cases are those of upstream's own test (promql/engine_test.go at v3.14.0).
#include <gtest/gtest.h>

#include "query/engine.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"

namespace narthex::query {
namespace {

constexpr TimeMs kSecond = 1000;

struct Case {
  const char* expression;
  std::size_t samples;
  TimeMs start = 0;  // seconds
  TimeMs end = 0;
  TimeMs step = 0;  // 0: instant
};

class SamplesTest : public testing::Test {
 protected:
  SamplesTest() {
    for (int i = 0; i <= 100; ++i) {
      store_.add({{"__name__", "metric"}}, i * 10 * kSecond, 1 + i);
      store_.add({{"__name__", "bigmetric"}, {"a", "1"}}, i * 10 * kSecond, 1 + i);
      store_.add({{"__name__", "bigmetric"}, {"a", "2"}}, i * 10 * kSecond, 1 + i);
    }
  }

  Result<QueryResult> run(const Case& c, std::size_t samples_max) {
    EngineOptions options;
    options.samples_max = samples_max;
    options.parser.experimental_functions = true;
    Metrics metrics;
    Engine engine(options, clock_, metrics);
    const TimeMs end = c.step == 0 ? c.start : c.end;
    return engine.run(store_, {.expression = c.expression,
                               .start = c.start * kSecond,
                               .end = end * kSecond,
                               .step = c.step * kSecond});
  }

  test::FakeClock clock_;
  test::MemoryStore store_;
};

constexpr Case kCases[] = {
    {"1", 1, 1},
    {"metric", 1, 1},
    {"metric[20s]", 2, 10},
    {"rate(metric[20s])", 3, 10},
    {"metric[20s:5s]", 3, 10},
    {"metric[20s] @ 10", 2, 0},
    {"1", 3, 0, 2, 1},
    {"metric", 3, 0, 2, 1},
    {"metric", 3, 0, 10, 5},
    {"rate(bigmetric[1s])", 1, 0, 10, 5},
    {"metric @ 10", 3, 0, 10, 5},
    {"rate(bigmetric[10s:1s] @ 10)", 32, 0, 10, 5},
    {"rate(bigmetric[10s:1s] @ 10) + rate(bigmetric[10s:1s] @ 30)", 34, 0, 10, 5},
    {"rate(bigmetric[10s:1s]) + rate(bigmetric[10s:1s] @ 30)", 56, 10, 20, 5},
    {"rate(rate(bigmetric[10:1s] @ 10)[100s:25s] @ 1000)[100s:20s] @ 2000", 32, 10},
    {"rate(rate(bigmetric[10s:1s] @ 10)[100s:25s] @ 1000)[17s:1s] @ 2000", 34, 10},
    // A result beside its operands and the elements of the step.
    {"abs(metric)", 7, 0, 2, 1},
    {"abs(abs(abs(metric)))", 7, 0, 2, 1},
    {"-metric", 3, 0, 2, 1},
    {"label_replace(metric, \"a\", \"b\", \"\", \"\")", 3, 0, 2, 1},
    {"metric + metric", 11, 0, 2, 1},
    {"metric * 2", 11, 0, 2, 1},
    {"metric or bigmetric", 21, 0, 2, 1},
    // Aggregations take the place of their operand.
    {"sum(bigmetric)", 6, 0, 2, 1},
    {"topk(1, bigmetric)", 9, 0, 2, 1},
    {"sum(bigmetric) + sum(bigmetric)", 11, 0, 2, 1},
    // What is the same at all steps counts once for each of them, and not once more.
    {"sum(bigmetric @ 10)", 3, 0, 2, 1},
    {"bigmetric @ 10", 6, 0, 2, 1},
    {"metric + metric @ 10", 11, 0, 2, 1},
    {"timestamp(metric)", 4, 0, 2, 1},
    {"quantile_over_time(0.5, metric[30s])", 9, 40, 42, 1},
    // An operand that comes to run late counts as if it had run in its turn.
    {"metric + on() sum(sum_over_time(bigmetric[10s:1s]))", 43, 10, 12, 1},
    {"vector(pi()) and on() abs(bigmetric)", 17, 0, 2, 1},
};

TEST_F(SamplesTest, CountAsUpstreamCounts) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.expression);

    const Result<QueryResult> enough = run(c, c.samples);
    const Result<QueryResult> too_few = run(c, c.samples - 1);

    EXPECT_TRUE(enough) << enough.error().message();
    if (enough) {
      EXPECT_EQ(enough->statistics.samples_peak, c.samples);
    }
    if (c.samples == 1) continue;  // 0 is no limit
    ASSERT_FALSE(too_few);
    EXPECT_EQ(too_few.error().code(), Code::kLimit);
  }
}

}  // namespace
}  // namespace narthex::query
