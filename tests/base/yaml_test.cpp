// Strict decoding: what a user mistypes is named with its file and line.
#include "base/yaml.h"

#include <gtest/gtest.h>

namespace narthex::yaml {
namespace {

struct Thing {
  std::string name = "default";
  bool on = true;
  std::int64_t count = 7;
  std::vector<std::string> list;
  std::map<std::string, std::string> labels;
  Secret token;
};

Result<Thing> decode(std::string_view text) {
  NX_TRY_ASSIGN(const Node node, parse(text, "x.yml"));
  Thing thing;
  MapReader map(node, "test.Thing");
  map.read("name", thing.name).read("on", thing.on).read("count", thing.count);
  map.read("list", thing.list).read("labels", thing.labels).read("token", thing.token);
  map.not_implemented("tls_config");
  NX_TRY(map.finish());
  return thing;
}

std::string error_of(std::string_view text) {
  const Result<Thing> thing = decode(text);
  return thing ? "" : thing.error().message();
}

TEST(Yaml, ReadsFieldsAndLeavesAbsentOnesAlone) {
  const auto thing = decode("on: no\nlist: [a, 'b', 3]\nlabels: {x: 1}\ntoken: hush\n");

  ASSERT_TRUE(thing) << thing.error().message();
  EXPECT_EQ(thing->name, "default");
  EXPECT_FALSE(thing->on);
  EXPECT_EQ(thing->count, 7);
  EXPECT_EQ(thing->list, (std::vector<std::string>{"a", "b", "3"}));
  EXPECT_EQ(thing->labels.at("x"), "1");
  EXPECT_EQ(thing->token.reveal(), "hush");
}

TEST(Yaml, NullSetsTheZeroValue) {
  const auto thing = decode("name:\non: ~\ncount: null\n");

  ASSERT_TRUE(thing);
  EXPECT_EQ(thing->name, "");
  EXPECT_FALSE(thing->on);
  EXPECT_EQ(thing->count, 0);
}

TEST(Yaml, EmptyDocumentIsNull) {
  EXPECT_TRUE(parse("", "x.yml")->is_null());
  EXPECT_TRUE(parse("# only a comment\n", "x.yml")->is_null());
}

TEST(Yaml, NamesFileLineAndField) {
  const struct {
    const char* text;
    const char* message;
  } kRows[] = {
      {"name: a\nnaem: b\n", "x.yml:2: field naem not found in type test.Thing"},
      {"name: a\nname: b\n", "x.yml:2: key \"name\" already set in map"},
      {"\n\non: perhaps\n", "x.yml:3: cannot unmarshal !!str `perhaps` into bool"},
      {"on: \"true\"\n", "x.yml:1: cannot unmarshal !!str `true` into bool"},
      {"count: 1.5\n", "x.yml:1: cannot unmarshal !!float `1.5` into int"},
      {"count: 99999999999999999999\n", "x.yml:1: cannot unmarshal !!float `9999999...` into int"},
      {"name: [a]\n", "x.yml:1: cannot unmarshal !!seq into string"},
      {"list: a\n", "x.yml:1: cannot unmarshal !!str `a` into []string"},
      {"labels: [a]\n", "x.yml:1: cannot unmarshal !!seq into map[string]string"},
      {"- a\n", "x.yml:1: cannot unmarshal !!seq into test.Thing"},
      {"nope:\n  - a\n", "x.yml:1: field nope not found in type test.Thing"},
      {"tls_config: {}\n", "x.yml:1: not implemented yet: tls_config"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(error_of(row.text), row.message);
  }
}

TEST(Yaml, SyntaxErrorsCarryTheLine) {
  EXPECT_TRUE(error_of("name: a\n  b: [\n").starts_with("x.yml:"));
  EXPECT_EQ(error_of("name: \xff\n"), "x.yml: yaml: invalid UTF-8");
}

TEST(Yaml, BoundsDepthAliasesAndSize) {
  std::string deep(kDepthMax + 1, '[');
  EXPECT_NE(error_of(deep + std::string(kDepthMax + 1, ']')).find("nested deeper"),
            std::string::npos);
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 9; ++k) bomb += before + ", ";
    bomb += before + "]\n";
  }
  EXPECT_NE(error_of(bomb).find("aliases expand"), std::string::npos);
  EXPECT_NE(error_of("a: &a [*a]\n").find("contains itself"), std::string::npos);
  EXPECT_FALSE(parse(std::string(kDocumentBytesMax + 1, ' '), "x.yml"));
}

TEST(Yaml, MergeKeysFillWhatIsAbsent) {
  const auto node = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n", "x.yml");
  const auto pairs = node->as_map();

  EXPECT_EQ(*(*pairs)[1].second.as_string_map(),
            (std::map<std::string, std::string>{{"x", "1"}, {"y", "3"}}));
}

TEST(Yaml, OnlyTheFirstDocumentCounts) {
  EXPECT_EQ(decode("name: a\n---\nname: b\n")->name, "a");
}

TEST(YamlWriter, PrintsBlockStyleAsUpstream) {
  Writer out;
  out.open_list("scrape_configs");
  out.open_item().field("job_name", "node").field("honor_labels", false);
  out.open_list("static_configs").open_item().field("targets", std::vector<std::string>{"a:1"});
  out.close().close().field("password", Secret("x")).flow_list("source_labels", {"a", "b"});
  out.close().close();
  out.field("text", "a\nb\n");

  EXPECT_EQ(out.text(),
            "scrape_configs:\n- job_name: node\n  honor_labels: false\n  static_configs:\n"
            "  - targets:\n    - a:1\n  password: <secret>\n  source_labels: [a, b]\n"
            "text: |\n  a\n  b\n");
}

TEST(YamlWriter, QuotesOnlyWhatWouldReadDifferently) {
  const struct {
    const char* value;
    const char* text;
  } kRows[] = {
      {"", "\"\""},
      {"plain", "plain"},
      {"a b", "a b"},
      {"true", "\"true\""},
      {"12", "\"12\""},
      {"1e3", "\"1e3\""},
      {"a: b", "'a: b'"},
      {"a #b", "'a #b'"},
      {"- a", "'- a'"},
      {"-a", "-a"},
      {"*x", "'*x'"},
      {"it's", "it's"},
      {"'x", "'''x'"},
      {"$1", "$1"},
      {"(.*)", "(.*)"},
      {";", ";"},
      {" a", "' a'"},
      {"a:9", "a:9"},
      {"1:30", "\"1:30\""},
      {"127.0.0.1:90", "127.0.0.1:90"},
      {"10-20", "10-20"},
      {"5m", "5m"},
      {"a\tb", "\"a\\tb\""},
      {"null", "\"null\""},
      {"10.0.0.1", "10.0.0.1"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.value);
    EXPECT_EQ(format_scalar(row.value), row.text);
    const auto back = parse(format_scalar(row.value), "x.yml");
    EXPECT_EQ(*back->as_string(), row.value);
  }
}

TEST(Secret, PrintsItsPlaceholder) {
  EXPECT_EQ(fmt::format("{}", Secret("hush")), "<secret>");
}

}  // namespace
}  // namespace narthex::yaml
