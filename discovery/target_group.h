// What service discovery finds, of whatever kind it is: lists of targets that share labels.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "model/labels.h"

namespace narthex::discovery {

/// Targets that share labels. A group takes the place of the one with its source before it; one
/// without targets takes that away.
struct TargetGroup {
  std::vector<model::Labels> targets;  // each with at least __address__
  model::Labels labels;
  std::string source;  // unique within one provider
  friend bool operator==(const TargetGroup&, const TargetGroup&) = default;
};

/// A group of these addresses. kInvalid for a bad label name, kLimit for labels that are too large.
Result<TargetGroup> make_group(const std::vector<std::string>& addresses,
                               const std::vector<std::pair<std::string, std::string>>& labels);

/// One `{targets: [...], labels: {...}}`. kInvalid with file and line.
Result<TargetGroup> decode_group(const yaml::Node& node);

}  // namespace narthex::discovery
