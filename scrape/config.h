// scrape_configs as structs: every field of upstream 3.14 is known, defaults and checks are
// upstream's, and a field whose feature does not exist yet is refused by name with its line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml_fields.h"
#include "discovery/config.h"
#include "model/relabel.h"
#include "model/time.h"
#include "net/http/client_config.h"

namespace narthex::scrape {

enum class Protocol : unsigned char {
  kPrometheusProto,
  kPrometheusText004,
  kPrometheusText100,
  kOpenMetrics001,
  kOpenMetrics100,
};
/// As configuration spells it, such as "OpenMetricsText1.0.0".
std::string_view protocol_name(Protocol protocol);
Result<Protocol> parse_protocol(std::string_view text);

enum class NameValidation : unsigned char { kUtf8, kLegacy };
enum class NameEscaping : unsigned char { kAllowUtf8, kUnderscores, kDots, kValues };

/// The limits that a job inherits from `global` where it says 0. 0 is no limit.
struct ScrapeLimits {
  std::int64_t body_size_bytes = 0;
  std::uint64_t samples = 0;
  std::uint64_t targets = 0;
  std::uint64_t labels = 0;
  std::uint64_t label_name_bytes = 0;
  std::uint64_t label_value_bytes = 0;
  std::uint64_t keep_dropped_targets = 0;
  friend bool operator==(const ScrapeLimits&, const ScrapeLimits&) = default;
};

/// What `global` says about scraping. A default-constructed one is upstream's DefaultGlobalConfig.
struct ScrapeGlobals {
  model::DurationMs scrape_interval = 60'000;
  model::DurationMs scrape_timeout = 10'000;
  std::optional<std::vector<Protocol>> scrape_protocols;
  ScrapeLimits limits;
  NameValidation name_validation = NameValidation::kUtf8;
  std::optional<NameEscaping> name_escaping = NameEscaping::kAllowUtf8;
  bool always_scrape_classic_histograms = false;
  bool extra_scrape_metrics = false;
  friend bool operator==(const ScrapeGlobals&, const ScrapeGlobals&) = default;
};

/// Scraping's fields of the `global` mapping. Upstream prints others between them: the head ends
/// with scrape_protocols, the tail begins with body_size_limit. Both are read before the check,
/// which also fills in defaults.
yaml::Fields<ScrapeGlobals> global_fields_head();
yaml::Fields<ScrapeGlobals> global_fields_tail();
/// What holds before a `global` mapping is read.
ScrapeGlobals unset_globals();
void check_globals(yaml::MapReader& map, ScrapeGlobals& globals);

/// One job, defaults and globals filled in.
struct ScrapeConfig {
  std::string job_name;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  std::map<std::string, std::vector<std::string>> params;
  model::DurationMs scrape_interval = 0;
  model::DurationMs scrape_timeout = 0;
  std::vector<Protocol> scrape_protocols;
  std::optional<Protocol> fallback_protocol;
  bool always_scrape_classic_histograms = false;
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  bool enable_compression = true;
  ScrapeLimits limits;
  std::uint64_t native_histogram_bucket_limit = 0;
  double native_histogram_min_bucket_factor = 0;
  NameValidation name_validation = NameValidation::kUtf8;
  NameEscaping name_escaping = NameEscaping::kAllowUtf8;
  bool extra_scrape_metrics = false;
  net::http::ClientConfig client;
  std::vector<model::RelabelRule> relabel_rules;
  std::vector<model::RelabelRule> metric_relabel_rules;
  discovery::DiscoveryConfig discovery;

  friend bool operator==(const ScrapeConfig&, const ScrapeConfig&) = default;
};

/// One item of `scrape_configs`. Errors: kInvalid with file and line.
Result<ScrapeConfig> decode_scrape_config(const yaml::Node& node, const ScrapeGlobals& globals);

/// Prints one job in upstream's field order. To be called between open_item() and close().
void emit(yaml::Writer& out, const ScrapeConfig& config);

}  // namespace narthex::scrape
