// The two halves of the function table, for functions.cpp, which makes it once.
#pragma once

#include <span>

#include "alerting/template/functions.h"

namespace narthex::alerting::tmpl {

/// Go's builtins, and Prometheus' own, by the names that templates write.
std::vector<Function> builtin_functions();
std::vector<Function> prometheus_functions();

}  // namespace narthex::alerting::tmpl
