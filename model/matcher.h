// The four label matchers. A missing label matches as if it were empty.
// Immutable after creation; thread-safe; copies share the compiled regular expression.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "base/result.h"
#include "model/labels.h"

namespace narthex::model {

/// =, !=, =~ and !~. Regular expressions match whole values.
enum class MatchType : unsigned char { kEqual, kNotEqual, kRegex, kNotRegex };

/// One condition on one label. `value` is a text or a pattern, as the type says.
class Matcher {
 public:
  /// kInvalid, in Go's words, for a bad regular expression or one that needs more than 64 MiB;
  /// kLimit for a pattern above 64 KiB.
  static Result<Matcher> create(MatchType type, std::string name, std::string value);
  /// For what cannot fail.
  static Matcher equal(std::string name, std::string value);

  /// Of a label's value, "" for a label that is missing; or of the label in a set.
  bool matches(std::string_view value) const;
  bool matches(const Labels& labels) const { return matches(labels.get(name_)); }

  /// What it was made of.
  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

  /// As PromQL writes it: `name=~"value"`, the name quoted unless it is a plain identifier.
  std::string to_string() const;

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  Matcher(MatchType type, std::string name, std::string value, std::optional<Regex> regex)
      : type_(type), name_(std::move(name)), value_(std::move(value)), regex_(std::move(regex)) {}

  MatchType type_;
  std::string name_;
  std::string value_;
  std::optional<Regex> regex_;
};

/// All of them must match.
using Matchers = std::vector<Matcher>;

/// "=", "!=", "=~", "!~".
std::string_view match_operator(MatchType type);

/// True for no matchers.
bool matches_all(const Matchers& matchers, const Labels& labels);

}  // namespace narthex::model
