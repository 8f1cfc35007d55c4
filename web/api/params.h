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

/// Seconds since 1970 with fraction, RFC 3339, or upstream's two boundary texts.
Result<model::TimeMs> parse_time(std::string_view text);

/// parse_time() of the parameter `name`, `fallback` when it is empty; errors name the parameter as
/// upstream does.
Result<model::TimeMs> time_parameter(const Form& form, std::string_view name,
                                     model::TimeMs fallback);

/// Nanoseconds: seconds with fraction, or Prometheus duration text.
Result<std::int64_t> parse_duration_ns(std::string_view text);

/// 0 for none. Errors carry the name `limit` already.
Result<std::size_t> limit_parameter(const Form& form);

/// Go's strconv.Atoi, with its texts.
Result<std::int64_t> parse_integer(std::string_view text);

/// `start` and `end` with upstream's defaults.
Result<model::TimeRange> range_parameters(const Form& form);

/// Every `match[]`: at most 1,000, each with a matcher that does not match the empty string.
Result<std::vector<model::Matchers>> matchers_parameter(const Form& form);

}  // namespace narthex::web
