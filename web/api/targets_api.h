// targets, targets/metadata, metadata, scrape_pools, alertmanagers. Plain functions for the CPU
// pool.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/http/message.h"
#include "scrape/manager.h"

namespace narthex::web {

/// Where the endpoints look. Every function is called from several threads.
struct TargetsSource {
  std::function<std::vector<scrape::ActiveTarget>()> active;
  std::function<std::vector<scrape::DroppedTarget>()> dropped;
  std::function<std::vector<scrape::PoolCounts>()> counts;
  std::function<std::vector<std::string>()> pools;
  std::function<std::vector<scrape::TargetMetadata>(std::string_view family)> metadata;
  /// URLs of Alertmanagers in use, and of those dropped by relabelling; none when unset.
  std::function<std::vector<std::string>()> alertmanagers;
  std::function<std::vector<std::string>()> dropped_alertmanagers;
};

/// Everything about scraping from a manager, which must outlive the source; no Alertmanagers.
TargetsSource targets_source(const scrape::ScrapeManager& manager);

/// How others reach this server: targets on the local host are shown under that name.
struct GlobalUrl {
  std::string own_port;  // of the listen address
  std::string scheme;    // of the external URL
  std::string host;      // of the external URL, with its port
};

/// Thread-safe.
class TargetsApi {
 public:
  TargetsApi(TargetsSource source, GlobalUrl global_url)
      : source_(std::move(source)), global_url_(std::move(global_url)) {}

  /// One endpoint each; errors are bad_data for limits that are no numbers and for a bad selector.
  net::http::Response targets(const net::http::Request& request) const;
  net::http::Response target_metadata(const net::http::Request& request) const;
  net::http::Response metric_metadata(const net::http::Request& request) const;
  net::http::Response scrape_pools(const net::http::Request& request) const;
  net::http::Response alertmanagers(const net::http::Request& request) const;

 private:
  TargetsSource source_;
  GlobalUrl global_url_;
};

/// `url` as upstream's globalUrl shows it.
std::string global_url_of(const std::string& url, const GlobalUrl& global);

/// Go's RFC 3339 text of a time; 0 is Go's zero time.
std::string api_time_text(model::TimeMs time);

}  // namespace narthex::web
