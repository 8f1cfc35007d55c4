// Upstream's promqltest language: load series, evaluate, compare. Each eval command is one
// expectation; it passes when the query, its form with @ at several times, and its form as a range
// query all give what is expected.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace narthex::test {

/// With these words the engine refuses what is not there yet; the missing part follows.
inline constexpr std::string_view kRefusal = "not implemented yet: ";

struct ScriptFailure {
  std::size_t line = 0;
  std::string expression;
  std::string why;
};

struct ScriptReport {
  std::vector<std::size_t> expectations;  // the line of each, ascending
  std::vector<ScriptFailure> failures;
  std::string broken;  // why the script itself could not be read

  std::size_t passed() const { return expectations.size() - failures.size(); }
};

/// Runs a whole script against a fresh engine and store, with upstream's test settings. With
/// several `stores` the samples of every series are dealt out to them, and each selection is
/// merged.
ScriptReport run_script(std::string_view text, std::size_t stores = 1);

}  // namespace narthex::test
