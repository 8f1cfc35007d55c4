// Labels are what everything hangs on: order, equality, hash.
#include "model/labels.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(Labels, SortsDropsEmptyAndFinds) {
  const Labels labels{{"b", "2"}, {"__name__", "up"}, {"a", ""}, {"a1", "1"}};

  EXPECT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels.get("b"), "2");
  EXPECT_EQ(labels.get("a"), "");
  EXPECT_EQ(labels.to_string(), "up{a1=\"1\", b=\"2\"}");
}

TEST(Labels, KeepsLongValues) {
  const std::string value(70000, 'x');
  const Labels labels{{"a", value}, {"b", "y"}};

  EXPECT_EQ(labels.get("a"), value);
  EXPECT_EQ(labels.get("b"), "y");
}

TEST(Labels, OrdersByNameThenValue) {
  EXPECT_LT((Labels{{"a", "1"}}), (Labels{{"a", "1"}, {"b", "1"}}));
  EXPECT_LT((Labels{{"a", "1"}, {"c", "9"}}), (Labels{{"a", "2"}}));
  EXPECT_EQ((Labels{{"x", "1"}}).hash(), (Labels{{"x", "1"}}).hash());
}

TEST(LabelsBuilder, SetsRemovesKeeps) {
  LabelsBuilder builder(Labels{{"a", "1"}, {"b", "2"}, {"c", "3"}});
  builder.set("b", "").set("d", "4").keep({"a", "d"});

  EXPECT_EQ(builder.build(), (Labels{{"a", "1"}, {"d", "4"}}));
}

// The layout has three bytes for a length: what outside input decides is refused long before.
TEST(LabelsBuilder, RefusesTextsAndSetsAboveTheLimit) {
  const std::size_t mib = std::size_t{1} << 20;
  LabelsBuilder builder;
  EXPECT_TRUE(builder.set("a", std::string(mib, 'x')).build_within());

  const auto value = builder.set("a", std::string(mib + 1, 'x')).build_within();
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), Code::kLimit);
  EXPECT_EQ(value.error().message(), "label \"a\" has a value of 1048577 bytes, limit: 1048576");
  EXPECT_FALSE(builder.set("a", "").set(std::string(mib + 1, 'n'), "v").build_within());
  EXPECT_TRUE(builder.build_within({.text_bytes = 2 * mib}));

  builder.reset(Labels{{kMetricName, "m"}});
  for (const char* name : {"a", "b", "c", "d"}) builder.set(name, std::string(mib, 'x'));
  const auto set = builder.build_within();
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().message(), "labels of \"m\" take 4194317 bytes, limit: 4194304");
}

// No limit that a caller passes leads past what the layout can hold.
TEST(LabelsBuilder, NeverGoesPastTheLayout) {
  LabelsBuilder builder;
  builder.set("a", std::string(kLabelTextBytesMax + 1, 'x'));

  EXPECT_FALSE(builder.build_within(
      {.text_bytes = std::size_t{1} << 40, .set_bytes = std::size_t{1} << 40}));
}

}  // namespace
}  // namespace narthex::model
