// Which calls fail, and how the run ends: every combination that the crash tests go through. One
// call alone is a passing fault, two or three in a row meet the recovery from the first, and from
// one on for ever is a disk that is gone, or a process that dies at this call.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tests/support/fault_fs.h"

namespace narthex::test {

struct Plan {
  Fault fault = Fault::kNothing;
  std::size_t first = 0;  // number of the first call that fails
  std::size_t count = 0;
  bool power_loss = false;  // or the process alone dies
};

inline std::string_view fault_name(Fault fault) {
  switch (fault) {
    case Fault::kNothing:
      return "Nothing";
    case Fault::kHalf:
      return "Half";
    case Fault::kAlmost:
      return "Almost";
    case Fault::kAll:
      return "All";
  }
  return "";
}

inline std::string to_string(const Plan& plan) {
  const std::string count =
      plan.count == FaultFs::kForEver ? "for ever" : fmt::format("{} times", plan.count);
  return fmt::format("{} done from call {} {}, then {}", fault_name(plan.fault), plan.first, count,
                     plan.power_loss ? "power loss" : "a kill");
}

/// Whether `fault` at this call is another than Fault::kNothing there.
inline bool differs(Fault fault, const FaultFs::Call& call) {
  if (fault == Fault::kHalf || fault == Fault::kAlmost) return call.name == "append";
  return true;
}

/// Calls `each(plan)` for every plan with this fault, `calls` being those of a run without one.
/// Returns how many there were.
template <typename Each>
std::size_t for_each_plan(Fault fault, const std::vector<FaultFs::Call>& calls, Each each) {
  std::size_t plans = 0;
  for (std::size_t first = 0; first <= calls.size(); ++first) {  // the last one: nothing fails
    if (first < calls.size() && !differs(fault, calls[first])) continue;
    for (const std::size_t count :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, FaultFs::kForEver}) {
      for (const bool power_loss : {false, true}) {
        each(Plan{fault, first, count, power_loss});
        ++plans;
      }
    }
  }
  return plans;
}

}  // namespace narthex::test
