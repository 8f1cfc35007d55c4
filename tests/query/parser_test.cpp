// What parses, what does not and with which words, and that no input is deep enough to hurt.
#include "query/promql/parser.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/context.h"
#include "query/promql/ast.h"
#include "tests/support/fake_clock.h"

namespace narthex::query {
namespace {

constexpr ParserOptions kAll{
    .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};

std::string error_of(std::string_view text, const ParserOptions& options = kAll) {
  const Result<ExprPtr> parsed = parse_expression(text, options);
  return parsed ? "parsed: " + to_string(**parsed) : parsed.error().message();
}

// The tree as text with every operator in parentheses.
std::string shape(const Expr& expr) {
  const auto child = [&](std::size_t i) { return shape(*expr.children[i]); };
  if (const auto* binary = expr.as<BinaryNode>()) {
    return "(" + child(0) + std::string(spelling(binary->op)) + child(1) + ")";
  }
  if (const auto* unary = expr.as<UnaryNode>()) {
    return "(" + std::string(spelling(unary->op)) + child(0) + ")";
  }
  return to_string(expr);
}

std::string shape_of(std::string_view text) {
  const Result<ExprPtr> parsed = parse_expression(text, kAll);
  return parsed ? shape(**parsed) : parsed.error().message();
}

TEST(Parser, BindsOperatorsAsUpstreamDoes) {
  EXPECT_EQ(shape_of("a + b * c"), "(a+(b*c))");
  EXPECT_EQ(shape_of("a - b - c"), "((a-b)-c)");
  EXPECT_EQ(shape_of("a ^ b ^ c"), "(a^(b^c))");
  EXPECT_EQ(shape_of("-a ^ b"), "(-(a^b))");
  EXPECT_EQ(shape_of("-a * b"), "((-a)*b)");
  EXPECT_EQ(shape_of("a ^ -b * c"), "((a^(-b))*c)");
  EXPECT_EQ(shape_of("a or b and c == d"), "(aor(band(c==d)))");
  EXPECT_EQ(shape_of("a offset 5m + b"), "(a offset 5m+b)");
  EXPECT_EQ(shape_of("-1"), "-1");
}

struct Bad {
  std::string_view text;
  std::string_view message;
};

class ParserErrors : public testing::TestWithParam<Bad> {};

TEST_P(ParserErrors, SayWhatUpstreamSays) {
  EXPECT_EQ(error_of(GetParam().text), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ParserErrors,
    testing::Values(
        Bad{"", "unknown position: parse error: no expression found in input"},
        Bad{" ", "1:1: parse error: no expression found in input"},
        Bad{"a +", "1:4: parse error: unexpected end of input"},
        Bad{"a b", "1:3: parse error: unexpected identifier \"b\""},
        Bad{"a\n+\n)", "3:2: parse error: unexpected right parenthesis ')'"},
        Bad{"(a", "1:3: parse error: unclosed left parenthesis"},
        Bad{"a[5m", "1:5: parse error: unclosed left bracket"},
        Bad{"a[", "1:3: parse error: unexpected end of input in duration expression"},
        Bad{"a[]",
            "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, "
            "duration, step(), or range()"},
        Bad{"a[0]", "1:3: parse error: duration must be greater than 0"},
        Bad{"{", "1:2: parse error: unexpected end of input inside braces"},
        Bad{"{a=b}",
            "1:4: parse error: unexpected identifier \"b\" in label matching, expected "
            "string"},
        Bad{"{a b}",
            "1:4: parse error: unexpected identifier \"b\" in label matching, expected "
            "label matching operator"},
        Bad{"sum by x (a)",
            "1:8: parse error: unexpected identifier \"x\" in grouping opts, expected \"(\""},
        Bad{"a / on(x) group_left * b",
            "1:22: parse error: unexpected <op:*> in grouping opts, expected \"(\""},
        Bad{"2_ % 3",
            "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"2_\": invalid "
            "syntax"},
        Bad{"a[1.5h]", "1:3: parse error: unknown unit \".\" in duration \"1.5h\""},
        Bad{"a[1h1d]", "1:3: parse error: not a valid duration string: \"1h1d\""},
        Bad{"{a=~\"[\"}", "1:2: parse error: error parsing regexp: missing closing ]: `[`"},
        Bad{"{a=~\"(b\"}", "1:2: parse error: error parsing regexp: missing closing ): `(b`"},
        Bad{"sum(a + )", "1:9: parse error: unexpected \")\" in aggregation"},
        Bad{"rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args"},
        Bad{"foo(a)", "1:1: parse error: unknown function with name \"foo\""},
        Bad{"\"a\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
        Bad{"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""}));

INSTANTIATE_TEST_SUITE_P(
    Types, ParserErrors,
    testing::Values(
        Bad{"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        Bad{"a{__name__=\"b\"}",
            "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
        Bad{"rate(a)",
            "1:6: parse error: expected type range vector in call to function \"rate\", "
            "got instant vector"},
        Bad{"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        Bad{"a + bool b",
            "1:3: parse error: bool modifier can only be used on comparison operators"},
        Bad{"1 and 1",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar "
            "expression"},
        Bad{"a and on(x) group_left b",
            "1:1: parse error: no grouping allowed for \"and\" operation"},
        Bad{"topk(a)",
            "1:1: parse error: wrong number of arguments for aggregate expression "
            "provided, expected 2, got 1"},
        Bad{"1[5m:]",
            "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
        Bad{"(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"},
        Bad{"a offset 1m offset 1m", "1:1: parse error: offset may not be set multiple times"},
        Bad{"-a[5m]",
            "1:1: parse error: unary expression only allowed on expressions of type "
            "scalar or instant vector, got \"range vector\""}));

TEST(Parser, KeepsExperimentalThingsOffByDefault) {
  EXPECT_EQ(error_of("mad_over_time(a[5m])", {}),
            "1:1: parse error: function \"mad_over_time\" is not enabled");
  EXPECT_THAT(error_of("limitk(1, a)", {}), testing::HasSubstr("limitk() is experimental"));
  EXPECT_THAT(error_of("a anchored", {}), testing::HasSubstr("not enabled"));
  EXPECT_EQ(error_of("a + fill(1) b", {}),
            "1:1: parse error: binop fill modifiers are experimental and not enabled");
}

TEST(Parser, ReadsNumbersAsGoDoes) {
  EXPECT_EQ(shape_of("0x1F"), "31");
  EXPECT_EQ(shape_of("017"), "15");
  EXPECT_EQ(shape_of("089"), "89");
  EXPECT_EQ(shape_of("1_000.5"), "1000.5");
  EXPECT_EQ(shape_of("1h30m"), "1h30m");
  EXPECT_EQ(shape_of("inf"), "+Inf");
  EXPECT_EQ(shape_of("NaN"), "NaN");
}

TEST(Parser, RefusesTooDeepNesting) {
  const std::string open(600, '(');
  const std::string close(600, ')');

  EXPECT_THAT(error_of(open + "a" + close), testing::HasSubstr("nested more than 512 levels"));
  EXPECT_EQ(error_of(std::string(400, '(') + "a" + std::string(400, ')')).substr(0, 8), "parsed: ");
}

TEST(Parser, TakesLongChainsWithoutStack) {
  std::string left = "a";
  std::string right = "a";
  for (int i = 1; i < 10'000; ++i) left += "+a", right += "^a";

  for (const std::string& text : {left, right, std::string(10'000, '-') + "a"}) {
    const Result<ExprPtr> parsed = parse_expression(text);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_GE(to_string(**parsed).size(), text.size());
    EXPECT_GE(to_pretty_string(**parsed).size(), text.size());
  }
}

// Arithmetic on durations makes trees too: each of these was a stack overflow once.
TEST(Parser, TakesLongDurationsWithoutStack) {
  std::string sum = "1m";
  std::string power = "1";
  std::string product = "step()";
  for (int i = 1; i < 40'000; ++i) sum += "+1m", power += "^1", product += "*1";
  std::string signs = "step()";
  for (int i = 1; i < 40'000; ++i) signs.insert(0, "-");

  for (const std::string& text : {sum, power, product, signs}) {
    for (const std::string& whole :
         {"up[" + text + "]", "up[1h:" + text + "]", "up offset (" + text + ")"}) {
      SCOPED_TRACE(whole.substr(0, 30));
      const Result<ExprPtr> parsed = parse_expression(whole);
      ASSERT_TRUE(parsed) << parsed.error().message();
      EXPECT_GE(to_string(**parsed).size(), whole.size());
      EXPECT_GE(to_pretty_string(**parsed).size(), whole.size());
    }
  }
}

// Patterns take long to compile, so whoever waits is asked before each.
TEST(Parser, StopsBeforeThePatternsOfNobody) {
  const test::FakeClock clock;
  const Stop stop{.token = StopToken(clock, std::numeric_limits<std::int64_t>::max())};
  ParserOptions options = kAll;
  options.stop = &stop;
  EXPECT_TRUE(parse_expression(R"(up{a=~"x.*"})", options));
  EXPECT_TRUE(parse_selector(R"({a!~"x.*"})", options));

  stop.token.cancel();
  EXPECT_TRUE(parse_expression(R"(up{a="x"} + 1)", options));
  const auto expression = parse_expression(R"(up{a=~"x.*"} +)", options);
  const auto selector = parse_selector(R"({a!~"x.*"})", options);
  ASSERT_FALSE(expression);
  EXPECT_EQ(expression.error().code(), Code::kCancelled);
  ASSERT_FALSE(selector);
  EXPECT_EQ(selector.error().code(), Code::kCancelled);
}

TEST(Parser, TakesWhateverTheTextHolds) {
  std::string product = "up[1m";
  std::string sum = "1";
  while (product.size() < 250'000) product += "*1";
  while (sum.size() < 250'000) sum += "+1";

  for (const std::string& whole : {product + "]", sum}) {
    const Result<ExprPtr> parsed = parse_expression(whole);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_GE(to_string(**parsed).size(), whole.size());
  }
}

TEST(Parser, RefusesTooDeepDurations) {
  const std::string open(600, '(');

  EXPECT_THAT(error_of("up[" + open + "1" + std::string(600, ')') + "]"),
              testing::HasSubstr("nested more than 512 levels"));
}

TEST(Parser, RefusesTooLongText) {
  EXPECT_THAT(error_of(std::string(kQueryTextBytesMax + 1, 'a')),
              testing::HasSubstr("query is longer than"));
}

TEST(ParseSelector, GivesMatchers) {
  const Result<model::Matchers> matchers = parse_selector("up{job=~\"a.*\",x!=\"1\"}");

  ASSERT_TRUE(matchers);
  ASSERT_EQ(matchers->size(), 3U);
  EXPECT_EQ((*matchers)[0].to_string(), "job=~\"a.*\"");
  EXPECT_EQ((*matchers)[2].to_string(), "__name__=\"up\"");
  EXPECT_FALSE(parse_selector("rate(a[5m])"));
  EXPECT_FALSE(parse_selector("1"));
}

TEST(ParseMetric, GivesLabels) {
  const Result<model::Labels> labels = parse_metric("up{job=\"a\",'x.y'=\"1\"}");

  ASSERT_TRUE(labels);
  EXPECT_EQ(labels->get("__name__"), "up");
  EXPECT_EQ(labels->get("x.y"), "1");
  EXPECT_FALSE(parse_metric("up{job=~\"a\"}"));
}

}  // namespace
}  // namespace narthex::query
