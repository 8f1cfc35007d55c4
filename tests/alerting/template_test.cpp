// The template language: texts and errors are those of upstream's own engine, Go's text/template.
#include "alerting/template/template.h"

#include <cmath>

#include <gtest/gtest.h>

#include "alerting/template/printf.h"
#include "base/str.h"
#include "tests/support/fake_clock.h"

namespace narthex::alerting {
namespace {

using tmpl::Value;

Value alert_data() {
  tmpl::AlertData data;
  data.labels = {{"alertname", "Slow"}, {"instance", "a.example:9100"}, {"job", "node"}};
  data.external_labels = {{"region", "eu"}};
  data.external_url = "http://prom.example";
  data.value = 1.5;
  return Value(std::make_shared<const tmpl::AlertData>(std::move(data)));
}

tmpl::Environment environment() {
  tmpl::Environment out;
  out.query = [](const std::string& expression) -> Result<std::vector<tmpl::Sample>> {
    if (expression == "none") return std::vector<tmpl::Sample>();
    if (expression == "bad") return Error(Code::kExecution, "no such luck");
    return std::vector<tmpl::Sample>{
        {{{"__name__", "m"}, {"instance", "b"}, {"__value__", "x"}}, 21},
        {{{"__name__", "m"}, {"instance", "a"}}, 11}};
  };
  out.external_url = "http://prom.example/p";
  out.path_prefix = "/p";
  out.now = 1'435'065'584'128;
  return out;
}

std::string expand(std::string_view text, const Value& data = alert_data()) {
  const auto out = expand_template("test", text, data, environment());
  return out ? *out : out.error().message();
}

std::string expand_alert(std::string_view text) {
  return expand(std::string(alert_template_preamble()) + std::string(text));
}

struct Row {
  const char* text;
  const char* output;
};

void expect_rows(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(expand(row.text), row.output);
  }
}

TEST(Template, ReadsAlertData) {
  EXPECT_EQ(expand_alert("{{ $labels.instance }} of {{$labels.job}} is {{ $value }}"),
            "a.example:9100 of node is 1.5");
  EXPECT_EQ(expand_alert("{{ $externalLabels.region }} {{ $externalURL }} {{ .Labels.none }}|"),
            "eu http://prom.example |");
  EXPECT_EQ(expand_alert("{{ .Value | printf \"%.2f\" }}{{ with $labels.job }} {{ . }}{{ end }}"),
            "1.50 node");
}

TEST(Template, FollowsControlFlow) {
  expect_rows({
      {"{{if eq 1 2}}a{{else if eq 1 1}}b{{else}}c{{end}}", "b"},
      {"{{if .Labels.none}}a{{else}}b{{end}}", "b"},
      {"{{with .Labels.none}}a{{else with .Labels.job}}{{.}}{{end}}", "node"},
      {"{{range $i, $s := query \"m\" | sortByLabel "
       "\"instance\"}}{{$i}}{{$s.Labels.instance}}={{.Value}} {{end}}",
       "0a=11 1b=21 "},
      {"{{range query \"none\"}}x{{else}}empty{{end}}", "empty"},
      {"{{range $k, $v := .Labels}}{{$k}},{{end}}", "alertname,instance,job,"},
      {"{{range 3}}{{.}}{{end}}", "012"},
      {"{{range 9}}{{if eq . 1}}{{continue}}{{end}}{{if gt . 3}}{{break}}{{end}}{{.}}{{end}}",
       "023"},
      {"{{$x := 1}}{{range 3}}{{$x = .}}{{end}}{{$x}}", "2"},
      {"{{define \"t\"}}<{{.arg0}} {{.arg1}}>{{end}}{{template \"t\" (args 1 \"2\")}}", "<1 2>"},
      {"{{block \"b\" .Labels}}{{.job}}{{end}}", "node"},
      {"a {{- 1 -}} b {{/* gone */}}c {{- /* trims */ -}} d", "a1b cd"},
  });
}

TEST(Template, KnowsGosBuiltins) {
  expect_rows({
      {"{{and 1 0 2}} {{or 0 \"\" \"x\"}} {{not 1}} {{1 | and 1}}", "0 x false 1"},
      {"{{eq 1 2 1}} {{ne 1 2}} {{lt 1.5 2.5}} {{le \"a\" \"a\"}} {{gt 2 1}} {{ge 1 2}}",
       "true true true true true false"},
      {"{{len .Labels}} {{len \"abc\"}} {{index .Labels \"job\"}} {{index \"abc\" 1}}",
       "3 3 node 98"},
      {"{{slice \"abcdef\" 1 3}} {{slice \"abc\" 2}}", "bc c"},
      {"{{print 1 2 \"a\" 3}}{{println 1 \"a\"}}", "1 2a31 a\n"},
      {"{{html \"<a href='x'>\\\"&\"}}", "&lt;a href=&#39;x&#39;&gt;&#34;&amp;"},
      {"{{js \"it's <b>=\\\\\"}}", "it\\'s \\u003Cb\\u003E\\u003D\\\\"},
      {"{{urlquery \"a b&c/é\"}}", "a+b%26c%2F%C3%A9"},
      {"{{0x10}} {{1e3}} {{-3}} {{'a'}} {{1_000}} {{true}} {{`raw\\n`}} {{\"\\u00e9\\x41\"}}",
       "16 1000 -3 97 1000 true raw\\n éA"},
      {"{{ .Foo }}",
       "error executing template test: template: test:1:3: executing \"test\" at <.Foo>: "
       "can't evaluate field Foo in type struct { Labels map[string]string; "
       "ExternalLabels map[string]string; ExternalURL string; Value interface {} }"},
  });
}

TEST(Template, FormatsAsGo) {
  expect_rows({
      {"{{printf \"%v %s %d %q %t\" 1.5 \"a\" 3 \"q\\\"\" true}}", "1.5 a 3 \"q\\\"\" true"},
      {"{{printf \"%f %.2f %8.3f|%-8.1f|%08.2f %+d\" 1.5 2.345 3.0 4.0 -5.5 7}}",
       "1.500000 2.35    3.000|4.0     |-0005.50 +7"},
      {"{{printf \"%e %.3e %g %.3g %G\" 123456.0 0.00012 1e21 1234.5 1e-7}}",
       "1.234560e+05 1.200e-04 1e+21 1.23e+03 1E-07"},
      {"{{printf \"%x %X %#x %o %b %c %U\" 255 255 255 8 5 65 65}}", "ff FF 0xff 10 101 A U+0041"},
      {"{{printf \"%5s|%-5s|%.2s|%x|%05d|% d\" \"é\" \"b\" \"xyz\" \"hi\" 42 3}}",
       "    é|b    |xy|6869|00042| 3"},
      {"{{printf \"%d %s %!\" \"a\" 1}}", "%!d(string=a) %!s(int=1) %!!(MISSING)"},
      {"{{printf \"%d\"}} {{printf \"x\" 1 \"a\"}} {{printf \"%[2]d %[1]d\" 1 2}} {{printf \"%*d\" "
       "5 1}}",
       "%!d(MISSING) x%!(EXTRA int=1, string=a) 2 1     1"},
      {"{{printf \"%v %v %T\" .Labels 1e6 .Value}}",
       "map[alertname:Slow instance:a.example:9100 job:node] 1e+06 float64"},
      {"{{printf \"%.1f%%\" 99.95}}", "100.0%"},
  });
}

TEST(Template, KnowsPrometheusFunctions) {
  expect_rows({
      {"{{query \"m\" | first | value}} {{query \"m\" | first | label \"instance\"}} "
       "{{query \"m\" | first | strvalue}}",
       "21 b x"},
      {"{{humanize 0.0}}:{{humanize 1.0}}:{{humanize 1234567.0}}:{{humanize .12}}:{{humanize "
       "\"1e3\"}}",
       "0:1:1.235M:120m:1k"},
      {"{{humanize1024 0.0}}:{{humanize1024 1048576.0}}:{{humanize1024 .12}}", "0:1Mi:0.12"},
      {"{{humanizeDuration 0}}:{{humanizeDuration 60}}:{{humanizeDuration "
       "3600}}:{{humanizeDuration -183845}}"
       ":{{humanizeDuration .0001}}:{{humanizeDuration 1.2345}}:{{humanizeDuration 899.99}}",
       "0s:1m 0s:1h 0m 0s:-2d 3h 4m 5s:100us:1.234s:14m 59s"},
      {"{{-0.22222 | humanizePercentage}} {{1.23456 | humanizePercentage}}", "-22.22% 123.5%"},
      {"{{1435065584.128 | humanizeTimestamp}} {{humanizeTimestamp \"NaN\"}}",
       "2015-06-23 13:19:44.128 +0000 UTC NaN"},
      {"{{now}} {{(1435065584.128 | toTime).Year}} {{toDuration 90.5}} {{(toDuration 90).Minutes}}",
       "1.435065584128e+09 2015 1m30.5s 1.5"},
      {"{{parseDuration \"1h2m10ms\"}} {{parseDuration \"-5m\"}}", "3720.01 -300"},
      {"{{\"aa bb-cc it's d_e\" | title}} {{toUpper \"aB\"}} {{toLower \"aB\"}}",
       "Aa Bb-Cc It's D_e AB ab"},
      {"{{match \"a+\" \"caat\"}} {{reReplaceAll \"(a)b\" \"x$1\" \"ab\"}}", "true xa"},
      {"{{graphLink \"up > 1\"}} {{tableLink \"a\"}}",
       "/graph?g0.expr=up+%3E+1&g0.tab=0 /graph?g0.expr=a&g0.tab=1"},
      {"{{stripPort \"a.b:1\"}} {{stripPort \"[::1]:2\"}} {{stripPort \"::1\"}} {{stripDomain "
       "\"a.b:1\"}} "
       "{{stripDomain \"192.0.2.1:3\"}} {{stripDomain \"x.y\"}}",
       "a.b ::1 ::1 a:1 192.0.2.1:3 x"},
      {"{{externalURL}} {{pathPrefix}} {{safeHtml \"<b>\"}} {{urlQueryEscape \"a b\"}}",
       "http://prom.example/p /p <b> a+b"},
  });
}

TEST(Template, ReportsErrorsAsGo) {
  expect_rows({
      {"{{", "error parsing template test: template: test:1: unclosed action"},
      {"a\n{{ nosuch }}",
       "error parsing template test: template: test:2: function \"nosuch\" not defined"},
      {"{{ $x }}", "error parsing template test: template: test:1: undefined variable \"$x\""},
      {"{{if 1}}a", "error parsing template test: template: test:1: unexpected EOF"},
      {"a{{end}}", "error parsing template test: template: test:1: unexpected {{end}}"},
      {"{{break}}", "error parsing template test: template: test:1: {{break}} outside {{range}}"},
      {"{{ (1 }}", "error parsing template test: template: test:1: unclosed left paren"},
      {"{{ \"a }}", "error parsing template test: template: test:1: unterminated quoted string"},
      {"{{ 1 | 2 }}",
       "error parsing template test: template: test:1: non executable command in pipeline stage 2"},
      {"{{ }}", "error parsing template test: template: test:1: missing value for command"},
      {"{{ humanize \"one\" }}",
       "error executing template test: template: test:1:3: executing \"test\" at <humanize "
       "\"one\">: error "
       "calling humanize: strconv.ParseFloat: parsing \"one\": invalid syntax"},
      {"{{ query \"none\" | first }}",
       "error executing template test: template: test:1:18: executing \"test\" at <first>: error "
       "calling "
       "first: first() called on vector with no elements"},
      {"{{ query \"bad\" }}",
       "error executing template test: template: test:1:3: executing \"test\" at <query \"bad\">: "
       "error "
       "calling query: no such luck"},
      {"{{ gt .Value 1 }}",
       "error executing template test: template: test:1:3: executing \"test\" at <gt .Value 1>: "
       "error "
       "calling gt: incompatible types for comparison: float64 and int"},
      {"{{ template \"x\" }}",
       "error executing template test: template: test:1:12: executing \"test\" at <{{template "
       "\"x\"}}>: "
       "template \"x\" not defined"},
      {"{{ label 1 2 }}",
       "error executing template test: template: test:1:9: executing \"test\" at <1>: expected "
       "string; "
       "found 1"},
  });
}

// Go places a chain of fields at the first of them.
TEST(Template, PlacesErrorsInChainsAsGo) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"{{ $labels.job.b }}",
       "1:122: executing \"test\" at <$labels.job.b>: can't evaluate field b "},
      {"{{ $value.x }}", "1:121: executing \"test\" at <$value.x>: can't evaluate field x in "},
      {"{{ .Foo }}",
       "1:115: executing \"test\" at <.Foo>: can't evaluate field Foo in type struct"},
      {"{{ .Foo.Bar }}", "1:119: executing \"test\" at <.Foo.Bar>: can't evaluate field Foo in "},
      {"a\nb {{ $labels.job.b }}", "2:12: executing \"test\" at <$labels.job.b>: can't evaluate "}};
  for (const auto& [text, part] : rows) {
    SCOPED_TRACE(text);
    EXPECT_NE(expand_alert(text).find(concat("template: test:", part)), std::string::npos)
        << expand_alert(text);
  }
}

