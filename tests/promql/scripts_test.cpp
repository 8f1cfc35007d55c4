// Runs scripts: our own, which must pass whole, and upstream's 21, of which no expectation that
// passed may be lost. NARTHEX_SCRIPT_VERBOSE=1 prints every failing expectation.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/promql/script.h"

namespace narthex::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnScripts = "tests/promql";
constexpr const char* kRecord = "tests/promql/upstream_passes.txt";

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

fs::path upstream_scripts() {
  const char* shared = std::getenv("NARTHEX_SHARED");
  return fs::path(shared != nullptr ? shared : "../shared") / "testdata" / "promqltest";
}

std::map<std::string, fs::path> scripts_in(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") found[entry.path().filename()] = entry.path();
  }
  return found;
}

void print_failures(const std::string& name, const ScriptReport& report) {
  for (const ScriptFailure& failure : report.failures) {
    std::printf("%s:%zu: %s\n    %s\n", name.c_str(), failure.line, failure.expression.c_str(),
                failure.why.c_str());
  }
}

TEST(OwnScripts, PassWhole) {
  const auto scripts = scripts_in(kOwnScripts);

  EXPECT_FALSE(scripts.empty());
  for (const auto& [name, path] : scripts) {
    SCOPED_TRACE(name);
    const ScriptReport report = run_script(read(path));
    EXPECT_EQ(report.broken, "");
    EXPECT_TRUE(report.failures.empty());
    print_failures(name, report);
  }
}

// How many expectations of each file passed when somebody last looked. A number only goes up.
std::map<std::string, std::size_t> recorded_passes() {
  std::map<std::string, std::size_t> out;
  std::istringstream lines(read(kRecord));
  for (std::string name; lines >> name;) lines >> out[name];
  return out;
}

TEST(UpstreamScripts, LoseNoExpectation) {
  if (!fs::exists(upstream_scripts())) {
    GTEST_SKIP() << "upstream's scripts are not at " << upstream_scripts();
  }
  const bool verbose = std::getenv("NARTHEX_SCRIPT_VERBOSE") != nullptr;
  const auto recorded = recorded_passes();
  std::size_t passed = 0;
  std::size_t total = 0;
  for (const auto& [name, path] : scripts_in(upstream_scripts())) {
    SCOPED_TRACE(name);
    const ScriptReport report = run_script(read(path));
    std::printf("%-28s %4zu/%zu expectations\n", name.c_str(), report.passed(),
                report.expectations);
    passed += report.passed();
    total += report.expectations;
    EXPECT_EQ(report.broken, "");
    const auto before = recorded.find(name);
    EXPECT_GE(report.passed(), before == recorded.end() ? 0 : before->second);
    if (verbose) print_failures(name, report);
  }
  std::printf("%-28s %4zu/%zu expectations\n", "all", passed, total);
}

}  // namespace
}  // namespace narthex::test
