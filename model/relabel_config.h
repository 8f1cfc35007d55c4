// Relabelling rules in configuration files: strict decoding and printing.
#pragma once

#include <string_view>
#include <vector>

#include "base/yaml.h"
#include "model/relabel.h"

namespace narthex::model {

/// Reads the list `key` of `map`, each rule checked on its own so that the error carries its line.
/// `what` names a rule in the error for a null one, such as "target relabeling rule in scrape
/// config". `legacy_names` is theirs.
void decode_relabel_rules(yaml::MapReader& map, std::string_view key, std::string_view what,
                          bool legacy_names, std::vector<RelabelRule>& out);

/// Prints them under `key` in upstream's order; nothing when there are none.
void emit_relabel_rules(yaml::Writer& out, std::string_view key,
                        const std::vector<RelabelRule>& rules);

}  // namespace narthex::model
