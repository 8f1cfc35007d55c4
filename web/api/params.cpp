// Parameter grammars.
#include "web/api/params.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/str.h"
#include "query/functions/go_math.h"
#include "query/promql/parser.h"
#include "web/api/errors.h"

namespace narthex::web {
namespace {

constexpr std::size_t kSelectorsMax = 1'000;  // reliability.md 7.4
constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kInt64Limit = 9223372036854775808.0;

Error invalid(std::string message) {
  return Error(Code::kInvalid, std::move(message));
}

model::TimeMs to_milliseconds(double seconds) {
  double whole = 0;
  const double fraction = std::modf(seconds, &whole);
  const double ms = whole * 1000 + std::round(fraction * 1000);
  if (ms <= static_cast<double>(kApiTimeMin)) return kApiTimeMin;
  if (ms >= static_cast<double>(kApiTimeMax)) return kApiTimeMax;
  return static_cast<model::TimeMs>(ms);
}

bool selects_something(const model::Matchers& matchers) {
  for (const model::Matcher& matcher : matchers) {
    if (!matcher.matches(std::string_view())) return true;
  }
  return false;
}

}  // namespace

Result<model::TimeMs> parse_time(std::string_view text) {
  double seconds = 0;
  if (query::go::parse_float(text, seconds) && std::isfinite(seconds)) {
    return to_milliseconds(seconds);
  }
  if (auto time = model::parse_rfc3339(text)) return *time;
  if (text == "-292273086-05-16T16:47:06Z") return kApiTimeMin;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kApiTimeMax;
  return invalid(concat("cannot parse ", quote(text), " to a valid timestamp"));
}

Result<model::TimeMs> time_parameter(const Form& form, std::string_view name,
                                     model::TimeMs fallback) {
  const std::string_view text = form.get(name);
  if (text.empty()) return fallback;
  auto time = parse_time(text);
  if (time) return time;
  return invalid_parameter(
      name, invalid(concat("invalid time value for '", name, "': ", time.error().message())));
}

Result<std::int64_t> parse_duration_ns(std::string_view text) {
  double seconds = 0;
  if (query::go::parse_float(text, seconds) && !std::isnan(seconds)) {
    const double ns = seconds * kNanosecondsPerSecond;
    if (ns >= kInt64Limit || ns < -kInt64Limit) {
      return invalid(
          concat("cannot parse ", quote(text), " to a valid duration. It overflows int64"));
    }
    return static_cast<std::int64_t>(ns);
  }
  if (auto duration = model::parse_duration(text)) return *duration * 1'000'000;
  return invalid(concat("cannot parse ", quote(text), " to a valid duration"));
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = end.ptr == digits.data() + digits.size() && !digits.empty();
  if (!whole || end.ec == std::errc::invalid_argument || text.starts_with("+-")) {
    return invalid(concat("strconv.Atoi: parsing ", quote(text), ": invalid syntax"));
  }
  if (end.ec != std::errc()) {
    return invalid(concat("strconv.Atoi: parsing ", quote(text), ": value out of range"));
  }
  return value;
}

Result<std::size_t> limit_parameter(const Form& form) {
  const std::string_view text = form.get("limit");
  if (text.empty()) return 0;
  auto limit = parse_integer(text);
  if (!limit) return invalid_parameter("limit", limit.error());
  if (*limit < 0) return invalid_parameter("limit", invalid("limit must be non-negative"));
  return static_cast<std::size_t>(*limit);
}

Result<model::TimeRange> range_parameters(const Form& form) {
  NX_TRY_ASSIGN(const model::TimeMs start, time_parameter(form, "start", kApiTimeMin));
  NX_TRY_ASSIGN(const model::TimeMs end, time_parameter(form, "end", kApiTimeMax));
  return model::TimeRange{.min = start, .max = end};
}

Result<std::vector<model::Matchers>> matchers_parameter(const Form& form) {
  const std::vector<std::string> texts = form.all("match[]");
  if (texts.size() > kSelectorsMax) {
    return invalid(concat("more than ", kSelectorsMax, " match[] parameters"));
  }
  std::vector<model::Matchers> sets;
  for (const std::string& text : texts) {
    NX_TRY_ASSIGN(model::Matchers matchers, query::parse_selector(text));
    sets.push_back(std::move(matchers));
  }
  for (const model::Matchers& matchers : sets) {
    if (!selects_something(matchers)) {
      return invalid("match[] must contain at least one non-empty matcher");
    }
  }
  return sets;
}

}  // namespace narthex::web
