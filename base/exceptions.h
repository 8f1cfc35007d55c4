// Where exceptions end. Our code throws nothing, but libraries and operator new do: whatever is
// thrown while a request, a scrape, a rule or a background task runs costs that one thing, is
// logged with what was being done, and counted.
#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"

namespace narthex {

/// What was being done, for the log, and the part that did it, a label of
/// `narthex_exceptions_total`: "http", "scrape", "discovery", "rules", "notifier", "storage", "io".
struct Doing {
  std::string_view part;
  std::string_view what;
};

/// Its text, empty for the one by which a cancelled coroutine ends.
std::string describe_exception(const std::exception_ptr& error);

/// Logs and counts. Does nothing for an empty `text`. Thread-safe.
void report_exception(Log& log, Metrics& metrics, Doing doing, std::string_view text);

/// The exception being handled, reported, as kInternal: "out of memory" or its own words. For catch
/// blocks.
Error report_current_exception(Log& log, Metrics& metrics, Doing doing);

/// What `work`, which returns a Result, returns; when it throws, the reported error.
template <std::invocable Work>
std::invoke_result_t<Work> guarded(Log& log, Metrics& metrics, Doing doing, const Work& work) {
  try {
    return work();
  } catch (...) {
    return std::unexpected(report_current_exception(log, metrics, doing));
  }
}

}  // namespace narthex
