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

}  // namespace
}  // namespace narthex::model
