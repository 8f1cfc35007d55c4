// Random expressions over random data: the engine and the naive evaluator must agree, at an instant
// and at every step of a range. The seed is printed and can be set with NARTHEX_SEED.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/str.h"
#include "query/engine.h"
#include "query/promql/ast.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_store.h"
#include "tests/support/naive_evaluator.h"

namespace narthex::query {
namespace {

using model::Labels;
using model::TimeMs;

constexpr TimeMs kStart = 1'700'000'000'000;
constexpr TimeMs kEnd = kStart + 40 * 60 * 1000;

/// Grows expressions of the kinds both sides know.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string vector(int depth) {
    switch (pick(depth > 0 ? 8 : 2)) {
      case 0:
      case 1:
        return selector() + modifier();
      case 2:
        return concat(one_of({"rate", "increase", "delta", "irate", "idelta", "sum_over_time",
                              "avg_over_time", "min_over_time", "max_over_time", "count_over_time",
                              "last_over_time", "stddev_over_time", "changes", "resets",
                              "present_over_time"}),
                      "(", range(depth - 1), ")");
      case 3:
        return concat("quantile_over_time(", one_of({"0.1", "0.5", "0.99"}), ", ", range(depth - 1),
                      ")");
      case 4:
        return aggregation(depth - 1);
      case 5:
        return concat(one_of({"abs", "ceil", "floor", "sgn", "-", "sqrt"}), "(", vector(depth - 1),
                      ")");
      case 6:
        return concat("(", vector(depth - 1), " ", scalar_operator(), " ",
                      one_of({"2", "0.5", "-3", "100"}), ")");
      default:
        return binary(depth - 1);
    }
  }

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }
  std::string one_of(const std::vector<std::string>& texts) { return texts[pick(texts.size())]; }

  std::string selector() {
    return one_of({"m", "n", "m{a=\"1\"}", "n{b!=\"x\"}", "m{a=~\"1|2\"}",
                   "{__name__=~\"m|n\",b=\"x\"}", "c", "gone"});
  }
  std::string modifier() {
    return one_of(
        {"", "", "", " offset 3m", " offset -2m", concat(" @ ", kStart / 1000 + 600), " @ end()"});
  }
  std::string range(int depth) {
    if (depth > 0 && pick(4) == 0)
      return concat("(", vector(depth - 1), ")", one_of({"[10m:1m]", "[7m:90s]", "[5m:]"}));
    return concat(selector(), one_of({"[1m]", "[5m]", "[7m30s]", "[20m]"}), modifier());
  }
  std::string aggregation(int depth) {
    const std::string by = one_of({"", " by (a)", " without (b)", " by (a, b)", " without ()"});
    const std::string op =
        one_of({"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"});
    const std::string parameter = op == "quantile" ? "0.3, " : "";
    return concat(op, by, " (", parameter, vector(depth), ")");
  }
  std::string scalar_operator() {
    return one_of({"+", "-", "*", "/", "%", "==", "!=", ">", "<=", "> bool", "== bool"});
  }
  std::string binary(int depth) {
    const std::string op = one_of({"+", "-", "*", "/", ">", "!= bool", "and", "or", "unless"});
    const bool set = op == "and" || op == "or" || op == "unless";
    std::string matching = one_of({"", " on (a)", " ignoring (b)", " on (a, b)"});
    if (!set && !matching.empty()) matching += one_of({"", " group_left ()", " group_right (b)"});
    return concat("(", vector(depth), " ", op, matching, " ", vector(depth), ")");
  }

  std::mt19937_64 random_;
};

void fill(test::MemoryStore& store, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (const char* name : {"m", "n", "c"}) {
    for (const char* a : {"1", "2", "3"}) {
      for (const char* b : {"x", "y"}) {
        if (random() % 6 == 0) continue;
        double counter = 0;
        for (TimeMs t = kStart - 600'000; t <= kEnd; t += 15'000) {
          const TimeMs at = t + static_cast<TimeMs>(random() % 3000);
          const std::uint64_t dice = random() % 100;
          counter = dice == 0 ? 0 : counter + static_cast<double>(random() % 50);
          double value = *name == 'c' ? counter : static_cast<double>(random() % 2000) / 8 - 100;
          if (dice == 1) value = model::stale_nan();
          if (dice == 2 && *name == 'n') value = std::numeric_limits<double>::infinity();
          if (dice == 3 && *name == 'n') value = model::normal_nan();
          if (dice < 90) store.add(Labels{{"__name__", name}, {"a", a}, {"b", b}}, at, value);
        }
      }
    }
  }
}

bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= 1e-9 * std::max({1.0, std::fabs(a), std::fabs(b)});
}

using Row = std::map<std::string, double>;

Row row_of(const test::NaiveValue& value) {
  Row row;
  if (const auto* number = std::get_if<double>(&value)) return {{"", *number}};
  for (const auto& [labels, v] : std::get<test::NaiveVector>(value)) row[labels.to_string()] = v;
  return row;
}

void expect_same(const Row& got, const Row& want) {
  for (const auto& [labels, v] : want) {
    const auto found = got.find(labels);
    if (found == got.end()) {
      ADD_FAILURE() << "missing " << labels << " " << v;
    } else if (!close(found->second, v)) {
      ADD_FAILURE() << labels << ": engine " << found->second << ", naive " << v;
    }
  }
  for (const auto& [labels, v] : got) {
    if (!want.contains(labels)) ADD_FAILURE() << "extra " << labels << " " << v;
  }
}

class Differential : public testing::Test {
 protected:
  // False when both refuse.
  void check_instant(const std::string& text, TimeMs t) {
    const ExprPtr expr = *parse_expression(text);
    const auto want = test::evaluate_naively(*expr, store_, t, {.query_start = t, .query_end = t});
    const auto got = engine_.run(store_, {.expression = text, .start = t, .end = t});
    ASSERT_EQ(got.has_value(), want.has_value())
        << (got ? "" : got.error().message()) << (want ? "" : want.error().message());
    if (!got) return;
    const auto& vector = std::get<VectorValue>(got->value);
    Row row;
    for (std::size_t i = 0; i < vector.labels.size(); ++i)
      row[vector.labels[i].to_string()] = vector.values[i];
    expect_same(row, row_of(*want));
    ++agreed_;
  }

  void check_range(const std::string& text, TimeMs start, TimeMs end, model::DurationMs step) {
    const ExprPtr expr = *parse_expression(text);
    std::map<TimeMs, Row> want;
    bool failed = false;
    for (TimeMs t = start; t <= end; t += step) {
      const auto value =
          test::evaluate_naively(*expr, store_, t, {.query_start = start, .query_end = end});
      failed = failed || !value;
      if (value) want[t] = row_of(*value);
    }
    const auto got =
        engine_.run(store_, {.expression = text, .start = start, .end = end, .step = step});
    ASSERT_EQ(got.has_value(), !failed) << (got ? "naive failed" : got.error().message());
    if (!got) return;
    std::map<TimeMs, Row> rows;
    for (const MatrixSeries& series : std::get<MatrixValue>(got->value).series) {
      for (std::size_t i = 0; i < series.times.size(); ++i)
        rows[series.times[i]][series.labels.to_string()] = series.values[i];
    }
    for (auto& [t, row] : want) {
      SCOPED_TRACE(t);
      expect_same(rows[t], row);
    }
    ++agreed_;
  }

  test::FakeClock clock_{kEnd};
  Metrics metrics_;
  test::MemoryStore store_;
  Engine engine_{EngineOptions{}, clock_, metrics_};
  int agreed_ = 0;
};

TEST_F(Differential, EngineAgreesWithTheNaiveEvaluator) {
  const char* given = std::getenv("NARTHEX_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'240'601;
  const char* rounds_given = std::getenv("NARTHEX_ROUNDS");
  const int rounds = rounds_given != nullptr ? std::atoi(rounds_given) : 1500;
  std::cout << "seed " << seed << ", " << rounds << " expressions\n";
  fill(store_, seed);
  Generator generator(seed);
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    const std::string text = generator.vector(3);
    SCOPED_TRACE(text);
    if (!parse_expression(text)) continue;  // a label in both on() and group_x()
    check_instant(text, kStart + 17 * 60'000 + i);
    check_range(text, kStart + 5 * 60'000, kEnd, 137'000);
  }
  std::cout << agreed_ << " evaluations with a result agreed\n";
  EXPECT_GT(agreed_, rounds / 2);
}

}  // namespace
}  // namespace narthex::query
