// The fuzzer's corpus, replayed: what it once found stays fixed without a fuzzer.
#include <gtest/gtest.h>

#include "base/fs.h"
#include "base/str.h"
#include "tests/fuzz/exposition_check.h"

namespace narthex::scrape {
namespace {

TEST(ExpositionCorpus, HoldsTheFuzzersInvariant) {
  const std::string directory = "tests/fuzz/corpus/exposition";
  const auto entries = real_file_system().list(directory);
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_FALSE(entries->empty());
  for (const DirectoryEntry& entry : *entries) {
    SCOPED_TRACE(entry.name);
    const auto text = real_file_system().read_file(concat(directory, "/", entry.name));
    ASSERT_TRUE(text);
    fuzz::check_exposition(*text);
  }
}

// Every prefix of a body is a body too: cut at any byte, nothing overreads and nothing is misread.
TEST(ExpositionCorpus, HoldsForEveryPrefix) {
  const std::string body =
      "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\",x=\"\\\"\"} 1.5e3 17 \n{\"q\"} -Inf\n# "
      "EOF\n";
  for (std::size_t size = 0; size <= body.size(); ++size) {
    SCOPED_TRACE(size);
    fuzz::check_exposition(body.substr(0, size) + "\xff" + body);
  }
}

}  // namespace
}  // namespace narthex::scrape
