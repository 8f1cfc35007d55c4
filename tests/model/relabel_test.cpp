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

    EXPECT_EQ(*relabeler.apply(builder), c.kept);
    if (c.kept) EXPECT_EQ(builder.build(), c.want);
  }
}

// Rules multiply what a target sends; the result is bounded at every step, not only at the end.
TEST(Relabel, StopsAtTheLabelLimits) {
  using enum RelabelAction;
  const std::string half(std::size_t{600} << 10, 'x');
  const RelabelRule twice{.source_labels = {"a"}, .target_label = "a", .replacement = "$1$1"};
  std::string many_groups;
  for (int i = 0; i < 100'000; ++i) many_groups += "$1";
  const std::vector<std::pair<std::string, RelabelRule>> cases = {
      {"value", twice},
      {"value by many groups",
       {.source_labels = {"a"}, .target_label = "b", .replacement = many_groups}},
      {"name", {.source_labels = {"a"}, .target_label = "$1$1"}},
      {"sources",
       {.source_labels = std::vector<std::string>(1000, "a"), .regex_text = "x", .action = kDrop}},
      {"labelmap", {.regex_text = "(.*)", .replacement = "$1$1", .action = kLabelMap}},
      {"uppercase grows", {.source_labels = {"grows"}, .target_label = "b", .action = kUppercase}},
  };
  for (const auto& [name, rule] : cases) {
    SCOPED_TRACE(name);
    const Relabeler relabeler = *Relabeler::create({rule});
    LabelsBuilder builder;
    builder.set("a", half);
    if (name == "labelmap") builder.set(half, "v");
    if (name == "uppercase grows") {
      std::string text;
      for (int i = 0; i < 400'000; ++i) text += "\xc9\x90";  // two bytes, upper case three
      builder.set("grows", text);
    }

    const Result<bool> kept = relabeler.apply(builder);

    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code(), Code::kLimit);
  }
  LabelsBuilder builder;
  builder.set("a", half);
  EXPECT_TRUE(Relabeler::create({twice})->apply(builder, {.text_bytes = std::size_t{2} << 20}));
}

// A rule that removes an oversized label is why it may come in.
TEST(Relabel, RemovesWhatIsTooLarge) {
  LabelsBuilder builder(kBase);
  builder.set("big", std::string(std::size_t{5} << 20, 'x'));
  const RelabelRule rule{.regex_text = "big", .action = RelabelAction::kLabelDrop};

  EXPECT_TRUE(*Relabeler::create({rule})->apply(builder));

  EXPECT_EQ(*builder.build_within(), kBase);
}

TEST(Relabel, RefusesContradictions) {
  using enum RelabelAction;
  EXPECT_FALSE(Relabeler::create({{.action = kHashMod}}));
  EXPECT_FALSE(Relabeler::create({{.action = kReplace}}));
  EXPECT_FALSE(Relabeler::create({{.regex_text = "(", .target_label = "a"}}));
  EXPECT_FALSE(Relabeler::create({{.source_labels = {"a"}, .action = kLabelDrop}}));
}

// A target that comes out as no legacy name is not written, as upstream.
TEST(Relabel, SkipsTargetsThatAreNoLegacyNames) {
  for (const bool legacy : {false, true}) {
    const auto relabeler = Relabeler::create(
        {{.source_labels = {"a"},
          .regex_text = "(f)oo",
          .target_label = "x$1",
          .legacy_names = legacy},
         {.source_labels = {"__address__"}, .target_label = "y$1", .legacy_names = legacy}});
    ASSERT_TRUE(relabeler) << relabeler.error().message();
    LabelsBuilder labels(kBase);
    ASSERT_TRUE(*relabeler->apply(labels));
    EXPECT_EQ(labels.get("xf"), "f");
    EXPECT_EQ(labels.get("ydb:9100"), legacy ? "" : "db:9100");
  }
}

}  // namespace
}  // namespace narthex::model
