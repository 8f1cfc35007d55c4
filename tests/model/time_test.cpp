// Durations and timestamps as upstream reads and writes them.
#include "model/time.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(Duration, RoundTrips) {
  EXPECT_EQ(parse_duration("1h30m").value(), 5'400'000);
  EXPECT_EQ(parse_duration("0").value(), 0);
  EXPECT_EQ(parse_duration("1y2w3d4h5m6s7ms").value(), 365LL * 86'400'000 + 14LL * 86'400'000 +
                                                           3LL * 86'400'000 + 4 * 3'600'000 +
                                                           5 * 60'000 + 6007);
  EXPECT_EQ(format_duration(90'000), "1m30s");
  EXPECT_EQ(format_duration(15LL * 86'400'000), "15d");
  EXPECT_EQ(format_duration(14LL * 86'400'000), "2w");
  EXPECT_EQ(format_duration(0), "0s");
}

TEST(Duration, RefusesWrongOrderAndUnits) {
  for (const char* text : {"", "1", "5m1h", "1h1h", "-1s", "1x", "1.5h", "999999999999y"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(parse_duration(text));
  }
}

TEST(Rfc3339, RoundTrips) {
  EXPECT_EQ(format_rfc3339_ms(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(format_rfc3339(1'700'000'000'100), "2023-11-14T22:13:20.1Z");
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.123Z").value(), 1'700'000'000'123);
  EXPECT_EQ(parse_rfc3339("2023-11-14T23:13:20+01:00").value(), 1'700'000'000'000);
  EXPECT_FALSE(parse_rfc3339("2023-13-14T22:13:20Z"));
}

}  // namespace
}  // namespace narthex::model
