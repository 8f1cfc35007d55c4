// Parameter grammars and their texts.
#include <limits>

#include <gtest/gtest.h>

#include "tests/web/await.h"
#include "web/api/params.h"

namespace narthex::web {
namespace {

TEST(ApiParams, ReadsTimes) {
  EXPECT_EQ(parse_time("1.5")->ms(), 1500);
  EXPECT_EQ(parse_time("-1.0004")->ms(), -1000);
  EXPECT_EQ(parse_time("1700000000.1236")->ms(), 1'700'000'000'124);
  EXPECT_EQ(parse_time("2015-06-03T13:21:58.555Z")->ms(), 1'433'337'718'555);
  EXPECT_EQ(parse_time("-292273086-05-16T16:47:06Z")->ms(), kApiTimeMin);
  EXPECT_EQ(parse_time("292277025-08-18T07:12:54.999999999Z")->ms(), kApiTimeMax);
  EXPECT_EQ(parse_time("292277025-08-18T07:12:54.999999999Z")->query_ms(), -6'795'364'579'679);
  // Numbers as Go's strconv reads them, RFC 3339 as its package time does.
  EXPECT_EQ(parse_time("1_000.5")->ms(), 1'000'500);
  EXPECT_EQ(parse_time("0x1p4")->ms(), 16'000);
  for (const char* bad :
       {"_1", "1_", "1__0", "0x10", "0x-1p1", "1e400", "+nan", "infinite", "+nan", "1 "}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
  EXPECT_EQ(parse_time("2023-01-01T00:00:00,1239Z")->ms(), 1'672'531'200'123);
  EXPECT_EQ(parse_time("2023-01-01T1:00:00Z")->ms(), 1'672'534'800'000);
  EXPECT_EQ(parse_time("2023-01-01T01:00:00+24:60")->ms(), 1'672'444'800'000);
  for (const char* bad :
       {"2023-01-01T00:00:00z", "2023-01-01T00:00:00.Z", "2023-01-01T00:00:00,Z",
        "2023-01-01T01:0:00Z", "2023-01-01T01:00:00+25:00", "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00.12,3Z", "2023-01-01T::00Z", "2023-01-01T", "2023-01-01T1"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
  EXPECT_EQ(parse_time("").error().message(), "cannot parse \"\" to a valid timestamp");
  EXPECT_EQ(parse_time("now").error().message(), "cannot parse \"now\" to a valid timestamp");
}

// What upstream 3.14.0 answers: Go's arithmetic wraps around, and queries count nanoseconds.
TEST(ApiParams, ReadsTimesBeyondTheirRangeAsGo) {
  struct Row {
    const char* text;
    model::TimeMs query_ms;
    model::TimeMs ms;
  };
  const Row rows[] = {{"Inf", -9'223'372'036'854, -9'223'372'036'855},
                      {"-Inf", -9'223'372'036'854, -9'223'372'036'855},
                      {"NaN", -9'223'372'036'854, -9'223'372'036'855},
                      {"+infinity", -9'223'372'036'854, -9'223'372'036'855},
                      {"1e300", 0, 0},
                      {"-1e300", 0, 0},
                      {"1e19", 0, 0},
                      {"9223372036854775", 192, -9'223'372'036'854'775'616},
                      {"9.3e15", 188'263'034'714, -9'146'744'073'709'551'616},
                      {"-9.3e15", -188'263'034'714, 9'146'744'073'709'551'616},
                      {"1e17", -2'537'764'290'115, 7'766'279'631'452'241'920},
                      {"1e18", -6'930'898'827'444, 3'875'820'019'684'212'736},
                      {"1e10", -8'446'744'073'709, 10'000'000'000'000},
                      {"-1.5", -1500, -1500}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto time = parse_time(row.text);
    ASSERT_TRUE(time);
    EXPECT_EQ(time->query_ms(), row.query_ms);
    EXPECT_EQ(time->ms(), row.ms);
  }
  EXPECT_FALSE(parse_time("1e999"));
  EXPECT_TRUE(parse_time("Inf")->is_before(*parse_time("-9223372037")));
  EXPECT_TRUE(parse_time("1e300")->is_before(*parse_time("0")));
  EXPECT_FALSE(parse_time("1e17")->is_before(*parse_time("0")));
  EXPECT_EQ(parse_time("2.5")->since_ns(*parse_time("1")), 1'500'000'000);
  EXPECT_EQ(parse_time("1e17")->since_ns(*parse_time("0")),
            std::numeric_limits<std::int64_t>::max());
}

TEST(ApiParams, ReadsDurations) {
  EXPECT_EQ(*parse_duration_ns("1.5"), 1'500'000'000);
  EXPECT_EQ(*parse_duration_ns("5m"), 300'000'000'000);
  EXPECT_EQ(*parse_duration_ns("-1"), -1'000'000'000);
  EXPECT_EQ(*parse_duration_ns("1_0"), 10'000'000'000);
  EXPECT_EQ(*parse_duration_ns("0x1p-1"), 500'000'000);
  for (const char* smallest : {"NaN", "9223372036.854775807", "9223372036.854776"}) {
    EXPECT_EQ(*parse_duration_ns(smallest), std::numeric_limits<std::int64_t>::min()) << smallest;
  }
  EXPECT_FALSE(parse_duration_ns("Inf"));
  EXPECT_FALSE(parse_duration_ns("9223372036.86"));
  EXPECT_EQ(parse_duration_ns("1e30").error().message(),
            "cannot parse \"1e30\" to a valid duration. It overflows int64");
  EXPECT_EQ(parse_duration_ns("5x").error().message(), "cannot parse \"5x\" to a valid duration");
}

TEST(ApiParams, ReadsLimits) {
  const auto limit = [](std::string_view text) {
    return limit_parameter(Form(test::make_request("GET", "/x?limit=" + std::string(text))));
  };
  EXPECT_EQ(*limit(""), 0U);
  EXPECT_EQ(*limit("12"), 12U);
  EXPECT_EQ(limit("-1").error().message(),
            "invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(limit("a").error().message(),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"a\": invalid syntax");
  EXPECT_EQ(
      limit("99999999999999999999").error().message(),
      "invalid parameter \"limit\": strconv.Atoi: parsing \"99999999999999999999\": value out "
      "of range");
}

TEST(ApiParams, WantsSelectorsThatSelect) {
  const auto matchers = [](std::string_view query) {
    return matchers_parameter(Form(test::make_request("GET", "/x?" + std::string(query))));
  };
  EXPECT_EQ(matchers("match[]=up&match[]={job=\"a\"}")->size(), 2U);
  EXPECT_EQ(matchers("match[]={job=~\".*\"}").error().message(),
            "match[] must contain at least one non-empty matcher");
  EXPECT_FALSE(matchers("match[]=up{"));
}

}  // namespace
}  // namespace narthex::web
