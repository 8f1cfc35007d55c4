// Turning exceptions into texts, log lines and counts. The one that matters most is the one with no
// text: a cancelled coroutine ends by system_error(operation_canceled), which is how stopping works
// and nobody's failure.
#include "base/exceptions.h"

#include <boost/system/system_error.hpp>

namespace narthex {

std::string describe_exception(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == boost::system::errc::operation_canceled) return {};
    return e.what();
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

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
