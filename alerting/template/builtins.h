// Go's builtin functions, for the function table only.
#pragma once

#include <span>

#include "alerting/template/functions.h"

namespace narthex::alerting::tmpl {

std::vector<Function> builtin_functions();
std::vector<Function> prometheus_functions();

}  // namespace narthex::alerting::tmpl
