// Regular expressions as PromQL and relabelling define them: Go's syntax over RE2, anchored at both
// ends, dot matches newline. The one file that knows RE2 is regex.cpp. Immutable and thread-safe
// once compiled; copies share the program.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace narthex {

struct TranslatedRegex;

/// A compiled pattern. Matching takes time linear in the text, whatever the pattern; compiling may
/// take some 100 ms for patterns at the limits, and nothing interrupts it.
class Regex {
 public:
  /// Compiles ^(?s:pattern)$. kInvalid in Go's words for a bad pattern or one that needs more
  /// than 64 MiB; kLimit above 64 KiB.
  static Result<Regex> anchored(std::string_view pattern);
  /// The same for a label matcher, whose pattern must be one by itself (`a)(b` is none) and knows
  /// fewer names of Unicode sets. Plain texts between bars match bytes, whatever they are.
  static Result<Regex> matcher(std::string_view pattern);
  /// Compiles the pattern as it stands, for search and replacement in templates.
  static Result<Regex> unanchored(std::string_view pattern);

  /// All of `text` for anchored() and matcher(), anywhere in it for unanchored(). A byte that is
  /// not UTF-8 reads as U+FFFD, as in Go.
  bool matches(std::string_view text) const;

  /// When `text` matches, `replacement` with $1, ${1}, $name, ${name} and $$ expanded as Go's
  /// regexp does (unknown groups are empty); otherwise false and `out` is untouched. kLimit, with
  /// `out` unspecified, when the result would be longer than `bytes_max`.
  Result<bool> expand(std::string_view text, std::string_view replacement, std::size_t bytes_max,
                      std::string& out) const;

  /// Every match replaced, with the same expansion: Go's ReplaceAllString. kLimit when the result
  /// would be longer than `bytes_max`.
  Result<std::string> replace_all(std::string_view text, std::string_view replacement,
                                  std::size_t bytes_max) const;

 private:
  struct Program;
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  enum class Reading : unsigned char { kAnywhere, kWhole, kBytes };  // kBytes: whole, any bytes
  static Result<Regex> compile(std::string_view pattern, const TranslatedRegex& translated,
                               Reading reading);
  std::shared_ptr<const Program> program_;
};

}  // namespace narthex
