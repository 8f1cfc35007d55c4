// Parameter grammars and their texts.
#include <gtest/gtest.h>

#include "tests/web/await.h"
#include "web/api/params.h"

namespace narthex::web {
namespace {

TEST(ApiParams, ReadsTimes) {
  EXPECT_EQ(*parse_time("1.5"), 1500);
  EXPECT_EQ(*parse_time("-1.0004"), -1000);
  EXPECT_EQ(*parse_time("1700000000.1236"), 1'700'000'000'124);
  EXPECT_EQ(*parse_time("2015-06-03T13:21:58.555Z"), 1'433'337'718'555);
  EXPECT_EQ(*parse_time("-292273086-05-16T16:47:06Z"), kApiTimeMin);
  EXPECT_EQ(*parse_time("292277025-08-18T07:12:54.999999999Z"), kApiTimeMax);
  // Numbers as Go's strconv reads them, RFC 3339 as its package time does.
  EXPECT_EQ(*parse_time("1_000.5"), 1'000'500);
  EXPECT_EQ(*parse_time("0x1p4"), 16'000);
  for (const char* bad : {"_1", "1_", "1__0", "0x10", "0x-1p1", "1e400", "+nan", "1 "}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
  EXPECT_EQ(*parse_time("2023-01-01T00:00:00,1239Z"), 1'672'531'200'123);
  EXPECT_EQ(*parse_time("2023-01-01T1:00:00Z"), 1'672'534'800'000);
  EXPECT_EQ(*parse_time("2023-01-01T01:00:00+24:60"), 1'672'444'800'000);
  for (const char* bad :
       {"2023-01-01T00:00:00z", "2023-01-01T00:00:00.Z", "2023-01-01T00:00:00,Z",
        "2023-01-01T01:0:00Z", "2023-01-01T01:00:00+25:00", "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00.12,3Z", "2023-01-01T::00Z", "2023-01-01T", "2023-01-01T1"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
  EXPECT_EQ(parse_time("").error().message(), "cannot parse \"\" to a valid timestamp");
  EXPECT_EQ(parse_time("now").error().message(), "cannot parse \"now\" to a valid timestamp");
}

TEST(ApiParams, ReadsDurations) {
  EXPECT_EQ(*parse_duration_ns("1.5"), 1'500'000'000);
  EXPECT_EQ(*parse_duration_ns("5m"), 300'000'000'000);
  EXPECT_EQ(*parse_duration_ns("-1"), -1'000'000'000);
  EXPECT_EQ(*parse_duration_ns("1_0"), 10'000'000'000);
  EXPECT_EQ(*parse_duration_ns("0x1p-1"), 500'000'000);
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
