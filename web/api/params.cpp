// Parameter grammars, and times that go wrong the way Go's do.
//
// Clients send times far outside of any clock (infinities, MinTime, 1e300), and upstream answers
// them without an error, by sums that wrap around. ApiTime does the same sums: seconds since 1970
// and nanoseconds apart, compared as time.Time does from year 1 on, wrapped where 64 bits end. So
// the same request selects the same samples here, or none, as there.
#include "web/api/params.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/str.h"
#include "base/units.h"
#include "query/context.h"
#include "query/functions/go_math.h"
#include "query/promql/parser.h"
#include "web/api/errors.h"

namespace narthex::web {
namespace {

constexpr std::size_t kSelectorsMax = 1'000;  // docs/limits.md
constexpr double kInt64Limit = 9223372036854775808.0;

Error invalid(std::string message) {
  return Error(Code::kInvalid, std::move(message));
}

constexpr std::int64_t kSecondsFromYearOne = 62'135'596'800;  // to 1970

// How Go converts on amd64: whatever does not fit is the smallest integer.
std::int64_t to_int64(double value) {
  if (value >= -kInt64Limit && value < kInt64Limit) return static_cast<std::int64_t>(value);
  return std::numeric_limits<std::int64_t>::min();
}

// Sums and products as Go's, which wrap around.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrapping_multiply(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

bool selects_something(const model::Matchers& matchers) {
  for (const model::Matcher& matcher : matchers) {
    if (!matcher.matches(std::string_view())) return true;
  }
  return false;
}

}  // namespace

ApiTime ApiTime::from_ms(model::TimeMs ms) {
  const std::int64_t rest = (ms % 1000 + 1000) % 1000;
  // The last time is the last nanosecond of its second.
  const std::int64_t ns = ms == kApiTimeMax ? kNsPerSecond - 1 : rest * kNsPerMs;
  return {ms / 1000 - (ms % 1000 < 0 ? 1 : 0), ns};
}

ApiTime ApiTime::from_seconds(double seconds) {
  double whole = seconds;
  double fraction = std::numeric_limits<double>::quiet_NaN();  // Go's, of an infinity
  if (std::isfinite(seconds)) fraction = std::modf(seconds, &whole);
  std::int64_t sum = to_int64(whole);
  std::int64_t ns =
      to_int64(std::round(fraction * 1000) / 1000 * static_cast<double>(kNsPerSecond));
  if (ns < 0 || ns >= kNsPerSecond) {
    sum = wrapping_add(sum, ns / kNsPerSecond);
    ns %= kNsPerSecond;
    if (ns < 0) {
      ns += kNsPerSecond;
      sum = wrapping_add(sum, -1);
    }
  }
  return {sum, ns};
}

std::int64_t ApiTime::since_year_one() const {
  return wrapping_add(seconds_, kSecondsFromYearOne);
}

model::TimeMs ApiTime::ms() const {
  return wrapping_add(wrapping_multiply(seconds_, 1000), nanoseconds_ / kNsPerMs);
}

model::TimeMs ApiTime::query_ms() const {
  return wrapping_add(wrapping_multiply(seconds_, kNsPerSecond), nanoseconds_) / kNsPerMs;
}

bool ApiTime::is_before(const ApiTime& other) const {
  if (since_year_one() != other.since_year_one()) return since_year_one() < other.since_year_one();
  return nanoseconds_ < other.nanoseconds_;
}

std::int64_t ApiTime::since_ns(const ApiTime& earlier) const {
  const __int128 seconds = static_cast<__int128>(since_year_one()) - earlier.since_year_one();
  const __int128 ns = seconds * kNsPerSecond + nanoseconds_ - earlier.nanoseconds_;
  // Go's Sub() saturates above; what is below is never asked for, since the end is not before the
  // start.
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return ns > kMax ? kMax : static_cast<std::int64_t>(ns);
}

Result<ApiTime> parse_time(std::string_view text) {
  double seconds = 0;
  if (query::go::parse_float(text, seconds)) return ApiTime::from_seconds(seconds);
  if (auto time = model::parse_rfc3339(text)) return ApiTime::from_ms(*time);
  if (text == "-292273086-05-16T16:47:06Z") return ApiTime::from_ms(kApiTimeMin);
  if (text == "292277025-08-18T07:12:54.999999999Z") return ApiTime::from_ms(kApiTimeMax);
  return invalid(concat("cannot parse ", quote(text), " to a valid timestamp"));
}

Result<ApiTime> time_parameter(const Form& form, std::string_view name, model::TimeMs fallback) {
  const std::string_view text = form.get(name);
  if (text.empty()) return ApiTime::from_ms(fallback);
  auto time = parse_time(text);
  if (time) return time;
  return invalid_parameter(
      name, invalid(concat("invalid time value for '", name, "': ", time.error().message())));
}

Result<std::int64_t> parse_duration_ns(std::string_view text) {
  double seconds = 0;
  if (query::go::parse_float(text, seconds)) {
    const double ns = seconds * static_cast<double>(kNsPerSecond);
    if (ns > kInt64Limit || ns < -kInt64Limit) {
      return invalid(
          concat("cannot parse ", quote(text), " to a valid duration. It overflows int64"));
    }
    return to_int64(ns);
  }
  if (auto duration = model::parse_duration(text)) return *duration * kNsPerMs;
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
    return Error(Code::kInvalid,
                 concat("strconv.Atoi: parsing ", quote(text), ": value out of range"),
                 Cause::kOutOfRange);
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
  NX_TRY_ASSIGN(const ApiTime start, time_parameter(form, "start", kApiTimeMin));
  NX_TRY_ASSIGN(const ApiTime end, time_parameter(form, "end", kApiTimeMax));
  return model::TimeRange{.min = start.ms(), .max = end.ms()};
}

Result<std::vector<model::Matchers>> matchers_parameter(const Form& form, const StopToken& client) {
  const std::vector<std::string> texts = form.all("match[]");
  if (texts.size() > kSelectorsMax) {
    return invalid(concat("more than ", kSelectorsMax, " match[] parameters"));
  }
  std::vector<model::Matchers> sets;
  const query::Stop stop{.token = client, .memory = MemoryScope::current()};
  const query::ParserOptions options{.stop = &stop};
  for (const std::string& text : texts) {
    NX_TRY_ASSIGN(model::Matchers matchers, query::parse_selector(text, options));
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
