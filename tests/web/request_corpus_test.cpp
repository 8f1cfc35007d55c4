// The request fuzzer's corpus, replayed, and a short run of random requests from a printed seed.
#include <random>

#include <gtest/gtest.h>

#include "tests/fuzz/request_check.h"

namespace narthex::web {
namespace {

TEST(RequestCorpus, HoldsTheFuzzersInvariant) {
  const std::string directory = "tests/fuzz/corpus/request";
  const auto entries = real_file_system().list(directory);
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_FALSE(entries->empty());
  fuzz::RequestServer server;
  for (const DirectoryEntry& entry : *entries) {
    SCOPED_TRACE(entry.name);
    const auto text = real_file_system().read_file(concat(directory, "/", entry.name));
    ASSERT_TRUE(text);
    server.check(*text);
  }
}

TEST(RequestCorpus, HoldsForRandomRequests) {
  const auto seed = static_cast<std::uint32_t>(SystemClock().now_ms());
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  fuzz::RequestServer server;
  for (int i = 0; i < 1000; ++i) {
    std::string input(8 + random() % 56, '\0');
    for (char& c : input) c = static_cast<char>(random());
    SCOPED_TRACE(i);
    server.check(input);
  }
}

}  // namespace
}  // namespace narthex::web
