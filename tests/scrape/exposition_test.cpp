// Acceptance: what upstream 3.14 takes we take, with the same labels and values, and what it
// refuses we refuse.
#include <bit>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/str.h"
#include "model/labels.h"
#include "model/sample.h"
#include "scrape/exposition/number.h"
#include "scrape/exposition/prometheus.h"

namespace narthex::scrape::exposition {
namespace {

// Each event as one line of text.
std::vector<std::string> read_all(Format format, std::string body, std::string& error) {
  const std::size_t size = pad_body(format, body);
  const std::unique_ptr<Reader> reader = open_page(format, std::string_view(body).substr(0, size));
  std::vector<std::string> out;
  Event event;
  while (reader->next(event)) {
    switch (event.kind) {
      case EventKind::kComment:
        out.emplace_back("comment");
        break;
      case EventKind::kHelp:
        out.push_back(concat("help ", event.family, "=", reader->decode_help(event.text)));
        break;
      case EventKind::kType:
        out.push_back(concat("type ", event.family, "=", model::metric_type_name(event.type)));
        break;
      case EventKind::kUnit:
        out.push_back(concat("unit ", event.family, "=", event.text));
        break;
      case EventKind::kSample: {
        ExposedLabels labels;
        reader->labels(labels);
        std::string line;
        for (const auto& [name, value] : labels) line += concat(name, "=", value, "|");
        line += concat(" ", format_float(event.value, FloatStyle::kGeneral));
        if (event.has_time) line += concat(" @", event.time);
        out.push_back(line);
      }
    }
  }
  const Result<void> status = reader->status();
  error = status ? "" : status.error().message();
  return out;
}

std::vector<std::string> prometheus(std::string body) {
  std::string error;
  auto events = read_all(Format::kPrometheus, std::move(body), error);
  EXPECT_EQ(error, "");
  return events;
}

std::string error_of(Format format, std::string body) {
  std::string error;
  read_all(format, std::move(body), error);
  return error;
}

using Lines = std::vector<std::string>;

TEST(PrometheusText, ReadsMetadataAndSamples) {
  EXPECT_EQ(
      prometheus("# HELP a_total Some \\\\ help\\nmore\n# TYPE a_total counter\na_total 1\n"),
      (Lines{"help a_total=Some \\ help\nmore", "type a_total=counter", "__name__=a_total| 1"}));
}

TEST(PrometheusText, AcceptsWhatUpstreamAccepts) {
  const struct {
    const char* body;
    Lines events;
  } kRows[] = {
      {"", {}},
      {"\n\n  \n", {}},
      {"a 1", {"__name__=a| 1"}},
      {"a{} 1\n", {"__name__=a| 1"}},
      {"a{b=\"c\",} 1\n", {"__name__=a|b=c| 1"}},
      {"a { b = \"c\" , d= \"e\" } 1\n", {"__name__=a|b=c|d=e| 1"}},
      {"a{b=\"c\" d=\"e\"} 1\n", {"__name__=a|b=c|d=e| 1"}},
      {"a{b=\"c\"}1\n", {"__name__=a|b=c| 1"}},
      {"a\t1\t123\n", {"__name__=a| 1 @123"}},
      {"a 33  \t123123\n", {"__name__=a| 33 @123123"}},
      {"a{b=\"x\\\"y\\\\z\\nw\\q\"} 1\n", {"__name__=a|b=x\"y\\z\nw\\q| 1"}},
      {"a{b=\"new\nline\"} 1\n", {"__name__=a|b=new\nline| 1"}},
      {"{\"my.metric\",b=\"c\"} 1\n", {"__name__=my.metric|b=c| 1"}},
      {"{b=\"c\",\"my.metric\"} 1\n", {"__name__=my.metric|b=c| 1"}},
      {"{\"a\", \"l.b\"=\"c\"} 1\n", {"__name__=a|l.b=c| 1"}},
      {"  a 1\n", {"__name__=  a| 1"}},
      {"# comment\n#\n#x\n# HELP\n# HELPX a\n",
       {"comment", "comment", "comment", "comment", "comment"}},
      {"# HELP a\n# HELP b \n# HELP c x \n", {"help a=", "help b=", "help c=x "}},
      {"#\tTYPE a gauge\n# TYPE \"b.c\" untyped\n", {"type a=gauge", "type b.c=unknown"}},
      {"a NaN\na +Inf\na -inf\na infinity\n",
       {"__name__=a| NaN", "__name__=a| +Inf", "__name__=a| -Inf", "__name__=a| +Inf"}},
      {"a 1.\na .5\na +1e3\n", {"__name__=a| 1", "__name__=a| 0.5", "__name__=a| 1000"}},
      {"a{b=\"\"} 1\n", {"__name__=a|b=| 1"}},
      {"some:aggregate:rate5m{a_b=\"c\"}\t1\n", {"__name__=some:aggregate:rate5m|a_b=c| 1"}},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.body);
    EXPECT_EQ(prometheus(row.body), row.events);
  }
}

TEST(PrometheusText, RefusesWhatUpstreamRefuses) {
  const struct {
    const char* body;
    const char* error;
  } kRows[] = {
      {"a", "expected value after metric at line 1, byte 1"},
      {"x 1\na{b='c'} 1\n", "expected label value at line 2, byte 8"},
      {"a{b=\n", "expected label value at line 1, byte 4"},
      {"a{\xff=\"foo\"} 1\n", "expected label name at line 1, byte 2"},
      {"a{b=\"\xff\"} 1\n", "invalid UTF-8 label value at line 1, byte 7"},
      {"{\"a\", \"b = \"c\"}", "expected equal at line 1, byte 12"},
      {"a true\n", "parsing \"true\": invalid syntax at line 1, byte 2"},
      {"a{b=\"", "expected label value at line 1, byte 4"},
      {"a{=\"\"} 0", "expected label name at line 1, byte 2"},
      {"{A}0", "expected equal at line 1, byte 2"},
      {"foo 1_2\n", "parsing \"1_2\": invalid syntax at line 1, byte 4"},
      {"foo 0x1p-3\n", "parsing \"0x1p-3\": invalid syntax at line 1, byte 4"},
      {"foo 0 1_2\n", "expected next entry after timestamp at line 1, byte 7"},
      {"foo 0 -1\n", "expected timestamp or new record at line 1, byte 6"},
      {"foo 0 99999999999999999999\n", "timestamp is out of range at line 1, byte 6"},
      {"{a=\"ok\"} 1", "metric name not set at line 1, byte 8"},
      {"{\"a\",\"b\"} 1", "metric name already set at line 1, byte 8"},
      {"a{\"b\"} 1", "metric name already set at line 1, byte 5"},
      {"# TYPE #\n", "expected metric name at line 1, byte 7"},
      {"# TYPE a what\n", "invalid metric type \"what\" at line 1, byte 13"},
      {"# TYPE a gauge \n", "invalid metric type \"gauge \" at line 1, byte 15"},
      {"# HELP a \xff\n", "help text is not a valid utf8 string at line 1, byte 10"},
      {"a{b=\"c\",,} 1\n", "expected label name at line 1, byte 8"},
      {"a 1e999\n", "parsing \"1e999\": invalid syntax at line 1, byte 2"},
      {"a -NaN\n", "parsing \"-NaN\": invalid syntax at line 1, byte 2"},
      {"a 1{\n", "expected timestamp or new record at line 1, byte 3"},
      {"9a 1\n", "expected a valid start token at line 1, byte 0"},
      {"a\r 1\n", "parsing \"\\r\": invalid syntax at line 1, byte 1"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.body);
    EXPECT_EQ(error_of(Format::kPrometheus, row.body), row.error);
  }
}

// Upstream's lexer skips NUL inside values and comments, and ends at one where a token could begin.
TEST(PrometheusText, HandlesNulAsUpstream) {
  using namespace std::string_literals;
  EXPECT_EQ(prometheus("a{b=\"\0ss\"} 1\n"s), (Lines{"__name__=a|b=\0ss| 1"s}));
  EXPECT_EQ(prometheus("# HELP m foo\0bar\na 1\n"s), (Lines{"help m=foo\0bar"s, "__name__=a| 1"}));
  EXPECT_EQ(prometheus("a 1\n\0b 2\n"s), (Lines{"__name__=a| 1"}));
  EXPECT_NE(error_of(Format::kPrometheus, "a{b=\0\"x\"} 1\n"s), "");
  EXPECT_NE(error_of(Format::kPrometheus, "a{b\0=\"x\"} 1\n"s), "");
  EXPECT_NE(error_of(Format::kPrometheus, "a\0{b=\"x\"} 1\n"s), "");
  EXPECT_NE(error_of(Format::kPrometheus, "a 0 1\0"s), "");
}

TEST(PrometheusText, NormalisesLeAndQuantileByTheTypeInForce) {
  EXPECT_EQ(prometheus("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nother{le=\"5\"} 1\n"
                       "h_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"1000000\"} 1\nh_bucket{le=\"x\"} 1\n"
                       "# TYPE s summary\ns{quantile=\"0\"} 1\ns{le=\"1\"} 1\n"),
            (Lines{"type h=histogram", "__name__=h_bucket|le=1.0| 1", "__name__=other|le=5.0| 1",
                   "__name__=h_bucket|le=+Inf| 1", "__name__=h_bucket|le=1e+06| 1",
                   "__name__=h_bucket|le=x| 1", "type s=summary", "__name__=s|quantile=0.0| 1",
                   "__name__=s|le=1| 1"}));
}

TEST(OpenMetricsText, ReadsUnitsExemplarsAndFloatTimes) {
  std::string error;
  EXPECT_EQ(
      read_all(Format::kOpenMetrics,
               "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds x \\\"y\\\"\n"
               "a_seconds_total{b=\"c\"} 1 1520879607.789\n"
               "a_seconds_total 2 # {id=\"x\"} 5\n"
               "a_seconds_total 3 1.5 # {id=\"x\",k=\"\"} 5 1.25\n{\"d.e\"} 4\n# EOF\n",
               error),
      (Lines{"type a_seconds=counter", "unit a_seconds=seconds", "help a_seconds=x \"y\"",
             "__name__=a_seconds_total|b=c| 1 @1520879607789", "__name__=a_seconds_total| 2",
             "__name__=a_seconds_total| 3 @1500", "__name__=d.e| 4"}));
  EXPECT_EQ(error, "");
}

TEST(OpenMetricsText, RefusesWhatUpstreamRefuses) {
  const char* kBodies[] = {
      "",
      "a 1\n",
      "\n# EOF\n",
      "# EOF\nmore",
      "# EOF\n\n",
      "#EOF\n",
      "a  1\n# EOF\n",
      "a 1 \n# EOF\n",
      "# comment\n# EOF\n",
      "# TYPE a untyped\n# EOF\n",
      "# UNIT a seconds\n# EOF\n",
      "a{b=\"c\" d=\"e\"} 1\n# EOF\n",
      "a{b=\"x\ny\"} 1\n# EOF\n",
      "a {b=\"c\"} 1\n# EOF\n",
      "a 1 NaN\n# EOF\n",
      "a 1 # {\"x\"} 1\n# EOF\n",
      "a 1 # {} 1 NaN\n# EOF\n",
      "a 1 # {}\n# EOF\n",
      "a\t1\n# EOF\n",
      "a 1_2\n# EOF\n",
      "# HELP a\n# EOF\n",
      " a 1\n# EOF\n",
      "a{b=\"c\"}1\n# EOF\n",
  };
  for (const char* body : kBodies) {
    SCOPED_TRACE(body);
    EXPECT_NE(error_of(Format::kOpenMetrics, body), "");
  }
  EXPECT_EQ(error_of(Format::kOpenMetrics, "# EOF"), "");
}

TEST(ValueText, FastPathAgreesWithTheGeneralOne) {
  const char* kTokens[] = {"0",
                           "1",
                           "-1",
                           "12345678",
                           "123456789012345678",
                           "9007199254740993",
                           "7.424100000000001e-05",
                           "4.9351e-05",
                           "1e22",
                           "1e23",
                           "-0",
                           "0.1",
                           "1234567890123456789012",
                           "1.7976931348623157e+308",
                           "5e-324",
                           "1.5E3"};
  for (const char* token : kTokens) {
    SCOPED_TRACE(token);
    std::string padded = concat(token, "\n");
    padded.append(32, '\0');
    double general = 0;
    ASSERT_TRUE(parse_value(token, general));
    double fast = general;
    parse_plain_value(padded.data(), fast);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(fast), std::bit_cast<std::uint64_t>(general));
  }
  double nan = 0;
  ASSERT_TRUE(parse_value("nan", nan));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(nan), model::kNormalNanBits);
  EXPECT_EQ(parse_plain_value("1e+\n             ", nan), nullptr);
}

// The caller that knows a key may be wrong about it: nothing is consumed then.
TEST(Reader, TakeSampleLeavesTheLineAloneWhenItIsAnother) {
  std::string body = "ab 1\nab  2\nab 3 9\n";
  const std::size_t size = pad_body(Format::kPrometheus, body);
  PrometheusReader reader(std::string_view(body).substr(0, size));
  Event event;

  EXPECT_FALSE(reader.take_sample(2, event));
  EXPECT_TRUE(reader.take_sample(3, event));
  EXPECT_EQ(event.value, 1);
  EXPECT_FALSE(reader.take_sample(3, event));
  EXPECT_TRUE(reader.next(event));
  EXPECT_EQ(event.key_bytes, 4u);
  EXPECT_EQ(reader.scan_key(reader.position()), 3u);
  EXPECT_TRUE(reader.take_sample(3, event));
  EXPECT_EQ(event.time, 9);
  EXPECT_FALSE(reader.next(event));
  EXPECT_TRUE(reader.status());
}

}  // namespace
}  // namespace narthex::scrape::exposition
