// The PromQL fuzzer's corpus, replayed: what it once found stays fixed without a fuzzer.
#include <gtest/gtest.h>

#include "base/fs.h"
#include "tests/fuzz/promql_check.h"

namespace narthex::web {
namespace {

TEST(PromqlCorpus, HoldsTheFuzzersInvariant) {
  const std::string directory = "tests/fuzz/corpus/promql";
  const auto entries = real_file_system().list(directory);
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_FALSE(entries->empty());
  for (const DirectoryEntry& entry : *entries) {
    SCOPED_TRACE(entry.name);
    const auto text = real_file_system().read_file(concat(directory, "/", entry.name));
    ASSERT_TRUE(text);
    fuzz::check_promql(*text);
  }
}

// Arithmetic on durations by the thousand: parser, printer, tree and evaluation walk it.
TEST(PromqlCorpus, HoldsForLongDurations) {
  for (const std::string_view piece : {"+1m", "*1", "^1", "/1"}) {
    SCOPED_TRACE(piece);
    std::string text = "rate(a[1m";
    while (text.size() < 140'000) text += piece;
    fuzz::check_promql(text + "])");
  }
}

}  // namespace
}  // namespace narthex::web