// Upstream compiles the pattern of reReplaceAll with MustCompile, that of match without.
TEST(Template, SaysWhichPatternIsBadAsGo) {
  const auto ending = [](std::string_view text) {
    const std::string all = expand(text);
    return all.substr(std::min(all.find("error calling"), all.size()));
  };
  EXPECT_EQ(ending(R"({{ reReplaceAll "a(" "x" "y" }})"),
            "error calling reReplaceAll: regexp: Compile(`a(`): error parsing regexp: missing "
            "closing ): `a(`");
  EXPECT_EQ(ending(R"({{ reReplaceAll "`(" "x" "y" }})"),
            "error calling reReplaceAll: regexp: Compile(\"`(\"): error parsing regexp: missing "
            "closing ): ``(`");
  EXPECT_EQ(ending(R"({{ match "(" "y" }})"),
            "error calling match: error parsing regexp: missing closing ): `(`");
}

// A rule must not stop the server, whatever its template says.
TEST(Template, BoundsStepsDepthAndOutput) {
  EXPECT_NE(expand("{{range 1000}}{{range 1000}}{{end}}{{end}}").find("steps"), std::string::npos);
  EXPECT_NE(expand("{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}")
                .find("maximum template depth"),
            std::string::npos);
  EXPECT_NE(expand("{{range 100}}{{printf \"%100000d\" 1}}{{end}}").find("output exceeds"),
            std::string::npos);
  EXPECT_NE(expand("{{$x := \"a\"}}{{range 99}}{{$x = print $x $x}}{{end}}")
                .find("a string exceeds 1 MiB"),
            std::string::npos);
  EXPECT_NE(expand("{{range 200}}{{$x := query \"m\"}}{{end}}").find("more than 100 queries"),
            std::string::npos);
  std::string nested;
  for (int i = 0; i < 10'000; ++i) nested += "{{if 1}}";
  EXPECT_NE(expand(nested).find("max expression depth exceeded"), std::string::npos);
  EXPECT_NE(expand("{{" + std::string(10'000, '(')).find("error parsing"), std::string::npos);
}

std::string repeat(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

void expect_error(std::string_view name, std::string_view text, std::string_view part) {
  SCOPED_TRACE(name);
  const auto out = expand_template("test", text, alert_data(), environment());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), Code::kLimit);
  EXPECT_NE(out.error().message().find(part), std::string::npos) << out.error().message();
}

// Calls, blocks and parentheses use one stack: their depths multiply, so the sum is bounded.
TEST(Template, BoundsRecursionOverCallsBlocksAndParentheses) {
  const std::string call = "{{template \"t\"}}";
  expect_error(
      "blocks around a call",
      concat("{{define \"t\"}}", repeat("{{if 1}}", 150), call, repeat("{{end}}", 151), call),
      "maximum nesting");
  expect_error("parentheses around a call",
               concat("{{define \"t\"}}{{with ", repeat("(", 150), "1", repeat(")", 150), "}}",
                      call, "{{end}}{{end}}", call),
               "maximum nesting");
  EXPECT_EQ(expand(concat("{{if 0}}", repeat("{{else if 0}}", 150), "{{else}}x{{end}}")), "x");
  EXPECT_NE(expand(concat("{{if 0}}", repeat("{{else if 0}}", 5'000), "{{end}}"))
                .find("max expression depth exceeded"),
            std::string::npos);
  EXPECT_EQ(expand(concat("{{", repeat("(", 150), "1", repeat(")", 150), "}}")), "1");
}

// `args` makes values that hold values: as deep as a loop likes, or doubling at every turn.
TEST(Template, BoundsValuesThatHoldValues) {
  expect_error("deep", "{{$x := args 1}}{{range 9999}}{{$x = args $x}}{{end}}",
               "nested too deeply");
  expect_error("doubling",
               "{{$x := args `0123456789`}}{{range 60}}{{$x = args $x $x}}{{end}}{{$x}}",
               "nested too deeply, or too many");
}

TEST(Template, BoundsMemory) {
  const std::string big = "{{$s := printf `%1000000d` 1}}";
  expect_error("variables", concat(big, repeat("{{$a := $s}}", 70)), "exceed 64 MiB");
  expect_error("arguments", concat(big, "{{$a := and $s (eq", repeat(" $s", 9), ")}}"),
               "arguments of a function exceed");
  expect_error("printed", concat(big, "{{print $s $s}}"), "a string exceeds 1 MiB");
  expect_error("widths", concat("{{printf `", repeat("%[1]1000000d", 50'000), "` 1}}"),
               "a string exceeds 1 MiB");
  expect_error("width", "{{printf `%9999999d` 1}}", "a string exceeds 1 MiB");
  expect_error("precision", "{{printf `%.9999999f` 1.0}}", "a string exceeds 1 MiB");
  expect_error("words", concat("{{print", repeat(" 1", 200'000), "}}"), "words and signs");
  // What goes out of scope counts no longer.
  EXPECT_EQ(expand(concat(big, "{{range 70}}{{$a := $s}}{{end}}x")), "x");
}

// Go reads no number beyond a million any further.
TEST(Template, ReadsWidthsAsGo) {
  expect_rows({{"{{printf `%1000000000d|` 1}}", "%!(NOVERB)%!(EXTRA int=1)"},
               {"{{printf `%.1000000000f|` 1.0}}", "%!(NOVERB)%!(EXTRA float64=1)"},
               {"{{printf `%*d|` 1000000000 1}}", "%!(BADWIDTH)1|"}});
}

// A turn costs what its body does, not what the range could still visit.
TEST(Template, RangesAreLazy) {
  expect_error("ints", "{{range 99999}}{{range 99999}}{{break}}{{end}}{{end}}", "steps");
  EXPECT_EQ(expand("{{range $n := 3}}{{$n}}{{end}}{{range 0}}a{{else}}b{{end}}"), "012b");
  EXPECT_NE(expand("{{range $i, $n := 3}}{{end}}")
                .find("can't use 3 to iterate over more than one variable"),
            std::string::npos);
}

TEST(Template, EndsInTime) {
  test::FakeClock clock;
  tmpl::Environment slow = environment();
  slow.clock = &clock;
  slow.query = [&clock](const std::string&) {
    clock.advance_ms(4'000);
    return Result<std::vector<tmpl::Sample>>(std::vector<tmpl::Sample>());
  };
  const std::string_view text = "{{$a := query `a`}}{{$a := query `a`}}{{$a := query `a`}}x";

  const auto out = expand_template("test", text, alert_data(), slow);

  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message().find("exceeded maximum of 10 seconds"), std::string::npos);
}

TEST(Template, ChecksWithoutData) {
  EXPECT_TRUE(check_template("t", "{{ .Anything.goes }}"));
  EXPECT_FALSE(check_template("t", "{{ .Anything"));
}

}  // namespace
}  // namespace narthex::alerting
