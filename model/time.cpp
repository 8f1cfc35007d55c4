// Durations and timestamps as text. Both are upstream's and Go's formats to the letter, in what
// they take as in what they print, since they stand in configuration files, in the API and in
// alerts.
//
// No floating point and no calendar of the C library: sums are checked for overflow, dates are
// <chrono>'s.
#include "model/time.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/str.h"
#include "base/units.h"

namespace narthex::model {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

// Largest first: the order in which units may appear.
constexpr std::array<Unit, 7> kUnits = {{{"y", 365LL * 86'400'000},
                                         {"w", 7LL * 86'400'000},
                                         {"d", 86'400'000},
                                         {"h", 3'600'000},
                                         {"m", 60'000},
                                         {"s", 1000},
                                         {"ms", 1}}};
constexpr std::int64_t kMaxMs = std::numeric_limits<std::int64_t>::max() / kNsPerMs;

Error bad_duration(std::string_view text) {
  return Error(Code::kInvalid, concat("not a valid duration string: ", quote(text)));
}

// Index of the unit whose name is exactly `name`, or kUnits.size().
std::size_t find_unit(std::string_view name) {
  std::size_t i = 0;
  while (i < kUnits.size() && kUnits[i].name != name) ++i;
  return i;
}

struct Parts {
  int year;
  unsigned month, day, hour, minute, second, ms;
};

Parts split_time(TimeMs time) {
  using namespace std::chrono;
  const sys_time<milliseconds> point{milliseconds(time)};
  const auto day_point = floor<days>(point);
  const year_month_day date(day_point);
  const hh_mm_ss<milliseconds> clock(point - day_point);
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<unsigned>(clock.hours().count()),
          static_cast<unsigned>(clock.minutes().count()),
          static_cast<unsigned>(clock.seconds().count()),
          static_cast<unsigned>(clock.subseconds().count())};
}

bool read_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  const auto end = std::from_chars(text.data(), text.data() + count, value);
  if (end.ec != std::errc() || end.ptr != text.data() + count || text.front() == '-') return false;
  text.remove_prefix(count);
  return true;
}

bool read_char(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction after the seconds, cut to milliseconds. Go takes a comma for the point.
bool read_fraction(std::string_view& text, std::int64_t& ms) {
  ms = 0;
  if (!read_char(text, '.') && !read_char(text, ',')) return true;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return false;
  for (std::size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits ? text[i] - '0' : 0);
  text.remove_prefix(digits);
  return true;
}

// Go takes one digit, too.
bool read_hour(std::string_view& text, int& hour) {
  const bool two = text.size() > 1 && text[1] != ':';
  return read_digits(text, two ? 2 : 1, hour);
}

bool read_offset(std::string_view text, std::int64_t& offset_ms) {
  offset_ms = 0;
  if (text == "Z") return true;
  if (text.size() != 6 || (text.front() != '+' && text.front() != '-')) return false;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!read_digits(text, 2, hours) || !read_char(text, ':') || !read_digits(text, 2, minutes))
    return false;
  offset_ms = sign * (hours * 3600LL + minutes * 60LL) * 1000;
  return hours <= 24 && minutes <= 60;  // as Go: some people do write those
}

}  // namespace

TimeMs to_time(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kLimit) return std::numeric_limits<TimeMs>::max();
  if (value < -kLimit) return std::numeric_limits<TimeMs>::min();
  return static_cast<TimeMs>(value);
}

Result<DurationMs> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return Error(Code::kInvalid, "empty duration string");
  std::string_view rest = text;
  std::size_t next_unit = 0;
  std::int64_t total = 0;
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (end.ec == std::errc::result_out_of_range)
      return Error(Code::kInvalid, "duration out of range");
    if (end.ec != std::errc() || rest.front() == '-') return bad_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end.ptr - rest.data()));
    const std::size_t letters = std::min(rest.find_first_of("0123456789"), rest.size());
    const std::size_t unit = find_unit(rest.substr(0, letters));
    if (letters == 0) return bad_duration(text);
    if (unit >= kUnits.size()) {
      return Error(Code::kInvalid, concat("unknown unit ", quote(rest.substr(0, letters)),
                                          " in duration ", quote(text)));
    }
    // Units come in descending order, each at most once: 1h30m, not 30m1h.
    if (unit < next_unit) return bad_duration(text);
    rest.remove_prefix(letters);
    next_unit = unit + 1;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(number, kUnits[unit].ms, &part) ||
        __builtin_add_overflow(total, part, &total) || total > kMaxMs) {
      return Error(Code::kInvalid, "duration out of range");
    }
  }
  return total;
}

std::string format_duration(DurationMs duration) {
  if (duration == 0) return "0s";
  std::string out;
  std::int64_t rest = duration;
  if (rest < 0) {
    out = "-";
    rest = -std::max(rest, -std::numeric_limits<std::int64_t>::max());
  }
  for (const Unit& unit : kUnits) {
    // Years and weeks only when exact, as upstream prints.
    const bool exact_only = unit.name == "y" || unit.name == "w";
    if (exact_only && rest % unit.ms != 0) continue;
    const std::int64_t count = rest / unit.ms;
    if (count == 0) continue;
    out += concat(count, unit.name);
    rest -= count * unit.ms;
  }
  return out;
}

std::string format_rfc3339_ms(TimeMs time) {
  const Parts p = split_time(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", p.year, p.month, p.day, p.hour,
                     p.minute, p.second, p.ms);
}

std::string format_rfc3339(TimeMs time) {
  std::string text = format_rfc3339_ms(time);
  text.pop_back();
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + 'Z';
}

Result<TimeMs> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t ms = 0;
  std::int64_t offset_ms = 0;
  const bool shaped = read_digits(rest, 4, year) && read_char(rest, '-') &&
                      read_digits(rest, 2, month) && read_char(rest, '-') &&
                      read_digits(rest, 2, day) && read_char(rest, 'T') && read_hour(rest, hour) &&
                      read_char(rest, ':') && read_digits(rest, 2, minute) &&
                      read_char(rest, ':') && read_digits(rest, 2, second) &&
                      read_fraction(rest, ms) && read_offset(rest, offset_ms);
  using namespace std::chrono;
  const year_month_day date(std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!shaped || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    return Error(Code::kInvalid, concat("cannot parse ", quote(text), " to a valid timestamp"));
  }
  // Four digits of a year cannot overflow.
  const auto day_ms = duration_cast<milliseconds>(sys_days(date).time_since_epoch()).count();
  return day_ms + hour * 3'600'000LL + minute * 60'000LL + second * 1000LL + ms - offset_ms;
}

}  // namespace narthex::model
