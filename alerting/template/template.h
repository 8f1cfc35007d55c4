// Go's text/template as alert labels and annotations use it, with Prometheus' functions. A template
// cannot loop for ever, nest without end or grow without bound: 100,000 steps, 64 template calls
// deep, 1 MiB of output, 100 queries.
#pragma once

#include <string>
#include <string_view>

#include "alerting/template/functions.h"
#include "base/parallel.h"
#include "base/result.h"

namespace narthex::alerting {

inline constexpr std::size_t kTemplateStepsMax = 100'000;       // reliability.md 7.5
inline constexpr int kTemplateCallsMax = 64;                    // reliability.md 7.5
inline constexpr std::size_t kTemplateOutputMax = 1024 * 1024;  // reliability.md 7.5
inline constexpr std::size_t kTemplateQueriesMax = 100;         // reliability.md 7.5

/// Expands `text` with `data` as dot. Errors, in upstream's words: kInvalid `error parsing template
/// <name>: ...`, kExecution `error executing template <name>: ...`, both naming line and column;
/// kLimit.
Result<std::string> expand_template(const std::string& name, std::string_view text,
                                    const tmpl::Value& data, const tmpl::Environment& environment,
                                    const StopToken& stop = {});

/// kInvalid `template: <name>:<line>: ...` when `text` does not parse.
Result<void> check_template(const std::string& name, std::string_view text);

/// What stands in front of every alert template: $labels, $externalLabels, $externalURL, $value.
std::string_view alert_template_preamble();

}  // namespace narthex::alerting
