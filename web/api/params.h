// The parameter grammars of the API: times, durations, limits, selectors. Texts of errors are
// upstream's (web/api/v1/api.go at v3.14). Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/matcher.h"
#include "model/storage.h"
#include "model/time.h"
#include "web/form.h"

namespace narthex::web {

/// Defaults of optional time ranges, in milliseconds; fixed by upstream's MinTime and MaxTime.
inline constexpr model::TimeMs kApiTimeMin = -9'223'309'901'257'974'000;
inline constexpr model::TimeMs kApiTimeMax = 9'223'309'901'257'974'999;

/// A time as a parameter says it: any float is one. It reckons as Go's time.Time, which wraps
/// around where 64 bits end; so infinities, NaN and years beyond 2262 become what upstream makes of
/// them.
class ApiTime {
 public:
  /// Exact, but for kApiTimeMax, which stands for the last nanosecond of its second.
  static ApiTime from_ms(model::TimeMs ms);
  /// Rounded to milliseconds as upstream rounds; infinities and NaN as Go converts them.
  static ApiTime from_seconds(double seconds);

  /// Where selections begin and end: seconds times 1,000, wrapped.
  model::TimeMs ms() const;
  /// Where queries are evaluated: nanoseconds, wrapped, in milliseconds. Within 292 years of 1970.
  model::TimeMs query_ms() const;
  /// As Go's Before(), after both sides have wrapped.
  bool is_before(const ApiTime& other) const;
  /// Nanoseconds from `earlier` to this, at most 2^63 - 1.
  std::int64_t since_ns(const ApiTime& earlier) const;

 private:
  ApiTime(std::int64_t seconds, std::int64_t nanoseconds)
      : seconds_(seconds), nanoseconds_(nanoseconds) {}
  std::int64_t since_year_one() const;

  std::int64_t seconds_;      // since 1970
  std::int64_t nanoseconds_;  // in [0, 1e9)
};

/// Seconds since 1970 with fraction, RFC 3339, or upstream's two boundary texts.
Result<ApiTime> parse_time(std::string_view text);

/// parse_time() of the parameter `name`, `fallback` when it is empty; errors name the parameter as
/// upstream does.
Result<ApiTime> time_parameter(const Form& form, std::string_view name, model::TimeMs fallback);

/// Nanoseconds: seconds with fraction, or Prometheus duration text. NaN and 2^63 are the smallest
/// one, as Go converts them.
Result<std::int64_t> parse_duration_ns(std::string_view text);

/// 0 for none. kInvalid for what is no number or negative; errors carry the name `limit` already.
Result<std::size_t> limit_parameter(const Form& form);

/// Go's strconv.Atoi, with its texts.
Result<std::int64_t> parse_integer(std::string_view text);

/// `start` and `end` in milliseconds, with upstream's defaults; either may be the larger.
Result<model::TimeRange> range_parameters(const Form& form);

/// Every `match[]`: at most 1,000, each with a matcher that does not match the empty string.
/// Errors of `client` as they are: patterns may take long.
Result<std::vector<model::Matchers>> matchers_parameter(const Form& form,
                                                        const StopToken& client = {});

}  // namespace narthex::web
