// Ties the target endpoints to a scrape manager: functions, so that tests need none and
// Alertmanagers can come from another part.
#include "web/api/targets_api.h"

namespace narthex::web {

TargetsSource targets_source(const scrape::ScrapeManager& manager) {
  return {.active = [&manager] { return manager.active_targets(); },
          .dropped = [&manager] { return manager.dropped_targets(); },
          .counts = [&manager] { return manager.pool_counts(); },
          .pools = [&manager] { return manager.pools(); },
          .metadata = [&manager](std::string_view family) { return manager.metadata(family); },
          .alertmanagers = [] { return std::vector<std::string>(); },
          .dropped_alertmanagers = [] { return std::vector<std::string>(); }};
}

}  // namespace narthex::web
