// HTTP dates by <chrono>'s calendar: the C library's formatting knows locales, HTTP only English.
#include "net/http/date.h"

#include <array>
#include <chrono>

#include <fmt/format.h>

namespace narthex::net::http {

std::string http_date(std::int64_t time_ms) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds_point = floor<seconds>(sys_time<milliseconds>(milliseconds(time_ms)));
  const auto day_point = floor<days>(seconds_point);
  const year_month_day date(day_point);
  const hh_mm_ss<seconds> clock(seconds_point - day_point);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[weekday(day_point).c_encoding()], static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

}  // namespace narthex::net::http
