// Durations and timestamps as upstream reads and writes them.
#include "model/time.h"

#include <limits>

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

TEST(TimeSums, StopAtTheEnds) {
  constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min();
  constexpr TimeMs kMax = std::numeric_limits<TimeMs>::max();

  EXPECT_EQ(add_time(2, 3), 5);
  EXPECT_EQ(add_time(kMax, 1), kMax);
  EXPECT_EQ(add_time(kMin, -1), kMin);
  EXPECT_EQ(subtract_time(2, 3), -1);
  EXPECT_EQ(subtract_time(0, kMin), kMax);
  EXPECT_EQ(subtract_time(-2, kMax), kMin);
  EXPECT_EQ(time_between(kMin, kMax), kMax);
  EXPECT_EQ(time_between(5, 2), -3);
  EXPECT_EQ(to_nanoseconds(-5), -5'000'000);
  EXPECT_EQ(to_nanoseconds(kMax), kMax);
  EXPECT_EQ(to_nanoseconds(kMin), kMin);
}

TEST(TimeSums, CountSteps) {
  constexpr TimeMs kMin = std::numeric_limits<TimeMs>::min();
  constexpr TimeMs kMax = std::numeric_limits<TimeMs>::max();

  EXPECT_EQ(count_steps(0, 10, 5), 3U);
  EXPECT_EQ(count_steps(0, 9, 5), 2U);
  EXPECT_EQ(count_steps(7, 7, 5), 1U);
  EXPECT_EQ(count_steps(8, 7, 5), 0U);
  EXPECT_EQ(count_steps(kMin, kMax, kMax), 3U);
  EXPECT_EQ(count_steps(kMin, kMax, 1), std::numeric_limits<std::uint64_t>::max());
}

TEST(TimeSums, CutFloats) {
  EXPECT_EQ(to_time(1.9), 1);
  EXPECT_EQ(to_time(-1.9), -1);
  EXPECT_EQ(to_time(1e300), std::numeric_limits<TimeMs>::max());
  EXPECT_EQ(to_time(-std::numeric_limits<double>::infinity()), std::numeric_limits<TimeMs>::min());
  EXPECT_EQ(to_time(std::numeric_limits<double>::quiet_NaN()), 0);
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
