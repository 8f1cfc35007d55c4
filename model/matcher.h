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

enum class MatchType : unsigned char { kEqual, kNotEqual, kRegex, kNotRegex };

class Matcher {
 public:
  /// kInvalid for a bad regular expression.
  static Result<Matcher> create(MatchType type, std::string name, std::string value);
  static Matcher equal(std::string name, std::string value);

  bool matches(std::string_view value) const;
  bool matches(const Labels& labels) const { return matches(labels.get(name_)); }

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

using Matchers = std::vector<Matcher>;

/// "=", "!=", "=~", "!~".
std::string_view match_operator(MatchType type);

bool matches_all(const Matchers& matchers, const Labels& labels);

}  // namespace narthex::model
