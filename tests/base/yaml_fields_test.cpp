// A table reads, prints and inherits what it names, and nothing else.
#include "base/yaml_fields.h"

#include <gtest/gtest.h>

namespace narthex::yaml {
namespace {

struct Inner {
  std::int64_t depth = 1;
};

enum class Colour : unsigned char { kNone, kRed, kBlue };

struct Outer {
  std::string name;
  bool on = true;
  std::int64_t limit = 0;
  Colour colour = Colour::kNone;
  std::optional<Colour> second;
  std::optional<Inner> inner;
  Inner inlined;
  std::int64_t in_section = 0;
};

Result<Colour> parse_colour(std::string_view text) {
  if (text == "red") return Colour::kRed;
  if (text == "blue") return Colour::kBlue;
  return Error(Code::kInvalid, "no colour");
}
std::string_view colour_name(Colour colour) {
  return colour == Colour::kRed ? "red" : "blue";
}

Fields<Inner> inner_fields() {
  Fields<Inner> fields;
  fields.add("depth", &Inner::depth);
  return fields;
}

Fields<Outer> outer_fields() {
  Fields<Outer> section;
  section.add("own", &Outer::in_section, Shown::kUnlessZero);
  Fields<Outer> fields;
  fields.add("name", &Outer::name, Shown::kUnlessZero).add_kept("flag", &Outer::on);
  fields.add("limit", &Outer::limit, Shown::kUnlessZero);
  fields.add("colour", &Outer::colour, parse_colour, colour_name, Shown::kUnlessZero);
  fields.add_kept("second", &Outer::second, parse_colour, colour_name);
  fields.add_map("inner", &Outer::inner, "Inner", inner_fields());
  fields.add_inlined(&Outer::inlined, inner_fields());
  fields.add_section("section", "Section", std::move(section));
  fields.add_absent("later").add_fixed("fixed", false).add_fixed("quiet", false, Shown::kNever);
  fields.add_check([](MapReader& map, Outer& out) {
    if (out.limit < 0) map.fail(map.place("limit"), "negative");
  });
  return fields;
}

Result<Outer> decode(std::string_view text) {
  NX_TRY_ASSIGN(const Node root, parse(text, "f"));
  Outer out;
  NX_TRY(outer_fields().decode(root, "Outer", out));
  return out;
}

std::string print(const Outer& value) {
  Writer out;
  outer_fields().print(out, value);
  return out.text();
}

TEST(YamlFields, PrintsWhatItReads) {
  const std::string text =
      "name: a\nflag: false\nlimit: 7\ncolour: red\nsecond: blue\ninner:\n  depth: 3\ndepth: 4\n"
      "section:\n  own: 5\nfixed: false\n";
  const Result<Outer> read = decode(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->inner->depth, 3);
  EXPECT_EQ(read->inlined.depth, 4);
  EXPECT_EQ(read->in_section, 5);
  EXPECT_EQ(print(*read), text);
  EXPECT_EQ(print(Outer{}), "flag: true\ndepth: 1\nsection: {}\nfixed: false\n");
}

TEST(YamlFields, KnowsWhatNullAndEmptyMean) {
  const Result<Outer> nulls = decode("flag:\nlimit:\ncolour:\nsecond:\ninner:\nlater:\n");
  ASSERT_TRUE(nulls) << nulls.error().message();
  EXPECT_TRUE(nulls->on);
  EXPECT_FALSE(nulls->second);
  EXPECT_FALSE(nulls->inner);
  EXPECT_FALSE(decode("second: ''")->second);
  EXPECT_TRUE(decode("inner: {}")->inner);
  EXPECT_FALSE(decode("colour: ''"));
}

TEST(YamlFields, RefusesByName) {
  const auto error = [](std::string_view text) { return decode(text).error().message(); };
  EXPECT_EQ(error("a: 1"), "f:1: field a not found in type Outer");
  EXPECT_EQ(error("inner: {a: 1}"), "f:1: field a not found in type Inner");
  EXPECT_EQ(error("section: {a: 1}"), "f:1: field a not found in type Section");
  EXPECT_EQ(error("later: 1"), "f:1: not implemented yet: later");
  EXPECT_EQ(error("fixed: true"), "f:1: not implemented yet: fixed");
  EXPECT_EQ(error("name: x\ncolour: green"), "f:2: no colour");
  EXPECT_EQ(error("second: [red]").substr(0, 4), "f:1:");
  EXPECT_EQ(error("limit: -1"), "f:1: negative");
  EXPECT_TRUE(decode("fixed: false\nquiet: false"));
}

TEST(YamlFields, InheritsOnlyWhatIsZero) {
  Outer own{.name = "own", .on = false, .limit = 0, .inlined = {.depth = 0}};
  outer_fields().inherit(own, {.name = "b", .on = true, .limit = 9, .inlined = {.depth = 8}});
  EXPECT_EQ(own.name, "own");
  EXPECT_TRUE(own.on);
  EXPECT_EQ(own.limit, 9);
  EXPECT_EQ(own.inlined.depth, 8);
}

}  // namespace
}  // namespace narthex::yaml
