// Relabelling rules in configuration files: strict decoding and printing.
#pragma once

#include <string_view>
#include <vector>

#include "base/yaml_fields.h"
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

/// The two as a field; `legacy_names` is a bool, or a function of the T that is read.
template <typename T, typename LegacyNames>
void add_relabel_rules(yaml::Fields<T>& fields, std::string_view key,
                       std::vector<RelabelRule> T::* rules, std::string_view what,
                       LegacyNames legacy_names) {
  fields.add(
      [=](yaml::MapReader& map, T& out) {
        bool legacy = false;
        if constexpr (std::is_same_v<LegacyNames, bool>)
          legacy = legacy_names;
        else
          legacy = legacy_names(out);
        decode_relabel_rules(map, key, what, legacy, out.*rules);
      },
      [=](yaml::Writer& out, const T& from) { emit_relabel_rules(out, key, from.*rules); });
}

}  // namespace narthex::model
