// Tables of scalar functions by name, and the arithmetic of operators.
//
// The calendar functions work for every double: Go computes dates from a 64-bit count that wraps
// around, and years far beyond 16 bits, for which <chrono> has no room. So the conversion is done
// here in integers, wrapping as Go's does.
#include "query/functions/math.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "model/sample.h"
#include "query/functions/go_math.h"

namespace narthex::query {
namespace {

struct Named {
  std::string_view name;
  UnaryMath f;
};

double sign(double v) {
  return v < 0 ? -1 : v > 0 ? 1 : v;
}
double radians(double v) {
  return v * std::numbers::pi / 180;
}
double degrees(double v) {
  return v * 180 / std::numbers::pi;
}

template <double (*F)(double)>
double call(double v) {
  return F(v);
}

// Seconds since 1970, cut to whole seconds as Go's int64() does; out of range is the smallest int64
// on amd64.
std::int64_t whole_seconds(double v) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(v < kLimit && v >= -kLimit)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(v);
}

constexpr std::int64_t kDaySeconds = 24 * 60 * 60;

// Go counts seconds from an absolute year far back, in 64 bits without a sign; times before it wrap
// around.
struct Instant {
  std::int64_t day = 0;     // since 1970
  std::int64_t second = 0;  // of the day
};

Instant instant_of(double v) {
  constexpr std::int64_t kAbsoluteDays =
      292277022400 / 400 * 146097 + 306;  // to year 1; fixed by Go
  constexpr std::int64_t kUnixDays = 1969 * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400;
  constexpr std::int64_t kDays = kAbsoluteDays + kUnixDays;
  constexpr std::uint64_t kDay = kDaySeconds;
  const std::uint64_t absolute = static_cast<std::uint64_t>(whole_seconds(v)) + kDays * kDay;
  return {.day = static_cast<std::int64_t>(absolute / kDay) - kDays,
          .second = static_cast<std::int64_t>(absolute % kDay)};
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}
std::int64_t floor_mod(std::int64_t a, std::int64_t b) {
  return a % b < 0 ? a % b + b : a % b;
}

struct Date {
  std::int64_t year = 1970;
  unsigned month = 1;
  unsigned day = 1;
};

// Days since 1970 to the civil calendar, for any year: Howard Hinnant's algorithm, which chrono's
// 16-bit years lack.
Date civil(std::int64_t days) {
  constexpr std::int64_t kEraDays = 146097;
  const std::int64_t z = days + 719468;
  const std::int64_t era = floor_div(z, kEraDays);
  const std::int64_t day_of_era = z - era * kEraDays;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t mp = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * mp + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(mp < 10 ? mp + 3 : mp - 9);
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0), .month = month, .day = day};
}

bool is_leap(std::int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

constexpr std::array<int, 12> kMonthDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

Date date_of(double v) {
  return civil(instant_of(v).day);
}

double days_in_month(double v) {
  const Date date = date_of(v);
  if (date.month == 2 && is_leap(date.year)) return 29;
  return kMonthDays[date.month - 1];
}
double day_of_month(double v) {
  return date_of(v).day;
}
double day_of_year(double v) {
  const Date date = date_of(v);
  int days = static_cast<int>(date.day) + (date.month > 2 && is_leap(date.year) ? 1 : 0);
  for (unsigned m = 1; m < date.month; ++m) days += kMonthDays[m - 1];
  return days;
}
double day_of_week(double v) {
  constexpr std::int64_t kThursday = 4;  // 1970-01-01
  return static_cast<double>(floor_mod(instant_of(v).day + kThursday, 7));
}
double hour(double v) {
  return static_cast<double>(instant_of(v).second / 3600);
}
double minute(double v) {
  return static_cast<double>(instant_of(v).second % 3600 / 60);
}
double month(double v) {
  return date_of(v).month;
}
double year(double v) {
  return static_cast<double>(date_of(v).year);
}

constexpr auto kCalendar = std::to_array<Named>({{"day_of_month", day_of_month},
                                                 {"day_of_week", day_of_week},
                                                 {"day_of_year", day_of_year},
                                                 {"days_in_month", days_in_month},
                                                 {"hour", hour},
                                                 {"minute", minute},
                                                 {"month", month},
                                                 {"year", year}});

constexpr auto kMath = std::to_array<Named>({
    {"abs", call<std::fabs>},
    {"acos", go::acos},
    {"acosh", go::acosh},
    {"asin", go::asin},
    {"asinh", go::asinh},
    {"atan", go::atan},
    {"atanh", go::atanh},
    {"ceil", call<std::ceil>},
    {"cos", go::cos},
    {"cosh", go::cosh},
    {"deg", degrees},
    {"exp", go::exp},
    {"floor", call<std::floor>},
    {"ln", go::log},
    {"log10", go::log10},
    {"log2", go::log2},
    {"rad", radians},
    {"sgn", sign},
    {"sin", go::sin},
    {"sinh", go::sinh},
    {"sqrt", call<std::sqrt>},
    {"tan", go::tan},
    {"tanh", go::tanh},
});

template <typename Table>
UnaryMath find(const Table& table, std::string_view name) {
  const auto at = std::ranges::find(table, name, &Named::name);
  return at == table.end() ? nullptr : at->f;
}

}  // namespace

UnaryMath find_unary_math(std::string_view name) {
  const UnaryMath calendar = find(kCalendar, name);
  return calendar != nullptr ? calendar : find(kMath, name);
}

bool is_calendar_function(std::string_view name) {
  return find(kCalendar, name) != nullptr;
}

bool compare(Token op, double left, double right) {
  if (op == Token::kEqlc) return left == right;
  if (op == Token::kNeq) return left != right;
  if (op == Token::kGtr) return left > right;
  if (op == Token::kLss) return left < right;
  return op == Token::kGte ? left >= right : left <= right;
}

double binary_math(Token op, double left, double right) {
  if (op == Token::kAdd) return left + right;
  if (op == Token::kSub) return left - right;
  if (op == Token::kMul) return left * right;
  if (op == Token::kDiv) return left / right;
  if (op == Token::kMod) return std::fmod(left, right);
  if (op == Token::kPow) return go::pow(left, right);
  if (op == Token::kAtan2) return go::atan2(left, right);
  return compare(op, left, right) ? 1 : 0;
}

double go_max(double a, double b) {
  if (std::isinf(a) && a > 0) return a;
  if (std::isinf(b) && b > 0) return b;
  if (std::isnan(a) || std::isnan(b)) return model::normal_nan();
  if (a == 0 && a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

double go_min(double a, double b) {
  if (std::isinf(a) && a < 0) return a;
  if (std::isinf(b) && b < 0) return b;
  if (std::isnan(a) || std::isnan(b)) return model::normal_nan();
  if (a == 0 && a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

}  // namespace narthex::query
