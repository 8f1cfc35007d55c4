// Each relabel action once, as upstream documents it.
#include "model/relabel.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

const Labels kBase{{"__address__", "db:9100"}, {"a", "foo"}, {"b", "bar"}, {"env_x", "1"}};

struct Case {
  std::string name;
  RelabelRule rule;
  bool kept;
  Labels want;
};

Labels with(std::initializer_list<std::pair<std::string_view, std::string_view>> changes) {
  LabelsBuilder builder(kBase);
  for (const auto& [name, value] : changes) builder.set(name, value);
  return builder.build();
}

TEST(Relabel, AppliesEveryAction) {
  using enum RelabelAction;
  const std::vector<Case> cases = {
      {"replace",
       {.source_labels = {"__address__"}, .regex_text = "(.*):\\d+", .target_label = "host"},
       true,
       with({{"host", "db"}})},
      {"replace without match",
       {.source_labels = {"a"}, .regex_text = "x", .target_label = "host"},
       true,
       kBase},
      {"replace to empty deletes",
       {.source_labels = {"a"}, .target_label = "a", .replacement = ""},
       true,
       with({{"a", ""}})},
      {"keep",
       {.source_labels = {"a", "b"}, .regex_text = "foo;bar", .action = kKeep},
       true,
       kBase},
      {"drop", {.source_labels = {"a"}, .regex_text = "fo+", .action = kDrop}, false, kBase},
      {"keepequal",
       {.source_labels = {"a"}, .target_label = "b", .action = kKeepEqual},
       false,
       kBase},
      {"dropequal",
       {.source_labels = {"a"}, .target_label = "b", .action = kDropEqual},
       true,
       kBase},
      {"hashmod",
       {.source_labels = {"a"}, .modulus = 1000, .target_label = "h", .action = kHashMod},
       true,
       with({{"h", "696"}})},
      {"labelmap", {.regex_text = "env_(.+)", .action = kLabelMap}, true, with({{"x", "1"}})},
      {"labeldrop", {.regex_text = "env_.+", .action = kLabelDrop}, true, with({{"env_x", ""}})},
      {"labelkeep", {.regex_text = "a", .action = kLabelKeep}, true, Labels{{"a", "foo"}}},
      {"uppercase",
       {.source_labels = {"a"}, .target_label = "a", .action = kUppercase},
       true,
       with({{"a", "FOO"}})},
      {"lowercase",
       {.source_labels = {"a"}, .target_label = "z", .action = kLowercase},
       true,
       with({{"z", "foo"}})},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Relabeler relabeler = *Relabeler::create({c.rule});
    LabelsBuilder builder(kBase);

    EXPECT_EQ(relabeler.apply(builder), c.kept);
    if (c.kept) EXPECT_EQ(builder.build(), c.want);
  }
}

TEST(Relabel, RefusesContradictions) {
  using enum RelabelAction;
  EXPECT_FALSE(Relabeler::create({{.action = kHashMod}}));
  EXPECT_FALSE(Relabeler::create({{.action = kReplace}}));
  EXPECT_FALSE(Relabeler::create({{.regex_text = "(", .target_label = "a"}}));
  EXPECT_FALSE(Relabeler::create({{.source_labels = {"a"}, .action = kLabelDrop}}));
}

}  // namespace
}  // namespace narthex::model
