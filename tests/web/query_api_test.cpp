// Query endpoints against a runner that answers what the test wants.
#include "web/api/query_api.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/support/fake_clock.h"
#include "tests/web/await.h"

namespace narthex::web {
namespace {

using test::make_request;
using test::whole;

class QueryApiTest : public ::testing::Test {
 protected:
  QueryApiTest()
      : api_(
            [this](const query::QueryRequest& request, StopToken stop) {
              asked_ = request;
              stopped_ = !stop.check();
              return answer_;
            },
            {}, clock_) {
    set(query::ScalarValue{.time = 1500, .value = 2.5});
  }

  void set(query::Value value) {
    answer_ = query::QueryResult{
        .value = std::move(value), .warnings = {}, .infos = {}, .statistics = {}};
  }
  std::string instant(std::string_view parameters) {
    return whole(api_.instant(make_request("GET", "/q?" + std::string(parameters)))).body;
  }
  net::http::Response range(std::string_view parameters) {
    return whole(api_.range(make_request("GET", "/q?" + std::string(parameters))));
  }
  static std::string data(std::string_view inner) {
    return R"({"status":"success","data":)" + std::string(inner) + "}";
  }
  static std::string bad(std::string_view text) {
    return R"({"status":"error","errorType":"bad_data","error":")" + std::string(text) + "\"}";
  }

  test::FakeClock clock_{1'700'000'000'000};
  query::QueryRequest asked_;
  bool stopped_ = false;
  Result<query::QueryResult> answer_ = Error(Code::kInternal, "unset");
  QueryApi api_;
};

TEST_F(QueryApiTest, ParsesOnlyForClientsThatStay) {
  net::http::Request request = make_request("GET", R"(/q?query={a=~"x.*"})");
  request.client = StopToken(clock_, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(api_.parse_query(request).status, 200);
  EXPECT_EQ(api_.format_query(request).status, 200);
  request.client.cancel();
  EXPECT_EQ(api_.parse_query(request).status, 499);
  EXPECT_EQ(api_.format_query(request).status, 499);
  EXPECT_EQ(api_.exemplars(request).status, 499);
}

TEST_F(QueryApiTest, AsksForNowByDefault) {
  instant("query=up");

  EXPECT_EQ(asked_.expression, "up");
  EXPECT_EQ(asked_.start, 1'700'000'000'000);
  EXPECT_EQ(asked_.end, asked_.start);
  EXPECT_EQ(asked_.step, 0);
}

TEST_F(QueryApiTest, PassesOptionsOn) {
  range("query=up&start=1&end=3601&step=15&timeout=30&lookback_delta=1m");

  EXPECT_EQ(asked_.start, 1000);
  EXPECT_EQ(asked_.end, 3'601'000);
  EXPECT_EQ(asked_.step, 15'000);
  EXPECT_EQ(asked_.timeout_ms, 30'000);
  EXPECT_EQ(asked_.lookback_ms, 60'000);
}

// As upstream: zero and what Go makes negative are the default, less than a millisecond is nothing.
TEST_F(QueryApiTest, ReadsOddLookbacks) {
  for (const char* text : {"0", "-1", "NaN", "9223372036.854775807", ""}) {
    SCOPED_TRACE(text);
    instant(concat("query=up&lookback_delta=", text));
    EXPECT_EQ(asked_.lookback_ms, std::nullopt);
  }
  instant("query=up&lookback_delta=1e-9");
  EXPECT_EQ(asked_.lookback_ms, 0);
}

// Upstream compares times before nanoseconds wrap around, and evaluates after.
TEST_F(QueryApiTest, WrapsTimesAsUpstream) {
  range("query=up&start=0&end=1e17&step=1e9");
  EXPECT_EQ(asked_.end, -2'537'764'290'115);
  EXPECT_EQ(range("query=x&start=0&end=Inf&step=1").body,
            bad(R"(invalid parameter \"end\": end timestamp must not be before start time)"));
  instant("query=up&time=Inf");
  EXPECT_EQ(asked_.start, -9'223'372'036'854);
}

TEST_F(QueryApiTest, WritesScalarsAndStrings) {
  EXPECT_EQ(instant("query=x"), data(R"({"resultType":"scalar","result":[1.5,"2.5"]})"));
  set(query::StringValue{.time = 0, .value = "<a>"});
  EXPECT_EQ(instant("query=x"), data(R"({"resultType":"string","result":[0,"\u003ca\u003e"]})"));
}

TEST_F(QueryApiTest, WritesVectors) {
  set(query::VectorValue{.time = 2000,
                         .labels = {model::Labels{{"__name__", "up"}, {"a", "<\"\\>"}}, {}},
                         .values = {1, NAN}});

  EXPECT_EQ(
      instant("query=x"),
      data(
          R"({"resultType":"vector","result":[{"metric":{"__name__":"up","a":"<\"\\>"},"value":[2,"1"]},{"metric":{},"value":[2,"NaN"]}]})"));
  set(query::VectorValue{});
  EXPECT_EQ(instant("query=x"), data(R"({"resultType":"vector","result":[]})"));
}

TEST_F(QueryApiTest, WritesMatricesOnAndOffTheGrid) {
  query::MatrixSeries series{
      .labels = {{"a", "b"}}, .times = {1000, 1500, 2500}, .values = {1, 0.1, -2}};
  set(query::MatrixValue{.series = {series}});
  const std::string expected = data(
      R"({"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"],[1.500,"0.1"],[2.500,"-2"]]}]})");

  EXPECT_EQ(range("query=x&start=1&end=2.5&step=0.5").body, expected);
  EXPECT_EQ(instant("query=x"), expected);
}

TEST_F(QueryApiTest, WritesManyPointsWithoutLosingOne) {
  query::MatrixSeries series;
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    series.times.push_back(i * 1000);
    series.values.push_back(i / 3.0);
    expected += (i == 0 ? "[" : ",[") + std::to_string(i) + ",\"" +
                format_float(i / 3.0, FloatStyle::kJson) + "\"]";
  }
  set(query::MatrixValue{.series = {series}});

  const std::string body = range("query=x&start=0&end=999&step=1").body;

  EXPECT_NE(body.find("\"values\":[" + expected + "]}"), std::string::npos);
}

// Labels and points of every length, so that pieces end at each kind of place.
TEST_F(QueryApiTest, WritesInPiecesWhatItWritesWhole) {
  query::MatrixValue matrix;
  query::VectorValue vector;
  std::string all;
  for (std::size_t i = 0; i < 400; ++i) {
    query::MatrixSeries series;
    const std::size_t width = i % 40 == 7 ? 2 * kPieceBytes : 1 + i;
    series.labels = {{"a", std::string(width, 'x')}};
    std::string points;
    for (std::size_t k = 0; k < i * 37 % 6000; ++k) {
      series.times.push_back(static_cast<query::TimeMs>(k) * 1000);
      series.values.push_back(static_cast<double>(k));
      points += concat(points.empty() ? "" : ",", "[", k, ",\"", k, "\"]");
    }
    all += concat(i == 0 ? "" : ",", R"({"metric":{"a":")", std::string(width, 'x'), "\"}");
    if (!points.empty()) all += concat(",\"values\":[", points, "]");
    all += "}";
    vector.labels.push_back(series.labels);
    matrix.series.push_back(std::move(series));
  }
  set(std::move(matrix));
  const auto request = make_request("GET", "/q?query=x&start=0&end=6000&step=1&stats=all");

