// Runs scripts: our own, which must pass whole, and upstream's 21, of which every expectation must
// pass but those that upstream_refused.txt lists. NARTHEX_SCRIPT_VERBOSE=1 prints every failing
// expectation.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "tests/promql/script.h"

namespace narthex::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnScripts = "tests/promql";
constexpr const char* kRefusedList = "tests/promql/upstream_refused.txt";
constexpr const char* kNewer = "newer than 3.14.0";
constexpr std::size_t kListColumns = 100;

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

// What a head and blocks will be: every selection is put together from several sources. Its series
// come in label order then, so that what depends on the order of one store's series may differ.
TEST(OwnScripts, PassOverSeveralStores) {
  for (const auto& [name, path] : scripts_in(kOwnScripts)) {
    SCOPED_TRACE(name);
    for (const ScriptFailure& failure : run_script(read(path), 3).failures) {
      EXPECT_NE(failure.why.find(" is at position "), std::string::npos)
          << failure.line << ": " << failure.expression << ": " << failure.why;
    }
  }
}

// The part that is missing, by the line of the expectation that needs it.
using Refusals = std::map<std::size_t, std::string>;

// "expanding series: not implemented yet: native histograms (histogram_sum)": native histograms.
// Empty if the failure is not a refusal.
std::string missing_part(const std::string& why) {
  const std::size_t at = why.find(kRefusal);
  if (at == std::string::npos) return {};
  const std::string what = why.substr(at + kRefusal.size());
  return what.substr(0, what.find(" ("));
}

// Adds to `out` what `ranges` ("7 12-30") covers.
void add_ranges(const std::string& ranges, const std::string& part, const ScriptReport& report,
                Refusals& out) {
  std::istringstream words(ranges);
  for (std::string word; words >> word;) {
    std::size_t first = 0;
    std::size_t last = 0;
    const int fields = std::sscanf(word.c_str(), "%zu-%zu", &first, &last);
    if (fields < 2) last = first;
    std::size_t found = 0;
    for (const std::size_t line : report.expectations) {
      if (line < first || line > last) continue;
      out[line] = part;
      ++found;
    }
    EXPECT_GT(found, 0) << "no expectation at " << word;
  }
}

// What the list says of script `name`: lines of the form `name, part: ranges`.
Refusals listed_refusals(const std::string& name, const ScriptReport& report) {
  Refusals out;
  std::istringstream lines(read(kRefusedList));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    const std::string head = name + ", ";
    if (!line.starts_with(head) || colon == std::string::npos) continue;
    const std::string part = line.substr(head.size(), colon - head.size());
    add_ranges(line.substr(colon + 2), part, report, out);
  }
  return out;
}

// The refusals of a run, as lines of the list. Neighbours of one part make a range.
void print_list(const std::string& name, const ScriptReport& report, const Refusals& refusals) {
  std::map<std::string, std::vector<std::pair<std::size_t, std::size_t>>> parts;
  std::string before;
  for (const std::size_t line : report.expectations) {
    const auto at = refusals.find(line);
    const std::string part = at == refusals.end() ? std::string() : at->second;
    if (!part.empty() && part == before) {
      parts[part].back().second = line;
    } else if (!part.empty()) {
      parts[part].emplace_back(line, line);
    }
    before = part;
  }
  for (const auto& [part, ranges] : parts) {
    std::string text;
    const std::string head = name + ", " + part + ":";
    for (const auto& [first, last] : ranges) {
      std::string range = " " + std::to_string(first);
      if (last != first) range += "-" + std::to_string(last);
      if (head.size() + text.size() + range.size() > kListColumns) {
        std::printf("%s%s\n", head.c_str(), std::exchange(text, {}).c_str());
      }
      text += range;
    }
    std::printf("%s%s\n", head.c_str(), text.c_str());
  }
}

// Every refusal is listed and every listed expectation is refused, for the listed part. What 3.14.0
// answers otherwise than a later script expects stands in the list as a part of its own.
void expect_as_listed(const Refusals& refused, const Refusals& listed) {
  for (const auto& [line, part] : refused) {
    const auto at = listed.find(line);
    EXPECT_TRUE(at != listed.end() && at->second == part)
        << "line " << line << " is refused for want of " << part << " and not listed so";
  }
  for (const auto& [line, part] : listed) {
    EXPECT_TRUE(refused.contains(line)) << "line " << line << " passes: take it off the list";
  }
}

// An expectation passes, or it is refused and listed with the part that is missing, or it is listed
// as newer than the release whose answers count. No other answer than the expected one is accepted
// from any of them. NARTHEX_SCRIPT_LIST=1 prints the list as it
// should be, for review.
TEST(UpstreamScripts, PassOrAreListedAsRefused) {
  if (!fs::exists(upstream_scripts())) {
    std::printf("skipped: upstream's scripts are not at %s\n", upstream_scripts().c_str());
    GTEST_SKIP();
  }
  const bool verbose = std::getenv("NARTHEX_SCRIPT_VERBOSE") != nullptr;
  const bool lists = std::getenv("NARTHEX_SCRIPT_LIST") != nullptr;
  std::size_t passed = 0;
  std::size_t total = 0;
  std::map<std::string, std::size_t> by_part;
  for (const auto& [name, path] : scripts_in(upstream_scripts())) {
    SCOPED_TRACE(name);
    const ScriptReport report = run_script(read(path));
    EXPECT_EQ(report.broken, "");
    Refusals refused;
    const Refusals listed = listed_refusals(name, report);
    for (const ScriptFailure& failure : report.failures) {
      const auto known = listed.find(failure.line);
      const bool newer = known != listed.end() && known->second == kNewer;
      const std::string part = newer ? kNewer : missing_part(failure.why);
      if (part.empty()) {
        ADD_FAILURE() << "line " << failure.line << ": " << failure.expression << "\n  "
                      << failure.why;
      } else {
        refused[failure.line] = part;
        ++by_part[part];
      }
    }
    expect_as_listed(refused, listed);
    EXPECT_EQ(run_script(read(path), 3).passed(), report.passed()) << "over several stores";
    passed += report.passed();
    total += report.expectations.size();
    std::printf("%-28s %4zu/%zu expectations\n", name.c_str(), report.passed(),
                report.expectations.size());
    if (verbose) print_failures(name, report);
    if (lists) print_list(name, report, refused);
  }
  std::printf("%-28s %4zu/%zu expectations\n", "all", passed, total);
  for (const auto& [part, count] : by_part) {
    std::printf("not passed: %s %zu\n", part.c_str(), count);
  }
}

}  // namespace
}  // namespace narthex::test
