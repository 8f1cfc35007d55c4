// The one-line form re-parses to itself; the pretty form breaks what is longer than a line.
#include <gtest/gtest.h>

#include "query/promql/ast.h"
#include "query/promql/parser.h"

namespace narthex::query {
namespace {

constexpr ParserOptions kAll{
    .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};

std::string line(std::string_view text) {
  const Result<ExprPtr> parsed = parse_expression(text, kAll);
  return parsed ? to_string(**parsed) : parsed.error().message();
}

std::string pretty(std::string_view text) {
  const Result<ExprPtr> parsed = parse_expression(text, kAll);
  return parsed ? to_pretty_string(**parsed) : parsed.error().message();
}

struct Row {
  std::string_view text;
  std::string_view printed;
};

class Printer : public testing::TestWithParam<Row> {};

TEST_P(Printer, WritesTheOneLineForm) {
  EXPECT_EQ(line(GetParam().text), GetParam().printed);
}

TEST_P(Printer, IsStable) {
  EXPECT_EQ(line(GetParam().printed), GetParam().printed);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Printer,
    testing::Values(Row{"sum(a)by(b,\"c.d\")", "sum by (b, \"c.d\") (a)"},
                    Row{"sum by() (a)", "sum(a)"}, Row{"SUM without() (a)", "sum without () (a)"},
                    Row{"topk(5,a)", "topk(5, a)"}, Row{"a{z=\"1\",b=\"2\"}", "a{b=\"2\",z=\"1\"}"},
                    Row{"{\"a.b\",c='d'}", "{__name__=\"a.b\",c=\"d\"}"},
                    Row{"a[300s]@5 offset -60s", "a[5m] @ 5.000 offset -1m"},
                    Row{"a[5m:] @ start()", "a[5m:] @ start()"},
                    Row{"a[step()+5m:1m]", "a[step() + 5m:1m]"},
                    Row{"a*on(x)group_left(y)b", "a * on (x) group_left (y) b"},
                    Row{"a>bool ignoring(x)b", "a > bool ignoring (x) b"},
                    Row{"a+fill_left(1)b", "a + fill_left (1) b"},
                    Row{"a[5m]smoothed", "a[5m] smoothed"}, Row{"-a^2", "-a ^ 2"},
                    Row{"a or(b)", "a or (b)"}, Row{"1e3", "1000"},
                    Row{"label_replace(a,'b','$1','c',`\\d`)",
                        "label_replace(a, \"b\", \"$1\", \"c\", \"\\\\d\")"}));

TEST(PrettyPrinter, LeavesShortExpressionsOnOneLine) {
  EXPECT_EQ(pretty("sum(a)/sum(b)"), "sum(a) / sum(b)");
}

TEST(PrettyPrinter, BreaksLongExpressions) {
  EXPECT_EQ(pretty("sum by (job, instance) (rate(a_rather_long_metric_name_total[5m])) / "
                   "-sum by (job, instance) (rate(another_rather_long_metric_name_total[5m]))"),
            "  sum by (job, instance) (rate(a_rather_long_metric_name_total[5m]))\n"
            "/\n"
            "  -sum by (job, instance) (rate(another_rather_long_metric_name_total[5m]))");
  EXPECT_EQ(
      pretty(
          "label_replace(a_much_longer_than_ever_metric_name_total{job=\"api\"}, \"destination\", "
          "\"$1\", \"source\", \"(.*)\")"),
      "label_replace(\n"
      "  a_much_longer_than_ever_metric_name_total{job=\"api\"},\n"
      "  \"destination\",\n"
      "  \"$1\",\n"
      "  \"source\",\n"
      "  \"(.*)\"\n"
      ")");
}

}  // namespace
}  // namespace narthex::query
