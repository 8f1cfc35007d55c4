// Reporting exceptions.
#include "base/exceptions.h"

#include "base/executors.h"

namespace narthex {

void report_exception(Log& log, Metrics& metrics, Doing doing, std::string_view text) {
  if (text.empty()) return;
  metrics
      .counter("narthex_exceptions_total",
               "Requests, scrapes, rules and tasks that were ended by an exception.",
               {{"part", doing.part}})
      .add();
  log.error("ended by an exception", {{"doing", doing.what}, {"err", text}});
}

Error report_current_exception(Log& log, Metrics& metrics, Doing doing) {
  std::string text = describe_exception(std::current_exception());
  report_exception(log, metrics, doing, text);
  return Error(Code::kInternal, std::move(text));
}

}  // namespace narthex
