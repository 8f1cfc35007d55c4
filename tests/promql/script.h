// Upstream's promqltest language: load series, evaluate, compare. Each eval command is one
// expectation; it passes when the query, its form with @ at several times, and its form as a range
// query all give what is expected.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace narthex::test {

struct ScriptFailure {
  std::size_t line = 0;
  std::string expression;
  std::string why;
};

struct ScriptReport {
  std::size_t expectations = 0;
  std::vector<ScriptFailure> failures;
  std::string broken;  // why the script itself could not be read

  std::size_t passed() const { return expectations - failures.size(); }
};

/// Runs a whole script against a fresh engine and store, with upstream's test settings.
ScriptReport run_script(std::string_view text);

}  // namespace narthex::test
