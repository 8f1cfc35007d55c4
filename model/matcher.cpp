// Matching one value. Which series have such a value is the index's business; it asks here once for
// each value of a label, not for each series.
#include "model/matcher.h"

#include <algorithm>

#include "base/str.h"

namespace narthex::model {

Result<Matcher> Matcher::create(MatchType type, std::string name, std::string value) {
  std::optional<Regex> regex;
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    NX_TRY_ASSIGN(regex, Regex::matcher(value));
  }
  return Matcher(type, std::move(name), std::move(value), std::move(regex));
}

Matcher Matcher::equal(std::string name, std::string value) {
  return Matcher(MatchType::kEqual, std::move(name), std::move(value), std::nullopt);
}

bool Matcher::matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegex:
      return regex_->matches(value);
    case MatchType::kNotRegex:
      return !regex_->matches(value);
  }
  return false;
}

std::string Matcher::to_string() const {
  const std::string name = is_legacy_label_name(name_) ? name_ : quote(name_);
  return concat(name, match_operator(type_), quote(value_));
}

std::string_view match_operator(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegex:
      return "=~";
    case MatchType::kNotRegex:
      return "!~";
  }
  return "?";
}

bool matches_all(const Matchers& matchers, const Labels& labels) {
  return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels); });
}

}  // namespace narthex::model
