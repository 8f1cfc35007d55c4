// The general way to a number, for the few tokens that parse_plain_value() does not take: long
// mantissas, large exponents, infinities, NaN.
#include "scrape/exposition/number.h"

#include <cmath>

#include "base/str.h"
#include "model/sample.h"

namespace narthex::scrape::exposition {

bool parse_value(std::string_view token, double& value) {
  if (token.empty()) return false;
  const bool has_sign = token.front() == '-' || token.front() == '+';
  if (!parse_float(token, value)) return false;
  if (!std::isnan(value)) return true;
  value = model::normal_nan();
  return !has_sign;  // Go reads "NaN" but not "-NaN"
}

}  // namespace narthex::scrape::exposition
