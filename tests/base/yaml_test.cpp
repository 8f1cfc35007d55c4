// Strict decoding: what a user mistypes is named with its file and line.
#include "base/yaml.h"

#include <optional>

#include <gtest/gtest.h>

#include "base/str.h"

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
      {"name: a\nname: b\n", "x.yml:2: field name already set in type test.Thing"},
      {"\n\non: perhaps\n", "x.yml:3: cannot unmarshal !!str `perhaps` into bool"},
      {"on: \"true\"\n", "x.yml:1: cannot unmarshal !!str `true` into bool"},
      {"count: 1.5x\n", "x.yml:1: cannot unmarshal !!str `1.5x` into int"},
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
  const auto node = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  z: 3\n", "x.yml");
  const auto pairs = node->as_map();

  EXPECT_EQ(*(*pairs)[1].second.as_string_map(),
            (std::map<std::string, std::string>{{"x", "1"}, {"y", "2"}, {"z", "3"}}));
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

// Rows made with yaml.v2 2.4.4 (Go 1.26 on amd64): Helm writes large numbers as floats, and the
// decoder takes any number for an integer.
TEST(Yaml, TakesNumbersForIntegersAsUpstream) {
  struct Row {
    std::string_view text;
    std::optional<std::uint64_t> value;
  };
  const Row rows[] = {{"5e+06", 5'000'000},
                      {"1e3", 1000},
                      {"1.5e3", 1500},
                      {"1.9", 1},
                      {"5.", 5},
                      {".5", 0},
                      {"+7", 7},
                      {"0x1F", 31},
                      {"0X1f", 31},
                      {"0o17", 15},
                      {"0O17", 15},
                      {"017", 15},
                      {"08", 8},
                      {"0b101", 5},
                      {"0B101", 5},
                      {"1_000", 1000},
                      {"1__0", 10},
                      {"0x_1_F", 31},
                      {"1_000.5", 1000},
                      {"18446744073709551615", 18'446'744'073'709'551'615U},
                      {"1e19", 10'000'000'000'000'000'000U},
                      {"-1.5", 18'446'744'073'709'551'615U},
                      {"-0.5", 0},
                      {"-.inf", std::uint64_t{1} << 63},
                      {"!!int \"5\"", 5},
                      {"!!float 5", 5},
                      {"~", 0},
                      {"", 0},
                      {"-1", {}},
                      {"1e20", {}},
                      {".inf", {}},
                      {".nan", {}},
                      {"\"5\"", {}},
                      {"'5'", {}},
                      {"!!str 5", {}},
                      {"5s", {}},
                      {"0x", {}},
                      {"0xg", {}},
                      {"0x1p4", {}},
                      {"1:30", {}},
                      {"yes", {}},
                      {"1 000", {}},
                      {"[5]", {}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto node = parse(concat("a: ", row.text, "\n"), "f");
    ASSERT_TRUE(node) << node.error().message();
    const auto value = node->as_map()->at(0).second.as_uint();
    EXPECT_EQ(value.has_value(), row.value.has_value());
    if (value && row.value) EXPECT_EQ(*value, *row.value);
  }
  EXPECT_EQ(*parse("-1.5", "f")->as_int(), -1);
  EXPECT_EQ(*parse("-0x10", "f")->as_int(), -16);
  EXPECT_EQ(*parse("1e300", "f")->as_double(), 1e300);
  EXPECT_FALSE(parse("9.3e18", "f")->as_int());
  EXPECT_EQ(parse("!!int x", "f").error().message(), "f:1: cannot decode !!str `x` as a !!int");
  EXPECT_EQ(*parse("!!binary aGk=", "f")->as_string(), "hi");
  EXPECT_FALSE(parse("!!binary aGk", "f"));
}

TEST(Yaml, ReadsUtf16AndRefusesControlCharacters) {
  const std::string text = "a: \xc3\xa9\xf0\x9f\x98\x80\n";
  std::string little = "\xff\xfe";
  std::string big = "\xfe\xff";
  for (const unsigned unit : {0x61U, 0x3aU, 0x20U, 0xe9U, 0xd83dU, 0xde00U, 0xaU}) {
    const auto high = static_cast<char>(unit >> 8);
    const auto low = static_cast<char>(unit);
    little += {low, high};
    big += {high, low};
  }
  for (const std::string& document : {text, "\xef\xbb\xbf" + text, little, big}) {
    const auto node = parse(document, "f");
    ASSERT_TRUE(node) << node.error().message();
    EXPECT_EQ(*node->as_map()->at(0).second.as_string(), "\xc3\xa9\xf0\x9f\x98\x80");
  }
  for (const std::string& document :
       {std::string("a: \x01"), std::string("a: \x7f"), std::string("a: \0", 4), little + "\x3d",
        "\xff\xfe" + std::string("\x00\xdc", 2), std::string("%YAML 1.2\n---\na: b"),
        std::string("a: \xc2\x80"), std::string("a: \xff")}) {
    EXPECT_FALSE(parse(document, "f"));
  }
}

// No nesting reaches the stack, and the limit is named, whatever the parser would have said.
TEST(Yaml, StopsAtItsDepthWhateverTheStyle) {
  for (const std::string_view piece : {"[", "{a: ", "- ", "? ", "[{a: ", "? - "}) {
    SCOPED_TRACE(piece);
    std::string text;
    while (text.size() < 200'000) text += piece;
    const auto node = parse(text, "f");
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code(), Code::kLimit);
    EXPECT_NE(node.error().message().find("nested deeper than 100"), std::string::npos)
        << node.error().message();
  }
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) {
    bomb += concat("a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  }
  EXPECT_EQ(parse(bomb, "f").error().code(), Code::kLimit);
  EXPECT_FALSE(parse("a: &a [*a]\n", "f"));
}

// yaml.v2 decodes a merged mapping where it stands, yaml.v3 behind all others.
TEST(Yaml, MergesAsTheDecoderOfItsDialect) {
  constexpr std::string_view kText =
      "base: &b {x: 1, y: 2}\nin: {x: 9, <<: *b}\nout: {<<: *b, x: 9}\n";
  const auto read = [&](std::string_view key, Dialect dialect) {
    const Node root = *parse(kText, "f", dialect);
    std::string x;
    std::string y;
    for (const auto& [name, node] : *root.as_map()) {
      if (name != key) continue;
      MapReader map(node, "T");
      map.read("x", x).read("y", y);
      EXPECT_TRUE(map.finish());
    }
    return concat(x, y);
  };
  EXPECT_EQ(read("in", Dialect::kV2), "12");
  EXPECT_EQ(read("out", Dialect::kV2), "92");
  EXPECT_EQ(read("in", Dialect::kV3), "92");
  EXPECT_EQ(read("out", Dialect::kV3), "92");
  EXPECT_FALSE(parse("base: &b {x: 1}\nm: {<<: *b, x: 2}", "f")->as_map()->at(1).second.as_map());
  EXPECT_FALSE(parse("{a: 1, a: 2}", "f")->as_map());
  EXPECT_FALSE(parse("{<<: 1}", "f")->as_map());
}

}  // namespace
}  // namespace narthex::yaml
