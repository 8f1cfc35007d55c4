// Replays the fuzzer's corpus without a fuzzer, so that what it once found stays fixed.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "query/promql/ast.h"
#include "query/promql/parser.h"

namespace narthex::query {
namespace {

constexpr ParserOptions kAll{
    .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};

TEST(PromqlCorpus, PrintsWhatParsesToTheSame) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/promql")) {
    SCOPED_TRACE(entry.path());
    ++files;
    std::ifstream in(entry.path());
    std::ostringstream text;
    text << in.rdbuf();
    const Result<ExprPtr> parsed = parse_expression(text.str(), kAll);
    if (!parsed) continue;
    const std::string printed = to_string(**parsed);

    const Result<ExprPtr> again = parse_expression(printed, kAll);

    ASSERT_TRUE(again) << printed << ": " << again.error().message();
    EXPECT_EQ(to_string(**again), printed);
    EXPECT_TRUE(parse_expression(to_pretty_string(**parsed), kAll));
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace narthex::query
