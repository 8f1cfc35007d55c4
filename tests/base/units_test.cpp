// Units of time and byte sizes.
#include "base/units.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

TEST(Units, ReadsPowersOfTwoBehindBothSpellings) {
  EXPECT_EQ(*parse_bytes("0"), 0);
  EXPECT_EQ(*parse_bytes("512B"), 512);
  EXPECT_EQ(*parse_bytes("1KB"), 1024);
  EXPECT_EQ(*parse_bytes("1KiB"), 1024);
  EXPECT_EQ(*parse_bytes("1.5MB"), 1536 * 1024);
  EXPECT_EQ(*parse_bytes("1GiB512MiB"), (1024LL + 512) * 1024 * 1024);
}

TEST(Units, RefusesWhatUpstreamRefuses) {
  EXPECT_EQ(parse_bytes("").error().message(), "units: invalid ");
  EXPECT_EQ(parse_bytes("1kB").error().message(), "units: unknown unit kB in 1kB");
  EXPECT_EQ(parse_bytes("B").error().message(), "units: invalid B");
  EXPECT_FALSE(parse_bytes("9999EB"));
}

TEST(Units, ShowsTimeInSeconds) {
  EXPECT_EQ(to_seconds(1500 * kNsPerMs), 1.5);
  EXPECT_EQ(to_seconds(-kNsPerSecond), -1);
}

TEST(Units, PrintsWholeUnits) {
  EXPECT_EQ(format_bytes(0), "0B");
  EXPECT_EQ(format_bytes(1536), "1KiB512B");
  EXPECT_EQ(format_bytes(10LL << 20), "10MiB");
}

}  // namespace
}  // namespace narthex
