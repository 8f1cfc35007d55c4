// The table of flags against itself.
#include "server/options.h"

#include <set>

#include <gtest/gtest.h>

namespace narthex::server {
namespace {

// Defaults are shown as they stand in the table, so they must be in their shortest form.
TEST(Options, ShowTheirDefaultsAsWritten) {
  for (const Option& option : options()) {
    SCOPED_TRACE(option.name);
    const auto shown = shown_text(option.kind, option.fallback);
    ASSERT_TRUE(shown) << shown.error().message();
    EXPECT_EQ(*shown, option.fallback);
  }
}

TEST(Options, StoreTheirDefaults) {
  Flags flags;
  for (const Option& option : options()) {
    SCOPED_TRACE(option.name);
    EXPECT_TRUE(store_option(option, option.fallback, flags));
  }
  EXPECT_EQ(flags.query_samples_max, 50'000'000U);
  EXPECT_EQ(flags.timestamp_tolerance_ms, 2);
  EXPECT_EQ(flags.log_level, LogLevel::kInfo);
}

// A field behind two flags would hold what the last one says.
TEST(Options, HaveNamesAndFieldsOfTheirOwn) {
  std::set<std::string_view> names;
  std::size_t count = 0;
  for (const Option& option : options()) {
    names.insert(option.name);
    for (const Option& other : options()) {
      if (&other == &option || option.use != Use::kHonoured) continue;
      EXPECT_FALSE(other.field == option.field) << option.name << " and " << other.name;
    }
    ++count;
  }
  EXPECT_EQ(names.size(), count);
}

}  // namespace
}  // namespace narthex::server