  Answer answer = api_.range(request);

  ASSERT_NE(answer.rest, nullptr);
  EXPECT_LT(answer.response.body.size(), 4 * kPieceBytes);
  const std::string body = whole(std::move(answer)).body;
  EXPECT_TRUE(body.find(concat("\"result\":[", all, "],\"stats\":{")) != std::string::npos);
  EXPECT_TRUE(body.ends_with("}}}}")) << body.substr(body.size() - 100);

  vector.values.assign(400, 1);
  set(std::move(vector));
  const std::string instants = instant("query=x");
  EXPECT_EQ(std::ranges::count(instants, ']'), 401);
  EXPECT_TRUE(instants.ends_with("\"value\":[0,\"1\"]}]}}"));
}

TEST_F(QueryApiTest, WritesHistogramsBesideFloats) {
  model::FloatHistogram full{.zero_threshold = 0.25, .zero_count = 3, .count = 5, .sum = 4.5};
  full.positive_spans = {{0, 2}};
  full.positive_buckets = {0, 2};
  const auto histogram = std::make_shared<model::FloatHistogram>(full);
  const auto empty = std::make_shared<model::FloatHistogram>();
  const std::string text =
      R"({"count":"5","sum":"4.5","buckets":[[3,"-0.25","0.25","3"],[0,"1","2","2"]]})";
  set(query::VectorValue{.time = 1500,
                         .labels = {{{"a", "1"}}, {{"a", "2"}}, {{"a", "3"}}},
                         .values = {0, 7, 0},
                         .histograms = {histogram, nullptr, empty}});
  EXPECT_EQ(
      instant("query=x"),
      data(concat(R"({"resultType":"vector","result":[{"metric":{"a":"1"},"histogram":[1.500,)",
                  text, R"(]},{"metric":{"a":"2"},"value":[1.500,"7"]},)",
                  R"({"metric":{"a":"3"},"histogram":[1.500,{"count":"0","sum":"0"}]}]})")));

  query::MatrixSeries series{.labels = {{"a", "1"}}, .times = {1000}, .values = {7}};
  series.histogram_times = {2000, 3000};
  series.histograms = {histogram, histogram};
  set(query::MatrixValue{.series = {series}});
  EXPECT_EQ(
      range("query=x&start=1&end=3&step=1").body,
      data(concat(R"({"resultType":"matrix","result":[{"metric":{"a":"1"},"values":[[1,"7"]],)",
                  R"("histograms":[[2,)", text, "],[3,", text, "]]}]}")));
}

