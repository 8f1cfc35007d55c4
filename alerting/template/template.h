// Go's text/template as alert labels and annotations use it, with Prometheus' functions. A template
// cannot loop for ever, nest without end or grow without bound; past a limit its expansion is an
// error.
#pragma once

#include <string>
#include <string_view>

#include "alerting/template/functions.h"
#include "base/parallel.h"
#include "base/result.h"

namespace narthex::alerting {

/// What one expansion may take: docs/limits.md. Bytes, seconds, or counts.
inline constexpr std::size_t kTemplateStepsMax = 100'000;
inline constexpr int kTemplateCallsMax = 64;
inline constexpr std::size_t kTemplateOutputMax = std::size_t{1} << 20;  // of a string, too
inline constexpr std::size_t kTemplateQueriesMax = 100;
inline constexpr std::size_t kTemplateHeldMax = std::size_t{64} << 20;  // variables, query results
inline constexpr int kTemplateNestingMax = 256;  // blocks and parentheses, over all calls
inline constexpr std::int64_t kTemplateSecondsMax = 10;

/// Expands `text` with `data` as dot. Errors, in upstream's words: kInvalid `error parsing template
/// <name>: ...`, kExecution `error executing template <name>: ...`, both naming line and column;
/// kLimit; kCancelled and kTimeout from `stop`.
Result<std::string> expand_template(const std::string& name, std::string_view text,
                                    const tmpl::Value& data, const tmpl::Environment& environment,
                                    const StopToken& stop = {});

/// kInvalid `template: <name>:<line>: ...` when `text` does not parse, kLimit when it is too long.
/// Pure.
Result<void> check_template(const std::string& name, std::string_view text);

/// What stands in front of every alert template: $labels, $externalLabels, $externalURL, $value.
std::string_view alert_template_preamble();

}  // namespace narthex::alerting
