// Series and label endpoints over a store of label sets.
#include "web/api/series_api.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/web/await.h"
#include "tests/web/fake_store.h"
#include "web/api/params.h"

namespace narthex::web {
namespace {

using test::make_request;
using test::whole;

class SeriesApiTest : public ::testing::Test {
 protected:
  std::string series(std::string_view parameters) {
    return whole(api_.series(make_request("GET", "/series?" + std::string(parameters)))).body;
  }
  std::string names(std::string_view parameters) {
    return whole(api_.label_names(make_request("GET", "/labels?" + std::string(parameters)))).body;
  }
  std::string values(std::string_view name, std::string_view parameters = {}) {
    const std::string path = "/api/v1/label/" + std::string(name) + "/values?";
    return whole(api_.label_values(make_request("GET", path + std::string(parameters)))).body;
  }
  static std::string data(std::string_view inner) {
    return R"({"status":"success","data":)" + std::string(inner) + "}";
  }

  test::FakeStore store_{{model::Labels{{"__name__", "up"}, {"job", "b"}},
                          model::Labels{{"__name__", "up"}, {"job", "a"}},
                          model::Labels{{"__name__", "down"}, {"zone", "<z>"}}}};
  SeriesApi api_{store_};
};

TEST_F(SeriesApiTest, ListsSeries) {
  EXPECT_EQ(series("match[]=up"),
            data(R"([{"__name__":"up","job":"b"},{"__name__":"up","job":"a"}])"));
  EXPECT_EQ(store_.last_range.min, kApiTimeMin);
  EXPECT_EQ(store_.last_range.max, kApiTimeMax);
  EXPECT_EQ(series("match[]=nothing"), data("[]"));
}

TEST_F(SeriesApiTest, MergesSelectors) {
  EXPECT_EQ(series("match[]=up&match[]={job=\"a\"}"),
            data(R"([{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}])"));
}

TEST_F(SeriesApiTest, ListsMoreThanFitsIntoAPiece) {
  std::vector<model::Labels> many;
  std::string all;
  for (int i = 0; i < 20'000; ++i) {
    const std::string value = "v" + std::to_string(i);
    many.push_back({{"__name__", "up"}, {"a", value}});
    all += (i == 0 ? "" : ",") + (R"({"__name__":"up","a":")" + value + "\"}");
  }
  test::FakeStore store(many);
  const SeriesApi api(store);

  Answer answer = api.series(make_request("GET", "/series?match[]=up"));

  ASSERT_NE(answer.rest, nullptr);
  EXPECT_LT(answer.response.body.size(), 2 * kPieceBytes);
  EXPECT_TRUE(whole(std::move(answer)).body == data("[" + all + "]"));
}

TEST_F(SeriesApiTest, CutsAtTheLimit) {
  EXPECT_EQ(series("match[]=up&limit=1"),
            R"({"status":"success","data":[{"__name__":"up","job":"b"}],)"
            R"("warnings":["results truncated due to limit"]})");
  EXPECT_EQ(series("match[]=up&limit=2").find("warnings"), std::string::npos);
}

TEST_F(SeriesApiTest, RefusesBadParameters) {
  EXPECT_NE(series("").find("no match[] parameter provided"), std::string::npos);
  EXPECT_NE(
      series("match[]=up&start=x")
          .find(
              R"(invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\")"),
      std::string::npos);
  EXPECT_NE(series("match[]=up{").find(R"(invalid parameter \"match[]\": )"), std::string::npos);
  EXPECT_NE(series("match[]=up&a=%zz").find("error parsing form values: invalid URL escape"),
            std::string::npos);
}

TEST_F(SeriesApiTest, ListsLabelNames) {
  EXPECT_EQ(names(""), data(R"(["__name__","job","zone"])"));
  EXPECT_EQ(names("match[]=up"), data(R"(["__name__","job"])"));
  EXPECT_EQ(names("match[]=up&match[]=down"), data(R"(["__name__","job","zone"])"));
  EXPECT_NE(names("limit=1").find("truncated"), std::string::npos);
}

TEST_F(SeriesApiTest, ListsLabelValues) {
  EXPECT_EQ(values("job"), data(R"(["a","b"])"));
  EXPECT_EQ(values("zone"), data(R"(["\u003cz\u003e"])"));
  EXPECT_EQ(values("job", "match[]={job=\"a\"}"), data(R"(["a"])"));
  EXPECT_EQ(values("none"), data("[]"));
  EXPECT_NE(values("\xff").find("invalid label name"), std::string::npos);
}

TEST_F(SeriesApiTest, UnescapesNames) {
  EXPECT_EQ(unescape_name("U__service_2e_name__x"), "service.name_x");
  EXPECT_EQ(unescape_name("U__a_1f600_"), "a😀");
  EXPECT_EQ(unescape_name("U__a_zz_"), "U__a_zz_");
  EXPECT_EQ(unescape_name("plain"), "plain");
}

TEST_F(SeriesApiTest, StopsForAClientThatLeft) {
  const test::FakeClock clock;
  net::http::Request request = make_request("GET", "/api/v1/label/job/values?match[]=up");
  request.client = StopToken(clock, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(api_.label_values(request).response.status, 200);

  request.client.cancel();

  EXPECT_EQ(api_.label_values(request).response.status, 499);
  EXPECT_EQ(api_.label_names(request).response.status, 499);
  EXPECT_EQ(api_.series(request).response.status, 499);
}

TEST_F(SeriesApiTest, ReportsTheStoresErrors) {
  store_.failure = Error(Code::kUnavailable, "TSDB not ready");
  EXPECT_EQ(series("match[]=up"),
            R"({"status":"error","errorType":"unavailable","error":"TSDB not ready"})");
}

}  // namespace
}  // namespace narthex::web