// What an answer has not sent yet can still be stopped: by shutting down, or by its client.
TEST_F(QueryApiTest, StopsBetweenPieces) {
  query::MatrixSeries series{.labels = {}, .times = {}, .values = std::vector<double>(50'000, 0.1)};
  for (std::size_t i = 0; i < 50'000; ++i) series.times.push_back(static_cast<query::TimeMs>(i));
  set(query::MatrixValue{.series = {series}});
  Answer answer = api_.instant(make_request("GET", "/q?query=x"));
  std::string piece;
  ASSERT_EQ(answer.rest->next(piece), false);

  api_.cancel_all();

  EXPECT_EQ(answer.rest->next(piece).error().code(), Code::kCancelled);
}

TEST_F(QueryApiTest, TruncatesWithAWarning) {
  set(query::VectorValue{.time = 0, .labels = {{{"a", "1"}}, {{"a", "2"}}}, .values = {1, 2}});

  const std::string body = instant("query=x&limit=1");

  EXPECT_EQ(body.find("\"2\""), std::string::npos);
  EXPECT_TRUE(body.ends_with(R"(,"warnings":["results truncated due to limit"]})")) << body;
  EXPECT_EQ(instant("query=x&limit=2").find("warnings"), std::string::npos);
}

TEST_F(QueryApiTest, SendsAtMostTenRemarks) {
  for (int i = 0; i < 12; ++i) {
    answer_->warnings.push_back("w" + std::to_string(i));
    if (i < 10) answer_->infos.push_back("i");
  }

  const std::string body = instant("query=x");

  EXPECT_NE(body.find(R"("w9","2 more warning annotations omitted"],"infos":["i")"),
            std::string::npos)
      << body;
  EXPECT_EQ(body.find("info annotations"), std::string::npos);
}

TEST_F(QueryApiTest, ShowsStatisticsWhenAsked) {
  answer_->statistics = {.samples_total = 7, .samples_peak = 3, .eval_seconds = 0.25};

  const std::string body = instant("query=x&stats=true");
  EXPECT_NE(body.find(R"("samples":{"totalQueryableSamples":7,"samplesRead":7,"peakSamples":3}})"),
            std::string::npos)
      << body;
  EXPECT_EQ(body.find("warnings"), std::string::npos);
  EXPECT_NE(instant("query=x&stats=1").find("is deprecated"), std::string::npos);
}

TEST_F(QueryApiTest, RefusesBadParameters) {
  struct Row {
    const char* parameters;
    const char* error;
  };
  const Row rows[] = {
      {"query=x&end=1&step=1",
       R"(invalid parameter \"start\": cannot parse \"\" to a valid timestamp)"},
      {"query=x&start=2&end=1&step=1",
       R"(invalid parameter \"end\": end timestamp must not be before start time)"},
      {"query=x&start=1&end=2&step=0",
       R"(invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer)"},
      {"query=x&start=0&end=11001&step=1",
       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
       "resolution (?step=XX)"},
      {"query=x&start=-9223372036854775&end=9223372036854775&step=60",
       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
       "resolution (?step=XX)"},
      {"query=x&start=-1e300&end=0&step=1",
       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
       "resolution (?step=XX)"},
      {"query=x&start=0&end=10&step=0.0001",
       "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
       "resolution (?step=XX)"},
      {"query=x&start=1&end=2&step=1&timeout=x",
       R"(invalid parameter \"timeout\": cannot parse \"x\" to a valid duration)"},
      {"query=x&start=1&end=2&step=1&lookback_delta=x",
       R"(error parsing lookback delta duration: cannot parse \"x\" to a valid duration)"},
      {"query=x&start=1&end=2&step=1&limit=-1",
       R"(invalid parameter \"limit\": limit must be non-negative)"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.parameters);
    const net::http::Response response = range(row.parameters);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, bad(row.error));
  }
  EXPECT_EQ(range("query=x&start=0&end=11000&step=1").status, 200);
  for (const char* timeout : {"0", "-1", "0s", "1e-9", "NaN"}) {
    const std::string tail = concat("&start=0&end=1&step=1&timeout=", timeout);
    EXPECT_EQ(range("query=x" + tail).status, 503);
    EXPECT_NE(range("query=x" + tail).body.find("query timed out in query execution"),
              std::string::npos);
    EXPECT_EQ(range("query=x(" + tail).status, 400);
  }
}

TEST_F(QueryApiTest, TakesTheEndsOfTime) {
  EXPECT_EQ(range("query=x&start=0&end=90000000000000&step=9e9").status, 200);
  EXPECT_EQ(range("query=x&start=9223309901257974&end=9223309901257974&step=9e9").status, 200);
}

TEST_F(QueryApiTest, MapsErrorsToStatuses) {
  struct Row {
    Code code;
    int status;
    const char* type;
  };
  for (const Row& row :
       {Row{Code::kInvalid, 400, "bad_data"}, Row{Code::kExecution, 422, "execution"},
        Row{Code::kLimit, 422, "execution"}, Row{Code::kTimeout, 503, "timeout"},
        Row{Code::kCancelled, 499, "canceled"}, Row{Code::kInternal, 500, "internal"},
        Row{Code::kUnavailable, 500, "unavailable"}}) {
    SCOPED_TRACE(row.type);
    answer_ = Error(row.code, "why");
    const net::http::Response response = whole(api_.instant(make_request("GET", "/q?query=x")));
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
    EXPECT_NE(response.body.find(std::string("\"errorType\":\"") + row.type), std::string::npos);
  }
  answer_ = Error(Code::kInvalid, "1:1: parse error: no expression found in input");
  EXPECT_EQ(instant("query="),
            bad(R"(invalid parameter \"query\": 1:1: parse error: no expression found in input)"));
}

TEST_F(QueryApiTest, CancelsWhatRunsAndWhatComes) {
  api_.cancel_all();
  instant("query=x");
  EXPECT_TRUE(stopped_);
}

TEST_F(QueryApiTest, CancelsTheQueryOfAClientThatLeft) {
  net::http::Request request = make_request("GET", "/q?query=1");
  request.client = StopToken(clock_, std::numeric_limits<std::int64_t>::max());
  api_.instant(request);
  EXPECT_FALSE(stopped_);

  request.client.cancel();
  api_.instant(request);
  EXPECT_TRUE(stopped_);
}

TEST_F(QueryApiTest, FormatsQueries) {
  EXPECT_EQ(api_.format_query(make_request("GET", "/f?query=sum(up)by(job)")).body,
            data("\"sum by (job) (up)\""));
  EXPECT_EQ(api_.format_query(make_request("GET", "/f?query=sum(")).status, 400);
}

TEST_F(QueryApiTest, ShowsTheSyntaxTree) {
  const auto tree = [this](std::string_view query) {
    return api_.parse_query(make_request("GET", "/p?query=" + std::string(query))).body;
  };
  const std::string up =
      R"({"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"up"}],"name":"up",)"
      R"("offset":60000,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":null,)"
      R"("type":"vectorSelector"})";
  EXPECT_EQ(
      tree("sum by(job)(up offset 1m)"),
      data(R"({"expr":)" + up +
           R"(,"grouping":["job"],"op":"sum","param":null,"type":"aggregation","without":false})"));
  EXPECT_EQ(tree("-(1)"),
            data(R"({"expr":{"expr":{"type":"numberLiteral","val":"1"},"type":"parenExpr"},)"
                 R"("op":"-","type":"unaryExpr"})"));
  EXPECT_EQ(tree("up offset 1m > bool on (a) up offset 1m"),
            data(R"({"bool":true,"lhs":)" + up +
                 R"(,"matching":{"card":"one-to-one","fillValues":{"lhs":null,"rhs":null},)"
                 R"("include":[],"labels":["a"],"on":true},"op":"\u003e","rhs":)" +
                 up + R"(,"type":"binaryExpr"})"));
  EXPECT_NE(
      tree("rate(x[5m:1m] @ end())")
          .find(
              R"("offset":0,"offsetExpr":null,"range":300000,"rangeExpr":null,)"
              R"("startOrEnd":"end","step":60000,"stepExpr":null,"timestamp":null,"type":"subquery"}],)"
              R"("func":{"argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"type":"call"})"),
      std::string::npos);
  EXPECT_NE(tree("sum(").find("bad_data"), std::string::npos);
  std::string chain = "1";
  for (int i = 0; i < 5000; ++i) chain += "*1";
  EXPECT_GT(tree(chain).size(), 500'000U);
}

TEST_F(QueryApiTest, HasNoExemplars) {
  EXPECT_EQ(api_.exemplars(make_request("GET", "/e?query=up")).body, data("[]"));
  EXPECT_EQ(api_.exemplars(make_request("GET", "/e?query=1")).status, 204);
}

}  // namespace
}  // namespace narthex::web
